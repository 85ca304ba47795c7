"""Backup and restore as an operator practises them: with data, a kill, a lost home, and what is in the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyrage
import pytest

from tests.cli.commands import Installation, sentence
from tests.cli.test_commands import rows


@pytest.fixture
def installation(own_installation: Installation) -> Installation:
    """One with keys and a file."""
    assert own_installation.run("token", "u-vikram").returncode == 0
    file = own_installation.home / "files" / "progress-exhaust" / "r1" / "b1.zip"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a report")
    (file.parent / "b2.zip#1").write_bytes(b"half a report")
    return own_installation


@pytest.fixture
def folder(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backup of it."""
    folder = tmp_path_factory.mktemp("backups") / "first"
    done = installation.run("backup", folder)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def elsewhere(empty_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A machine with nothing on it."""
    return Installation(tmp_path_factory.mktemp("elsewhere") / "home", empty_dsn, {})


def below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.real
def test_a_killed_and_lost_installation_comes_back_whole(tmp_path: Path) -> None:
    lost, back = (Installation(tmp_path / name, None, {}) for name in ("lost", "back"))
    assert lost.run("demo", "--once", "--learners", "20").returncode == 0
    with lost.serving("serve") as serving:
        serving.wait_until_ready()
        done = lost.run("backup", tmp_path / "backup")
        assert done.returncode == 0, done.stderr
        serving.process.kill()
    keys = below(lost.home / "keys")
    shutil.rmtree(lost.home, ignore_errors=True)
    assert "are whole" in back.run("restore", tmp_path / "backup", "--check").stdout
    done = back.run("restore", tmp_path / "backup")
    assert done.returncode == 0, done.stderr
    assert below(back.home / "keys") == keys
    assert back.run("reconcile").stdout.endswith("0 differences\n")
    assert back.run("check").returncode == 0
    with back.serving("serve") as serving:
        serving.wait_until_ready()


def test_a_backup_holds_what_counts_for_its_owner_alone(installation: Installation, folder: Path) -> None:
    held = below(folder)
    assert held["files/progress-exhaust/r1/b1.zip"] == b"a report"
    assert "files/progress-exhaust/r1/b2.zip#1" not in held
    assert {name.removeprefix("keys/") for name in held if name.startswith("keys/")} == {
        *below(installation.home / "keys")
    }
    assert {path.stat().st_mode & 0o077 for path in folder.rglob("*") if path.is_file()} == {0}
    manifest = json.loads(held["manifest.json"])
    assert {file["path"] for file in manifest["files"]} | {"manifest.json"} == {*held}
    assert manifest["tables"]["migration"] == rows(installation.dsn, "SELECT count(*) FROM migration")[0][0]


def test_keys_and_files_come_back_where_they_were(
    installation: Installation, folder: Path, elsewhere: Installation
) -> None:
    done = elsewhere.run("restore", folder)
    assert done.returncode == 0, done.stderr
    assert below(elsewhere.home / "keys") == below(installation.home / "keys")
    assert below(elsewhere.home / "files") == {"progress-exhaust/r1/b1.zip": b"a report"}


def damage(folder: Path) -> str:
    with (folder / "database.dump").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x00\x01")
    return "checksum"


def lose(folder: Path) -> str:
    next((folder / "keys").rglob("*.pem")).unlink()
    return "No such file"


def leave_unfinished(folder: Path) -> str:
    (folder / "manifest.json").unlink()
    return "not finished"


def cut_manifest(folder: Path) -> str:
    (folder / "manifest.json").write_bytes(b'{"version": "0.')
    return "manifest.json cannot be read"


def edit(folder: Path, change: Callable[[dict[str, object]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def come_from_a_newer_version(folder: Path) -> str:
    edit(folder, lambda manifest: manifest.update(version="9.1.0", migration="9999_future.sql"))
    return "install 9.1.0 or later"


@pytest.mark.parametrize("harm", [damage, lose, leave_unfinished, cut_manifest, come_from_a_newer_version])
def test_a_backup_that_is_not_whole_is_named_and_restores_nothing(
    harm: Callable[[Path], str], folder: Path, elsewhere: Installation
) -> None:
    reason = harm(folder)
    for words in (["--check"], []):
        done = elsewhere.run("restore", folder, *words)
        assert done.returncode == 1
        assert reason in sentence(done)
    assert rows(elsewhere.dsn, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []
    assert not (elsewhere.home / "keys").exists()


@pytest.mark.parametrize("path", ["keys/../../outside", "files//etc/outside"])
def test_a_manifest_that_leads_out_of_its_folder_is_refused(path: str, folder: Path, elsewhere: Installation) -> None:
    (folder / "outside").write_bytes(b"a report")
    edit(folder, lambda manifest: manifest["files"][-1].update(path=path))  # type: ignore[index]
    assert elsewhere.run("restore", folder).returncode == 1
    assert not (elsewhere.home / "keys").exists()


def test_nothing_that_is_there_is_overwritten(
    installation: Installation, folder: Path, elsewhere: Installation
) -> None:
    assert "has tables already" in sentence(installation.run("restore", folder))
    assert "is not empty" in sentence(installation.run("backup", folder))
    key = elsewhere.home / "keys" / "private.pem"
    key.parent.mkdir(parents=True)
    key.write_bytes(b"mine")
    assert f"{key} exists already" in sentence(elsewhere.run("restore", folder))
    assert key.read_bytes() == b"mine"
    assert rows(elsewhere.dsn, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace") == []


def test_an_encrypted_backup_opens_with_its_identity_alone(
    installation: Installation, elsewhere: Installation, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = tmp_path_factory.mktemp("encrypted")
    (mine, others) = (pyrage.x25519.Identity.generate() for _ in range(2))
    for name, identity in (("mine", mine), ("others", others)):
        (place / name).write_text(f"# created: today\n{identity}\n")
    done = installation.run("backup", place / "backup", "--recipient", str(mine.to_public()))
    assert done.returncode == 0, done.stderr
    assert all(
        name == "manifest.json" or body.startswith(b"age-encryption.org")
        for name, body in below(place / "backup").items()
    )
    assert "--identity" in sentence(elsewhere.run("restore", place / "backup"))
    assert "cannot be decrypted" in sentence(elsewhere.run("restore", place / "backup", "--identity", place / "others"))
    assert elsewhere.run("restore", place / "backup", "--check", "--identity", place / "mine").returncode == 0
    assert elsewhere.run("restore", place / "backup", "--identity", place / "mine").returncode == 0
    assert below(elsewhere.home / "keys") == below(installation.home / "keys")


def test_what_a_backup_does_not_hold_is_said(installation: Installation, tmp_path: Path) -> None:
    keys = tmp_path / "certificate-keys"
    keys.mkdir()
    (keys / "key-1.pem").write_bytes(b"a key")
    configured = replace(installation, settings={"LERNBATCH_CERTIFICATE_KEY_FOLDER": str(keys)})
    done = configured.run("backup", tmp_path / "backup", LERNBATCH_PUBLIC_KEY_FOLDER=str(tmp_path))
    assert "LERNBATCH_PUBLIC_KEY_FOLDER" in done.stdout
    assert below(tmp_path / "backup")["certificate-keys/key-1.pem"] == b"a key"


def test_a_recipient_that_is_no_key_is_refused_before_anything_is_written(
    installation: Installation, tmp_path: Path
) -> None:
    assert "age1" in sentence(installation.run("backup", tmp_path / "backup", "--recipient", "me"))
    assert not (tmp_path / "backup").exists()
