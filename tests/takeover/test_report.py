"""What a report's files hold: ids that callers once invented compute nothing in whoever opens them."""

from __future__ import annotations

import csv
from pathlib import Path

import asyncpg

from lernbatch.services import Services
from lernbatch.takeover import actions, report
from tests.takeover.moving import Installation

PROBLEM = "INSERT INTO takeover.problem (kind, key, said, of_batches) VALUES ('odd-id', $1, $2, false)"


def test_no_cell_of_a_report_s_table_is_a_formula(dsn: str, tmp_path: Path, sunbird_export: Path) -> None:
    installation = Installation(dsn, tmp_path / "home", sunbird_export)
    formula = "=HYPERLINK('https://elsewhere.example')"

    async def write(_: Services, conn: asyncpg.Connection) -> None:
        await conn.execute(PROBLEM, [formula, "0140"], {"stored": "+1+1", "reckoned": -2, "@more": None})
        said = {"command": "verify", "problems": {"odd-id": {"count": 1, "weight": "", "examples": []}}}
        await report.write(tmp_path, said, actions.permanent(conn))

    installation.run(write)
    with (tmp_path / "odd-id.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1:] == [[f"'{formula} 0140", "'+1+1", "-2", '{"@more":null}']]
