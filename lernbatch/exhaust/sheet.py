"""XLSX: one sheet, made in a file that is gone when it is stored."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import xlsxwriter

from lernbatch.exhaust.formats import TooManyRows, neutral
from lernbatch.exhaust.model import Row

MOST_ROWS = 1_048_576
_BLOCK_BYTES = 1 << 20


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
        if self._next + len(rows) > MOST_ROWS:
            raise TooManyRows(f"A sheet holds at most {MOST_ROWS} rows; ask for csv or parquet.")
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
