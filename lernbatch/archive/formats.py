"""How rows become bytes: the contract's CSV, Parquet, XLSX. Each is written as the rows come."""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Protocol

import msgspec

from lernbatch.archive.model import CannotBeMade, FileFormat, Row
from lernbatch.archive.xlsx import Xlsx
from lernbatch.tables.formulas import neutral

_EMPTY = "\x00"  # an empty text until quotes are decided: no text from PostgreSQL holds a zero
_QUOTED = ',"\n\r'
_needs_quotes = re.compile(f"[{_QUOTED}]").search


class Format(Protocol):
    """Encodes one file: the header first, then rows, then the end.

    Each method returns the next bytes of the file, possibly none. Rows have as many cells as the header has names.
    """

    def header(self, columns: Sequence[str]) -> bytes: ...
    def rows(self, rows: Sequence[Row]) -> bytes: ...
    def finish(self) -> bytes: ...


class Csv:
    """Comma, quotes only where needed, empty text as `""`, UTF-8.

    The contract's (jobs §5.9) ends lines with LF and escapes quotes and backslashes within quotes by a backslash, as
    Spark does; RFC 4180 ends them with CRLF and doubles quotes. The standard writer knows no difference between an
    empty text and no number.
    """

    def __init__(self, dialect: FileFormat = FileFormat.CSV, *, neutralised: bool = True) -> None:
        self._quoted, self._end = (
            (_quoted_by_backslash, "\n") if dialect is FileFormat.CSV else (_quoted_by_rfc, "\r\n")
        )
        self._start = BOM_UTF8 if dialect is FileFormat.CSV_EXCEL else b""
        self._neutralised = neutralised

    def header(self, columns: Sequence[str]) -> bytes:
        return self._start + self.rows([columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        columns: list[Sequence[str]] = []
        for column in zip(*rows, strict=True):
            cells: Sequence[str]
            cells = [cell or _EMPTY if isinstance(cell, str) else "" if cell is None else str(cell) for cell in column]
            if self._neutralised:
                cells = neutral(cells)
            # Looking for what needs quotes in a whole column at once is quicker than in each cell.
            joined = "".join(cells)
            if any(mark in joined for mark in _QUOTED):
                cells = [self._quoted(cell) if _needs_quotes(cell) else cell for cell in cells]
            columns.append(cells)
        lines = [",".join(line) + self._end for line in zip(*columns, strict=True)]
        return "".join(lines).replace(_EMPTY, '""').encode()

    def finish(self) -> bytes:
        return b""


def _quoted_by_backslash(cell: str) -> str:
    escaped = cell.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _quoted_by_rfc(cell: str) -> str:
    escaped = cell.replace('"', '""')
    return f'"{escaped}"'


class JsonLines:
    """JSON Lines: one object a row, keyed by the column names, UTF-8; a missing number is null."""

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


def format_of(file_format: FileFormat, *, neutralised: bool) -> Format:
    """A new writer of one file. `neutralised`: no cell of a CSV is a formula."""
    if file_format is FileFormat.XLSX:
        return Xlsx()
    if file_format is FileFormat.PARQUET:
        try:
            from lernbatch.archive.parquet import Parquet  # fifty megabytes that few processes ever need
        except ModuleNotFoundError as missing:
            raise CannotBeMade(
                "Parquet is not installed here (pip install 'lernbatch[parquet]'); ask for csv or xlsx."
            ) from missing
        return Parquet()
    return JsonLines() if file_format is FileFormat.JSONL else Csv(file_format, neutralised=neutralised)
