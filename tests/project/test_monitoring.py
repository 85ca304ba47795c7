"""Alerts, dashboard and documentation name the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"lernbatch_[a-z_]+")
SUFFIX = re.compile(r"_(bucket|sum|count)$")
SOURCES = ("lernbatch/metrics.py", "lernbatch/ops/gauges.py")
METRICS = {name for source in SOURCES for name in re.findall(r'"(lernbatch_[a-z_]+)"', (ROOT / source).read_text())}


def named(text: str) -> set[str]:
    return {name if name in METRICS else SUFFIX.sub("", name) for name in NAME.findall(text)}


@pytest.mark.parametrize(
    "file", ["deploy/prometheus/lernbatch.rules.yaml", "deploy/prometheus/lernbatch.rules.test.yaml"]
)
def test_alerts_are_on_metrics_that_exist(file: str) -> None:
    assert named((ROOT / file).read_text()) <= METRICS


def test_every_panel_of_the_dashboard_shows_metrics_that_exist() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/lernbatch.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert named(target["expr"]), panel["title"]
            assert named(target["expr"]) <= METRICS, panel["title"]


def test_every_metric_is_documented_and_no_other() -> None:
    rows = [line for line in (ROOT / "docs/observing.md").read_text().splitlines() if line.startswith("| `lernbatch_")]
    assert named("\n".join(row.split("|")[1] for row in rows)) == METRICS


def test_every_alert_has_a_test() -> None:
    rules, tests = ((ROOT / f"deploy/prometheus/lernbatch.rules{kind}.yaml").read_text() for kind in ("", ".test"))
    alerts = re.findall(r"alert: (\w+)", rules)
    assert [alert for alert in alerts if not re.search(rf"alertname: {alert}\n +exp_alerts", tests)] == []
