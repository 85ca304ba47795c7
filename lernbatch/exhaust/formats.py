"""How rows become bytes: the contract's CSV, Parquet, XLSX. Each is written as the rows come."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from lernbatch.exhaust.model import Cell, FileFormat, Row

XLSX_ROWS = 1_048_576
# Between cells, and instead of an empty text, until quotes are decided: no text from PostgreSQL holds a zero.
_NEXT, _EMPTY = "\x00n", "\x00e"
_NEEDS_QUOTES = re.compile(r'[,"\n\r]')
_BLOCK_BYTES = 1 << 20


class TooManyRows(ValueError):
    """A sheet cannot hold them."""


class Format(Protocol):
    """Takes the header first, then rows; what it gives is the file, piece by piece."""

    def header(self, columns: Sequence[str]) -> bytes: ...
    def rows(self, rows: Sequence[Row]) -> bytes: ...
    def finish(self) -> Iterable[bytes]: ...


def neutral(cell: Cell) -> Cell:
    """`cell`, so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


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
        return "".join([_line(row) for row in rows]).encode()

    def finish(self) -> Iterable[bytes]:
        return ()


def _line(row: Row) -> str:
    cells = [cell or _EMPTY if isinstance(cell, str) else "" if cell is None else str(cell) for cell in row]
    joined = _NEXT.join(cells)
    # Looking once at the whole line is quicker than at every cell, and nearly all lines need no quotes.
    if _NEEDS_QUOTES.search(joined):
        joined = _NEXT.join([_quoted(cell) for cell in cells])
    return joined.replace(_EMPTY, '""').replace(_NEXT, ",") + "\n"


def _quoted(cell: str) -> str:
    if not _NEEDS_QUOTES.search(cell):
        return cell
    escaped = cell.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Sink:
    """A file that only remembers what was written since the last look."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._position += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """The Parquet library calls it."""

    def close(self) -> None:
        """The Parquet library calls it."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


class Parquet:
    """All columns as texts, as in the CSV; a missing number is null. A row group is written for each call of `rows`
    that fills it, so a group is never held twice."""

    GROUP_ROWS = 10_000

    def __init__(self) -> None:
        self._sink = _Sink()
        self._schema = pa.schema([])
        self._waiting: list[Row] = []

    def header(self, columns: Sequence[str]) -> bytes:
        self._schema = pa.schema([(name, pa.string()) for name in columns])
        self._writer = pq.ParquetWriter(self._sink, self._schema)
        return self._sink.take()

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._waiting.extend(rows)
        if len(self._waiting) >= self.GROUP_ROWS:
            self._write()
        return self._sink.take()

    def finish(self) -> Iterable[bytes]:
        if self._waiting:
            self._write()
        self._writer.close()
        return (self._sink.take(),)

    def _write(self) -> None:
        columns = zip(*self._waiting, strict=True)
        arrays = [pa.array([_text(cell) for cell in column], pa.string()) for column in columns]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._waiting = []


def _text(cell: Cell) -> str | None:
    return cell if cell is None or isinstance(cell, str) else str(cell)


class Xlsx:
    """One sheet. A sheet is a zip inside, so it is made in a file of `folder` that has no name once it is open."""

    def __init__(self, folder: Path, *, neutralised: bool = True) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sheet-", dir=folder)
        self._path = Path(self._folder.name) / "sheet.xlsx"
        self._neutralised = neutralised
        self._book = xlsxwriter.Workbook(
            self._path,
            {
                "constant_memory": True,
                "strings_to_formulas": False,
                "strings_to_urls": False,
                "tmpdir": self._folder.name,
            },
        )
        self._sheet = self._book.add_worksheet()
        self._next = 0

    def header(self, columns: Sequence[str]) -> bytes:
        return self.rows([columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        if self._next + len(rows) > XLSX_ROWS:
            raise TooManyRows(f"A sheet holds at most {XLSX_ROWS} rows; ask for csv or parquet.")
        for row in rows:
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    self._sheet.write_string(self._next, column, str(neutral(cell)) if self._neutralised else cell)
                elif cell is not None:
                    self._sheet.write_number(self._next, column, cell)
            self._next += 1
        return b""

    def finish(self) -> Iterator[bytes]:
        self._book.close()
        with self._folder, self._path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                yield block


def format_of(wanted: FileFormat, folder: Path, *, neutral_csv: bool, neutral_xlsx: bool) -> Format:
    """The writer of `wanted`; `folder` is for what cannot be streamed."""
    if wanted is FileFormat.XLSX:
        folder.mkdir(parents=True, exist_ok=True)
        return Xlsx(folder, neutralised=neutral_xlsx)
    return Parquet() if wanted is FileFormat.PARQUET else Csv(neutralised=neutral_csv)
