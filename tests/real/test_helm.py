"""Helm takes the chart, with and without what is optional; a chart without its secret is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

CHART = Path(__file__).parents[2] / "deploy/helm/lernbatch"
NEEDED = ("secret.name=s", "publicKeys.configMap=k")
ALL = ("ingress.enabled=true", "ingress.tlsSecret=t", "persistence.existingClaim=c")
KINDS = {"Deployment", "Service", "Job", "PodDisruptionBudget"}


def helm(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["helm", *words], capture_output=True, text=True, timeout=600)


def rendered(*values: str) -> subprocess.CompletedProcess[str]:
    sets = [word for value in values for word in ("--set", value)]
    return helm("template", "batches", CHART, "--kube-version", "1.31.0", *sets)


def kinds(*values: str) -> set[str]:
    done = rendered(*NEEDED, *values)
    assert done.returncode == 0, done.stderr
    return {line.removeprefix("kind: ") for line in done.stdout.splitlines() if line.startswith("kind: ")}


def test_the_chart_has_nothing_to_complain_of() -> None:
    done = helm("lint", "--strict", CHART, *(word for value in NEEDED for word in ("--set", value)))
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


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((), "secret.name must name a secret"),
        (NEEDED[:1], "publicKeys.configMap must name the identity provider's keys"),
    ],
)
def test_a_chart_without_what_it_needs_says_what_is_missing(values: tuple[str, ...], said: str) -> None:
    done = rendered(*values)
    assert done.returncode != 0
    assert said in done.stderr


def test_for_trying_out_it_needs_no_keys() -> None:
    assert rendered(NEEDED[0], "settings.LERNBATCH_SANDBOX=true").returncode == 0
