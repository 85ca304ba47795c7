"""Prometheus' own tool reads the alerts, and fires them when it should."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

OBSERVING = Path(__file__).parents[2] / "docs/observing.md"
RULES = Path(__file__).parents[2] / "deploy/prometheus"


def test_the_alerts_are_rules_that_prometheus_takes() -> None:
    subprocess.run(["promtool", "check", "rules", RULES / "lernbatch.rules.yaml"], check=True)


def test_each_alert_fires_when_it_should_and_not_otherwise() -> None:
    subprocess.run(["promtool", "test", "rules", RULES / "lernbatch.rules.test.yaml"], check=True)


def test_prometheus_takes_what_the_page_on_observing_tells_it(tmp_path: Path) -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", OBSERVING.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (tmp_path / "prometheus.yaml").write_text(text, encoding="utf-8")
    shutil.copy(RULES / "lernbatch.rules.yaml", tmp_path)
    subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yaml"], check=True)
