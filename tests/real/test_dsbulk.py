"""What dsbulk unloads of a real Cassandra."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from lernbatch.sunbird_source.opening import open_source
from tests.real.cassandra import Node, by_key, jars
from tests.sunbird_source.reading import all_rows
from tests.sunbird_source.sunbird_export.world import TABLES

ALL = tuple(TABLES)


@pytest.mark.parametrize(("mode", "tables"), [("MULTI_DOCUMENT", ALL), ("SINGLE_DOCUMENT", ("assessment_aggregator",))])
def test_m01_what_dsbulk_exports_of_it_is_read(
    node: Node, expected: dict[str, list[dict[str, Any]]], tmp_path: Path, mode: str, tables: tuple[str, ...]
) -> None:
    program = ["java", "-Xmx256m", "-cp", f"{jars('dsbulk')}/*", "com.datastax.oss.dsbulk.runner.DataStaxBulkLoader"]
    for table in tables:
        keyspace = TABLES[table][0]
        subprocess.run(
            [*program, "unload", "-c", "json", "--connector.json.mode", mode, "-url", tmp_path / keyspace / table,
             "-k", keyspace, "-t", table, "-h", f'["127.0.0.1:{node.ports[0]}"]', "-logDir", tmp_path / "logs"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
    source = open_source(str(tmp_path))
    assert source.form == "dsbulk-json"
    assert by_key(all_rows(source)) == {table: expected[table] for table in tables}
