"""Prometheus' own tool reads the alerts, and fires them when it should."""

from __future__ import annotations

import subprocess
from pathlib import Path

RULES = Path(__file__).parents[2] / "deploy/prometheus"


def test_the_alerts_are_rules_that_prometheus_takes() -> None:
    subprocess.run(["promtool", "check", "rules", RULES / "lernbatch.rules.yaml"], check=True)


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    subprocess.run(["promtool", "test", "rules", RULES / "lernbatch.rules.test.yaml"], check=True)
