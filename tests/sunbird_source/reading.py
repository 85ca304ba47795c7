"""What tests of readers share: folders of exports, and all rows of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lernbatch.sunbird_source.model import Options, SourceRow, SunbirdSource, UnreadableRow
from lernbatch.sunbird_source.opening import open_source

KEYS = {
    "course_batch": "courseid,batchid",
    "user_enrolments": "userid,courseid,batchid",
    "user_content_consumption": "userid,courseid,batchid,contentid",
    "assessment_aggregator": "user_id,course_id,batch_id,content_id,attempt_id",
    "user_activity_agg": "activity_type,activity_id,user_id,context_id",
}


def all_rows(source: SunbirdSource) -> dict[str, list[SourceRow | UnreadableRow]]:
    """Every row of `source`, by table, in the order of its chunks."""
    rows: dict[str, list[SourceRow | UnreadableRow]] = {}
    for chunk in source.chunks():
        for row in source.rows(chunk):
            rows.setdefault(row.table, []).append(row)
    return rows


def read(folder: Path, **options: Any) -> dict[str, list[SourceRow | UnreadableRow]]:
    source = open_source(str(folder), Options(**options))
    try:
        return all_rows(source)
    finally:
        source.close()


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def cqlsh(folder: Path, table: str, columns: str, *lines: str) -> Path:
    """A folder with one CSV of cqlsh. `columns`: those behind the key; `lines`: their values, as they stand there."""
    keys = KEYS[table].split(",")
    text = ",".join([*keys, columns]) + "\r\n"
    text += "".join(f"{','.join(f'{key}-{number}' for key in keys)},{line}\r\n" for number, line in enumerate(lines))
    return write(folder, {f"sunbird_courses/{table}.csv": text})


def one(rows: Mapping[str, list[SourceRow | UnreadableRow]], table: str) -> dict[str, Any]:
    """The values of the only row of `table`."""
    (row,) = rows[table]
    assert isinstance(row, SourceRow), row
    return row.values
