"""Backup and restore of a PostgreSQL that is older than the programs which make them: those of the embedded one."""

from __future__ import annotations

from pathlib import Path

import sandbox
from postgres_supervisor import embedded
from tests.cli.commands import Installation
from tests.cli.test_commands import rows
from tests.real.patroni import POSTGRES
from tests.running import named

ORGANISATIONS = Path(sandbox.__file__).parent / "data" / "organisations.csv"


def test_a_backup_of_an_older_server_is_restored_into_it(tmp_path: Path) -> None:
    with embedded.running(tmp_path / "pg", bin_dir=POSTGRES) as dsn:
        for name in ("lost", "back"):
            rows(dsn, f"CREATE DATABASE {name}")
        lost, back = (
            Installation(tmp_path / name, named(dsn, name), {"LERNBATCH_PG_BIN": ""}) for name in ("lost", "back")
        )
        imported = lost.run("import", "orgs", ORGANISATIONS)
        assert imported.returncode == 0, imported.stderr
        for installation, word in ((lost, "backup"), (back, "restore")):
            done = installation.run(word, tmp_path / "backup")
            assert done.returncode == 0, done.stderr
        assert rows(back.dsn or "", "SELECT org_id FROM sandbox_organisation")
        assert back.run("check").returncode == 0
