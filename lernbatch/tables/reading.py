"""The one reader of tables: whatever spreadsheets put around good rows is passed over, what is wrong is named."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lernbatch.tables import ids, text
from lernbatch.tables.model import (
    MissingColumns,
    NoHeader,
    NoRows,
    RawRow,
    Table,
    TableRow,
    TooManyRows,
    TooWide,
    UnknownColumns,
    Unreadable,
)

_LOOKED_BESIDE = 8  # columns of a sheet, beyond the header, in which a value is refused
LONGEST_NAME, MOST_NAMED = 100, 10  # of columns that are not known, as they are told
HEADER_WITHIN = 10  # rows: a title may stand above the header
QUICK_BYTES, QUICK_UNPACKED_BYTES = 64 * 1024, 256 * 1024
WORKBOOK_BYTES = 64 * 1024 * 1024  # of a workbook that came over HTTP, unpacked
_ERRORS = frozenset({"#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!"})
Rows: TypeAlias = Callable[[int], Iterator[RawRow]]  # of how many columns at most, when it is a sheet


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a file: by a separator, or a sheet. `fitting`: how many names of the header are known."""

    rows: Rows
    header: RawRow
    fitting: int

    @property
    def fits(self) -> bool:
        return 0 < self.fitting == sum(map(bool, map(_folded, self.header.values)))


def read(
    data: bytes,
    columns: Sequence[str],
    *,
    needed: Sequence[str] = (),
    escape: str | None = None,
    most_rows: int | None = None,
    workbook_bytes: int = WORKBOOK_BYTES,
    passes_over_others: bool = False,
) -> Table:
    """The table in a file, CSV or XLSX. Bounds: `most_rows` with the header; `workbook_bytes` of XLSX, unpacked.

    A header's names may have other letter cases, blanks or `_` in them; what has neither name nor values is passed
    over, and so are other columns with `passes_over_others`. `needed`: columns that must be there. `escape`: see
    text.rows. Raises: Unreadable, also while rows are read.
    """
    names = {_folded(column): column for column in columns}
    is_workbook = data.startswith(text.ZIP)
    reading = _sheet(data, names, workbook_bytes) if is_workbook else _separated(data, names, escape)
    header = [names.get(_folded(name), ids.trimmed(name)) for name in reading.header.values]
    line = reading.header.line
    missing = [name for name in needed if name not in header]
    if missing:
        raise MissingColumns(missing, line)
    unknown = [name[:LONGEST_NAME] for name in header if name and name not in columns][:MOST_NAMED]
    if passes_over_others and any(name in columns for name in header):
        unknown = []
    if unknown or not any(header):
        reason = f"the header has columns that are not known: {', '.join(unknown)}" if unknown else "it names no column"
        odd = ids.odd_characters("".join(unknown))
        reason += f" (with {odd}, which looks like another letter)." if odd else "."
        raise UnknownColumns(unknown or reading.header.values[:1], reason, line)
    for name in columns:
        if header.count(name) > 1:
            raise Unreadable(f"the header names a column twice: {name}; leave one.", line)
    return Table(len(_without_padding(header)), _filled(reading, header, most_rows, has_width=not is_workbook))


def is_quick(data: bytes) -> bool:
    """Whether a file is read at once: a small one, and of workbooks one that is small inside, too."""
    if len(data) > QUICK_BYTES:
        return False
    if not data.startswith(text.ZIP):
        return True
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:  # by its own word, beyond which none of its parts is read
            return sum(part.file_size for part in archive.infolist()) <= QUICK_UNPACKED_BYTES
    except zipfile.BadZipFile:
        return True  # it is refused


def _separated(data: bytes, names: dict[str, str], escape: str | None) -> _Reading:
    """CSV, by the separator that a line `sep=` names, else by the one that gives most of the known names."""
    separator, body = text.separator_line(text.decoded(data))
    first_line = 1 if separator is None else 2
    reading = _best(body, separator, first_line, names, escape)
    if not reading.fits:
        bare = text.unquoted(body)
        if bare:
            inner = _best(bare, separator, first_line, names, escape)
            return inner if inner.fits and inner.fitting > 1 else reading
    return reading


def _best(body: str, separator: str | None, first_line: int, names: dict[str, str], escape: str | None) -> _Reading:
    """Raises: Unreadable, when no line can be read, or none is a header below an empty one."""
    readings: list[_Reading] = []
    refusal: Unreadable = NoRows()
    begins_empty = False
    for candidate in text.SEPARATORS if separator is None else (separator,):

        def rows(_: int, candidate: str = candidate) -> Iterator[RawRow]:
            return text.rows(body, candidate, escape, first_line)

        top, failure = _top(rows(0))
        if top:
            if not any(top[0].values) and not body.startswith(" "):  # a blank is a name, if an unknown one
                begins_empty = True
                if len(top[0].values) < 2:  # an empty line; a row of separators is padding, as below the header
                    raise NoHeader
            readings.append(_reading(rows, top, names))
        refusal = failure or refusal
    if not readings:
        raise refusal
    reading = max(readings, key=lambda reading: reading.fitting)
    if begins_empty and not reading.fits:
        raise NoHeader
    return reading


def _sheet(data: bytes, names: dict[str, str], most_bytes: int) -> _Reading:
    """The visible sheet whose header is known; the first visible one when there is none."""
    from lernbatch.tables import workbook  # its library takes long to import, and most files are CSV

    book = workbook.Workbook(data, most_bytes)
    readings = {}
    for sheet in book.sheets:

        def rows(most_columns: int, sheet: str = sheet) -> Iterator[RawRow]:
            return book.rows(sheet, most_columns)

        top, failure = _top(book.top(sheet))
        if failure is not None:
            raise failure
        if top:
            readings[sheet] = _reading(rows, top, names)
    if not readings:
        raise NoRows
    fitting = [sheet for sheet, reading in readings.items() if reading.fits]
    if len(fitting) > 1:
        raise Unreadable(
            f"Several sheets hold such a table: {', '.join(fitting)}; leave one, or save one as CSV UTF-8."
        )
    return readings[fitting[0]] if fitting else next(iter(readings.values()))


def _top(rows: Iterator[RawRow]) -> tuple[list[RawRow], Unreadable | None]:
    """The first rows, and why there are no more of them: a row that cannot be read is refused when it is its turn."""
    top: list[RawRow] = []
    try:
        for row in rows:
            top.append(row)
            if len(top) == HEADER_WITHIN:
                break
    except Unreadable as failure:
        return top, failure
    return top, None


def _reading(rows: Rows, top: Sequence[RawRow], names: dict[str, str]) -> _Reading:
    """The header is the first row, or the first known one below titles: rows with one value."""
    for row in top:
        reading = _Reading(rows, row, sum(_folded(name) in names for name in row.values))
        if reading.fits:
            return reading
        if sum(map(bool, row.values)) > 1:
            break
    return _Reading(rows, top[0], sum(_folded(name) in names for name in top[0].values))


def _filled(reading: _Reading, header: Sequence[str], most_rows: int | None, *, has_width: bool) -> Iterator[TableRow]:
    """The rows below the header that are not empty, and do not repeat it: files are put together from several."""
    width, count = len(_without_padding(header)), 1
    names = _trimmed(reading.header)
    for raw in reading.rows(width + _LOOKED_BESIDE):
        values = _trimmed(raw)
        if raw.line <= reading.header.line or not (values or raw.flaws) or values == names:
            continue
        count += 1
        if most_rows is not None and count > most_rows:
            raise TooManyRows(f"There are more than {most_rows} rows.")
        if len(values) > len(header):
            raise TooWide(len(values), width, raw.line)
        cells = dict(zip(header, values, strict=False))
        if "" in cells:
            for place, value in enumerate(values):
                if value and not header[place]:
                    raise UnknownColumns([""], f"column {place + 1} has values, but no name.", raw.line)
            del cells[""]
        problem = next((f"{header[place]} {flaw}" for place, flaw in raw.flaws.items() if place < width), None)
        for column, value in cells.items():
            if value in _ERRORS:
                problem = f"{column} is {value}, the error of a formula; correct it, or paste the values"
        # Empty values beyond the header do not count.
        row_width = max(len(values), min(len(raw.values), width)) if has_width else None
        yield TableRow(raw.line, cells, problem, row_width)


def _trimmed(row: RawRow) -> list[str]:
    return _without_padding([ids.trimmed(value) for value in row.values])


def _without_padding(values: Sequence[str]) -> list[str]:
    """`values` without the empty ones at the end."""
    count = len(values)
    while count and not values[count - 1]:
        count -= 1
    return list(values[:count])


def _folded(name: str) -> str:
    """A column's name as it is compared: without letter case, blanks, `_` and quotation marks."""
    bare = unicodedata.normalize("NFKC", ids.cleaned(name)).casefold()
    return "".join(character for character in bare if character != "_" and not character.isspace())
