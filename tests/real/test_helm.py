"""Helm takes the chart, with and without what is optional; a chart without its secret is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHART = Path(__file__).parents[2] / "deploy/helm/lernbatch"
ALL = ("ingress.enabled=true", "ingress.tlsSecret=t", "publicKeys.configMap=k", "persistence.existingClaim=c")
KINDS = {"Deployment", "Service", "Job", "PodDisruptionBudget"}


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *words], capture_output=True, text=True, timeout=600)


def kinds(*values: str) -> set[str]:
    sets = [word for value in ("secret.name=s", *values) for word in ("--set", value)]
    done = helm("template", "batches", CHART, "--kube-version", "1.31.0", *sets)
    assert done.returncode == 0, done.stderr
    return {line.removeprefix("kind: ") for line in done.stdout.splitlines() if line.startswith("kind: ")}


def test_the_chart_has_nothing_to_complain_of() -> None:
    done = helm("lint", "--strict", CHART, "--set", "secret.name=s")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("values", "more"),
    [
        ((), {"NetworkPolicy", "PersistentVolumeClaim"}),
        (ALL, {"NetworkPolicy", "Ingress"}),
        (("networkPolicy.enabled=false",), {"PersistentVolumeClaim"}),
    ],
)
def test_the_chart_renders(values: tuple[str, ...], more: set[str]) -> None:
    assert kinds(*values) == KINDS | more


def test_a_chart_without_its_secret_says_what_is_missing() -> None:
    done = helm("template", "batches", CHART, "--kube-version", "1.31.0")
    assert done.returncode != 0
    assert "secret.name must name a secret" in done.stderr
