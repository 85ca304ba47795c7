"""XLSX, written as the rows come: one sheet, texts in its cells themselves, so that personal data is in no other file.

Source: ECMA-376 part 1, §18.3 (the sheet) and part 2 (the package).
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from functools import lru_cache
from html import escape

from lernbatch.archive.model import Cell, Row
from lernbatch.archive.packing import Sink

# Spreadsheets call the whole file broken beyond these.
MOST_ROWS = 1_048_576
MOST_COLUMNS = 16_384
MOST_CHARACTERS = 32_767  # in a cell, as UTF-16 counts them: an emoji is two
MOST_BYTES = (1 << 31) - 1  # of a zip's entry, as every spreadsheet reads it
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PROLOGUE = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'


def _relation(kind: str, target: str) -> str:
    return (
        f'<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="rId1" Type="{_OFFICE}/{kind}" Target="{target}"/></Relationships>'
    )


_AROUND = {
    "[Content_Types].xml": (
        f'<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>'
    ),
    "_rels/.rels": _relation("officeDocument", "xl/workbook.xml"),
    "xl/workbook.xml": (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        '<sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>'
    ),
    "xl/_rels/workbook.xml.rels": _relation("worksheet", "worksheets/sheet1.xml"),
}

# What XML cannot hold is written as _x000B_; a text that already looks so gets its first mark written likewise.
_unwritable = re.compile("[\x00-\x08\x0b-\x1f\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")


class SheetTooSmall(ValueError):
    """A sheet cannot hold what was asked for; the message says what to ask for instead."""


class _Book(zipfile.ZipFile):
    def __del__(self) -> None:
        """A book that was given up has no end to write."""


class Xlsx:
    """One sheet, in a zip of its own. A text stands in a typed cell, where no formula can begin."""

    def __init__(self) -> None:
        self._next, self._bytes = 1, 0
        self._sink = Sink()
        self._book = _Book(self._sink, "w", zipfile.ZIP_DEFLATED)
        for name, text in _AROUND.items():
            self._book.writestr(name, _PROLOGUE + text)
        self._sheet = self._book.open("xl/worksheets/sheet1.xml", "w")
        self._write(f'{_PROLOGUE}<worksheet xmlns="{_MAIN}"><sheetData>')

    def header(self, columns: Sequence[str]) -> bytes:
        if len(columns) > MOST_COLUMNS:
            raise SheetTooSmall(f"A sheet holds at most {MOST_COLUMNS} columns; ask for csv or parquet.")
        return self.rows([columns])

    def rows(self, rows: Sequence[Row]) -> bytes:
        if self._next + len(rows) > MOST_ROWS + 1:
            raise SheetTooSmall(f"A sheet holds at most {MOST_ROWS} rows; ask for csv or parquet.")
        for number, row in enumerate(rows, self._next):
            cells = [cell_xml(f"{_letters(column)}{number}", cell) for column, cell in enumerate(row)]
            self._write(f'<row r="{number}">{"".join(cells)}</row>')
        self._next += len(rows)
        return self._sink.take()

    def finish(self) -> bytes:
        self._write("</sheetData></worksheet>")
        self._sheet.close()
        self._book.close()
        return self._sink.take()

    def _write(self, text: str) -> None:
        data = text.encode()
        self._bytes += len(data)
        if self._bytes > MOST_BYTES:
            raise SheetTooSmall("A sheet holds at most 2 GiB; ask for csv or parquet.")
        self._sheet.write(data)


def cell_xml(place: str, cell: Cell) -> str:
    """A cell at `place`, such as "B7"; "" for a missing number. Raises: SheetTooSmall."""
    if cell is None:
        return ""
    if not isinstance(cell, str):
        return f'<c r="{place}"><v>{cell}</v></c>'
    if len(cell) * 2 > MOST_CHARACTERS and len(cell.encode("utf-16-le")) > MOST_CHARACTERS * 2:
        raise SheetTooSmall(f"A cell of a sheet holds at most {MOST_CHARACTERS} characters; ask for csv or parquet.")
    text = escape(_unwritable.sub(lambda mark: f"_x{ord(mark[0]):04X}_", cell), quote=False)
    return f'<c r="{place}" t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


@lru_cache(maxsize=MOST_COLUMNS)
def _letters(column: int) -> str:
    """0 → A, 25 → Z, 26 → AA"""
    before, last = divmod(column, 26)
    return (_letters(before - 1) if before else "") + chr(ord("A") + last)
