"""How rows become bytes: the contract's CSV, Parquet, XLSX. Each is written as the rows come."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import msgspec

from lernbatch.exhaust.cells import neutral
from lernbatch.exhaust.model import FileFormat, Row
from lernbatch.exhaust.sheet import Xlsx

_EMPTY = "\x00"  # an empty text until quotes are decided: no text from PostgreSQL holds a zero
_QUOTED = ',"\n\r'
_needs_quotes = re.compile(f"[{_QUOTED}]").search


class Format(Protocol):
    """Takes the header first, then rows; what it gives is the file, piece by piece. Nothing of it is kept elsewhere."""

    def header(self, columns: Sequence[str]) -> bytes: ...
    def rows(self, rows: Sequence[Row]) -> bytes: ...
    def finish(self) -> bytes: ...


class Csv:
    """Comma, quotes only where needed, inner quotes and backslashes escaped by a backslash, empty text as `""`.

    Source: contract jobs §5.9. The standard writer knows no difference between an empty text and no number.
    """

    def __init__(self, *, neutralised: bool = False) -> None:
        self._neutralised = neutralised

    def header(self, columns: Sequence[str]) -> bytes:
        return self.rows([columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        if self._neutralised:
            rows = [[neutral(cell) for cell in row] for row in rows]
        columns = [_written(column) for column in zip(*rows, strict=True)]
        lines = [",".join(line) + "\n" for line in zip(*columns, strict=True)]
        return "".join(lines).replace(_EMPTY, '""').encode()

    def finish(self) -> bytes:
        return b""


def _written(column: Row) -> list[str]:
    """The cells of a column; looking at all of them at once for what needs quotes is quicker than at each."""
    cells = [cell or _EMPTY if isinstance(cell, str) else "" if cell is None else str(cell) for cell in column]
    joined = "".join(cells)
    if not any(mark in joined for mark in _QUOTED):
        return cells
    return [_quoted(cell) if _needs_quotes(cell) else cell for cell in cells]


def _quoted(cell: str) -> str:
    escaped = cell.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class JsonLines:
    """An object a line, keyed by the columns; a missing number is null."""

    def __init__(self) -> None:
        self._columns: Sequence[str] = ()
        self._encode = msgspec.json.Encoder().encode

    def header(self, columns: Sequence[str]) -> bytes:
        self._columns = columns
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        return b"".join([self._encode(dict(zip(self._columns, row, strict=True))) + b"\n" for row in rows])

    def finish(self) -> bytes:
        return b""


def format_of(wanted: FileFormat, *, neutral_csv: bool, neutral_xlsx: bool) -> Format:
    """The writer of `wanted`."""
    if wanted is FileFormat.XLSX:
        return Xlsx(neutralised=neutral_xlsx)
    if wanted is FileFormat.PARQUET:
        from lernbatch.exhaust.parquet import Parquet  # fifty megabytes that few processes ever need

        return Parquet()
    return JsonLines() if wanted is FileFormat.JSONL else Csv(neutralised=neutral_csv)
