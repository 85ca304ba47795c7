"""Tables as Excel workbooks (XLSX), read row by row within bounds."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import date, time, timedelta
from typing import Any

import openpyxl
from openpyxl.cell.read_only import EMPTY_CELL

from lernbatch.tables.ids import AS_TEXT
from lernbatch.tables.model import RawRow, Unreadable
from lernbatch.tables.text import SAVE_AS_CSV

MOST_ROWS = 1_048_576  # of a sheet, as Excel has it
MOST_COLUMNS = 256  # in which a header is looked for
MOST_SHEETS = 10  # that are looked at
MOST_PARTS = 2_000  # files inside a workbook
_DOCTYPES = tuple("<!DOCTYPE".encode(encoding) for encoding in ("ascii", "utf-16-le", "utf-16-be"))
_FORMULA = re.compile(rb"<(\w+:)?f[ >/]")
_EXACT = 10**15  # the first whole number that a spreadsheet does not keep to the last digit
_LOST_DIGITS = f"is a number of more than 15 digits, of which a spreadsheet loses the last ones; {AS_TEXT}"

# openpyxl tells of styles and validations that it leaves out; nobody asks for them here.
warnings.filterwarnings("ignore", module="openpyxl")


class Workbook:
    """The first visible sheets of a workbook, in its order.

    `most_bytes`: the size of all its parts together when they are unpacked. Raises: Unreadable.
    """

    def __init__(self, data: bytes, most_bytes: int) -> None:
        self._data, self._has_formulas = data, _checked(data, most_bytes)
        self._values = _opened(data, formulas=False)
        visible = [sheet.title for sheet in self._values.worksheets if sheet.sheet_state == "visible"]
        self.sheets = visible[:MOST_SHEETS]
        if not self.sheets:
            raise Unreadable("The workbook has no visible sheet.")

    def top(self, sheet: str) -> Iterator[RawRow]:
        """The rows that are not empty, with their first MOST_COLUMNS cells. Raises: Unreadable, while they are read."""
        for line, values in _rows(self._values[sheet], MOST_COLUMNS, values_only=True):
            if values.count(None) < len(values):
                yield RawRow(line, [_text(value) for value in values])

    def rows(self, sheet: str, most_columns: int) -> Iterator[RawRow]:
        """The rows that are not empty, with their first `most_columns` cells; a formula is the value saved with it.

        Raises: Unreadable, while they are read.
        """
        formulas: set[tuple[int, int]] | None = None
        for line, values in _rows(self._values[sheet], most_columns, values_only=True):
            if values.count(None) == len(values):
                continue  # a sheet may have a million of them between two others
            if self._has_formulas and formulas is None and None in values:
                formulas = self._formulas(sheet, most_columns)
            flaws = {}
            for place, value in enumerate(values):
                if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _EXACT:
                    flaws[place] = _LOST_DIGITS
                elif value is None and formulas and (line, place) in formulas:
                    flaws[place] = "is a formula without a saved value; open the file in Excel and save it again"
            yield RawRow(line, [_text(value) for value in values], flaws)

    def _formulas(self, sheet: str, most_columns: int) -> set[tuple[int, int]]:
        """Where formulas stand: line and place. Looked for only where a value is missing, since it reads all again."""
        rows = _rows(_opened(self._data, formulas=True)[sheet], most_columns, values_only=False)
        filled = ((line, row) for line, row in rows if any(cell is not EMPTY_CELL for cell in row))
        return {(line, place) for line, row in filled for place, cell in enumerate(row) if cell.data_type == "f"}


def _checked(data: bytes, most_bytes: int) -> bool:
    """Whether it has formulas. Raises: Unreadable, when this is no workbook, or one that takes more than it looks."""
    has_formulas = False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            names = {part.filename for part in parts}
            if "xl/workbook.bin" in names or not any(name.startswith("xl/") for name in names):
                raise Unreadable(f"The file is a zip, but no Excel workbook (.xlsx): {SAVE_AS_CSV}.")
            # What is read of a part ends at its declared size, so the declared sizes bound all.
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > most_bytes:
                most = f"{most_bytes // 2**20} MiB"
                raise Unreadable(
                    f"The workbook is larger than {most} when it is unpacked: save the table as CSV UTF-8."
                )
            for part in parts:
                content = archive.read(part)
                # A workbook has no DTD; one that has could let its entities grow without end.
                if any(doctype in content for doctype in _DOCTYPES):
                    raise Unreadable(f"The workbook is damaged: {SAVE_AS_CSV}.")
                has_formulas |= _FORMULA.search(content) is not None
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, EOFError) as wrong:
        raise Unreadable(f"The workbook is damaged: {SAVE_AS_CSV}.") from wrong
    return has_formulas


def _opened(data: bytes, *, formulas: bool) -> Any:
    try:
        return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=not formulas, keep_links=False)
    except Exception as wrong:  # of a damaged file the library raises whatever it stumbles over
        raise Unreadable(f"The workbook is damaged: {SAVE_AS_CSV}.") from wrong


def _rows(sheet: Any, most_columns: int, *, values_only: bool) -> Iterator[tuple[int, Sequence[Any]]]:
    """Line and cells of every row."""
    sheet.reset_dimensions()  # what the file says of its size is often wrong, and its rows would be cut
    rows = sheet.iter_rows(max_col=most_columns, max_row=MOST_ROWS, values_only=values_only)
    try:
        yield from enumerate(rows, 1)
    except Exception as wrong:
        raise Unreadable(f"The sheet {sheet.title!r} is damaged: {SAVE_AS_CSV}.") from wrong


def _text(value: object) -> str:
    """A cell as text: whole numbers without a point, days and instants as ISO."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer():
            return str(int(value))
        case date() | time():
            return value.isoformat()
        case timedelta():
            return str(value)
    return str(value)
