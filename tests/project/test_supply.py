"""What the product is made of: no pinned package has an advisory that is stored, and the bill of materials is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from packaging.specifiers import SpecifierSet

from supply import advisories, lock, sbom
from supply.advisories import Advisory
from supply.lock import Package

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements.lock"
RANGES = Advisory(
    "CVE-1", "some-package", (SpecifierSet("<1.2"), SpecifierSet(">=2.0,<2.3")), "https://x.example", True
)


def told(version: str, name: str = "some-package") -> list[str]:
    return advisories.open_in([Package(name, version, ())], [RANGES])


def test_a_version_in_one_of_the_ranges_is_open_and_the_mended_ones_are_not() -> None:
    assert [version for version in ("1.1", "1.2", "1.9", "2.0", "2.2.9", "2.3", "2.3.0rc1") if told(version)] == [
        "1.1",
        "2.0",
        "2.2.9",
    ]
    assert told("1.1", "another-package") == []


def test_the_check_of_the_locks_works_without_a_network_and_says_how_old_its_list_is() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "supply.advisories", LOCK], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "days ago" in done.stdout
    assert " 0 open" in done.stdout


def test_a_lock_with_an_open_advisory_fails_the_check(tmp_path: Path) -> None:
    known = advisories.read().advisories[0]
    bad = tmp_path / "bad.lock"
    version = next(iter(known.affected[0])).version
    versions = [version, "0.0.1"]  # the bound itself may be the mended one
    affected = next(one for one in versions if known.affected[0].contains(one))
    bad.write_text(f"{known.package}=={affected} \\\n    --hash=sha256:{'0' * 64}\n")
    done = subprocess.run(
        [sys.executable, "-m", "supply.advisories", bad], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 1
    assert known.id in done.stdout


def test_every_advisory_is_of_a_pinned_package_and_names_its_source() -> None:
    pinned = {package.name for file in ROOT.glob("requirements*.lock") for package in lock.read(file)}
    stored = advisories.read().advisories
    assert [one.id for one in stored if one.package not in pinned or not one.source.startswith("https://")] == []
    assert len({one.id for one in stored}) == len(stored)


def test_the_bill_names_every_pinned_package_with_its_hashes_and_declared_licence() -> None:
    bill = sbom.build(LOCK, datetime(2026, 6, 1, tzinfo=UTC))
    pinned = lock.read(LOCK)
    assert [(one["name"], one["version"]) for one in bill["components"]] == [(one.name, one.version) for one in pinned]
    assert all(one["externalReferences"][0]["hashes"] for one in bill["components"])
    licences = {one["name"]: one.get("licenses") for one in bill["components"]}
    assert licences["starlette"] == [{"expression": "BSD-3-Clause"}]
    assert bill == json.loads(json.dumps(bill))
    assert len({one["bom-ref"] for one in bill["components"]}) == len(bill["components"])


def test_who_finds_a_weakness_learns_where_to_tell_it_and_what_is_supported() -> None:
    """SECURITY.md stands where forges look for it, and whoever reads the README or the documentation finds it."""
    policy = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    for said in ("To report a weakness", "private report form", "do not open a public issue", "Supported"):
        assert said in policy
    for path in ("README.md", "docs/security.md"):
        assert "SECURITY.md" in (ROOT / path).read_text(encoding="utf-8"), path
    assert "docs/security.md" in policy
