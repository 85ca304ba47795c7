"""Writes rows for the source's own loaders: JSON for `dsbulk load`, CSV for `COPY FROM` of cqlsh."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from lernbatch.takeover.convert.values import iso


class Writer:
    """The files of one table, in both forms. `columns`: what the source calls a column → what we do."""

    def __init__(self, folder: Path, called: str, columns: Mapping[str, str]) -> None:
        keyspace, _, table = called.rpartition(".")
        self.called, self.columns, self.rows = called, dict(columns), 0
        json_file = folder / "dsbulk" / keyspace / table / "output-000001.json"
        csv_file = folder / "cqlsh" / keyspace / f"{table}.csv"
        for path in (json_file, csv_file):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._json = json_file.open("wb")
        self._csv = csv_file.open("w", newline="", encoding="utf-8")
        self._cells = csv.writer(self._csv, escapechar="\\", doublequote=False, lineterminator="\r\n")
        self._cells.writerow(columns)

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._json.close()
        self._csv.close()

    def write(self, values: Mapping[str, Any]) -> None:
        """One row; of `values` those whose column the source has."""
        row = {called: values.get(name) for called, name in self.columns.items()}
        self._json.write(msgspec.json.encode({name: _plain(value) for name, value in row.items()}) + b"\n")
        self._cells.writerow([_text(value, nested=False) for value in row.values()])
        self.rows += 1


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {name: _plain(entry) for name, entry in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(entry) for entry in value]
    return value


def _text(value: Any, *, nested: bool) -> str:
    """A value as COPY FROM reads it: texts in collections in quotes, an apostrophe twice, a null field left out."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        text = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}+0000"
        return f"'{text}'" if nested else text
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'" if nested else value
    if isinstance(value, Mapping):
        is_answer = "assess_ts" in value  # a user-defined type, whose fields are bare
        entries = [(name, entry) for name, entry in value.items() if not is_answer or entry is not None]
        pairs = [
            f"{name if is_answer else _text(name, nested=True)}: {_text(entry, nested=True)}" for name, entry in entries
        ]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(_text(entry, nested=True) for entry in value) + "]"
    return repr(value)
