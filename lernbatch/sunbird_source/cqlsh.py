"""What cqlsh's `COPY TO` writes as CSV, in both of its spellings.

cqlsh doubles the backslashes of a text and spells its control characters, then Python's csv module escapes the field
with a backslash. Up to Python 3.9 that module leaves backslashes alone and quotes fields that have one; from 3.10 on it
doubles them. A value never holds a raw line feed. Source: contract migration M02 to M06.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.catalog import TABLES, CqlType, cql_type
from lernbatch.sunbird_source.files import FileSource, RecordParser, SourceFile
from lernbatch.sunbird_source.model import SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.values import Shape, moment, number, shape

_field = re.compile(r'("[^"\\]*(?:\\.[^"\\]*)*"|[^",\\]*(?:\\.[^",\\]*)*)(,|$)', re.DOTALL)
_spelled = re.compile(r"\\(\\|n|r|t|x[0-9a-f]{2})")
_spelled_byte = re.compile(r"(\\\\)|\\x")
_LETTERS = {"\\": "\\", "n": "\n", "r": "\r", "t": "\t"}
_TRUTHS = {"True": True, "False": False, "true": True, "false": False}
_TOP_DIGITS, _INNER_DIGITS = 12, 5  # behind the leading digit's place


class EscapesDisagree(Unusable):
    """Some files were written by a cqlsh on an old Python, some on a newer one."""

    def __init__(self, old: str, new: str) -> None:
        super().__init__(
            f"The CSV files are spelled in two ways: {old} can only come from a cqlsh on Python 3.9 or older, {new} "
            "only from one on 3.10 or later. Export them again with one cqlsh, or move them in two steps."
        )


class EscapesUnclear(Unusable):
    """There are backslashes, and nothing proves how they are meant."""

    def __init__(self, place: str) -> None:
        super().__init__(
            f"Nothing in the CSV files shows how cqlsh escaped backslashes, as at {place}. Say on which Python it ran: "
            "--cqlsh-escape py39 (3.9 or older, as in the images of Cassandra 3.11 and 4.0) or --cqlsh-escape py310."
        )


def split_line(line: str) -> list[str] | None:
    """The fields of a line as they stand, with quotes and escapes; None: it is broken. `line`: without its end."""
    fields, length = [], -1
    for field, comma in _field.findall(line):
        fields.append(field)
        length += len(field) + 1
        if not comma:
            break
    return fields if length == len(line) else None


# -- which spelling


@dataclass
class Evidence:
    """The first places that prove a spelling, and the first backslash. "": none so far."""

    old: str = ""
    new: str = ""
    backslash: str = ""

    def escape(self, said: str | None) -> str:
        """`py39` or `py310`. Raises: EscapesDisagree, EscapesUnclear."""
        if said is not None:
            return said
        if self.old and self.new:
            raise EscapesDisagree(self.old, self.new)
        if self.backslash and not self.old and not self.new:
            raise EscapesUnclear(self.backslash)
        return "py39" if self.old else "py310"

    def look(self, lines: Iterable[tuple[int, bytes]], name: str) -> None:
        """Take what the lines of a file prove. `lines`: each with the byte where it begins."""
        for offset, line in lines:
            if b"\\" not in line:
                continue
            place = f"{name}:{offset}"
            self.backslash = self.backslash or place
            if self.old and self.new:
                return
            for field in (
                split_line(line.decode("latin-1").rstrip("\r")) or ()
            ):  # a byte is a character: only ASCII counts
                if "\\" in field:
                    self.old = self.old or (place if proves_old(field) else "")
                    self.new = self.new or (place if proves_new(field) else "")


_run = re.compile(r'(\\+)(n|r|t|x[0-9a-f]{2}|")?')


def proves_old(field: str) -> bool:
    """Whether only a cqlsh on Python 3.9 or older can have written this field with a backslash."""
    if field[0] != '"':
        return False
    if "," not in field:
        return True
    for run in _run.finditer(field, 1):
        length, follower = len(run[1]) % 4, run[2]
        if follower == '"':
            # Before the closing quote a newer one writes 4, 8 …, before a quote of the text 1, 5 …
            if length in (2, 3):
                return True
        elif length % 2 or (length == 2 and follower is None):
            return True
    return False


_lone = re.compile(r'\\(?!")')


def proves_new(field: str) -> bool:
    """Whether only a cqlsh on Python 3.10 or later can have written this field with a backslash."""
    return field[0] != '"' and _lone.search(field) is not None


# -- values


def _old_field(field: str) -> str:
    """A field of an old Python without what the csv module has put before its quotes. Replacing is a C loop."""
    return field.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\\\")


def _new_field(field: str) -> str:
    return field.replace("\\\\", "\0").replace('\\"', '"').replace("\0", "\\")


def collection_reader(null: str = "") -> Callable[[str], Any]:
    """Reads a collection as cqlsh prints it: texts in apostrophes, field names bare, a null field nothing at all.

    It becomes JSON, which has the same backslashes but for bytes. Between its apostrophes stand, in turn, what is
    around texts and the texts; nothing is around where a text itself has an apostrophe. `null`: what the export was
    told to write for null. Raises: ValueError.
    """
    word = re.compile(
        r"([A-Za-z_]\w*): " + re.escape(null) + r"(?=[,}])|([A-Za-z_]\w*):|\b(?:True|False|NaN)\b|-?Infinity\b"
    )

    def in_json(part: re.Match[str]) -> str:
        if part[1] is not None:
            return f'"{part[1]}":null'
        if part[2] is not None:
            return f'"{part[2]}":'
        return part[0].lower() if part[0] in _TRUTHS else "null"  # JSON has no not-a-number, nor have we

    @lru_cache(4096)
    def around(piece: str) -> str:
        return word.sub(in_json, piece) if piece else "\0"

    def read(text: str) -> Any:
        if '"' in text:
            text = text.replace('"', '\\"')
        if "\\x" in text:
            text = _spelled_byte.sub(lambda sign: sign[0] if sign[1] else "\\u00", text)
        pieces = text.split("'")
        pieces[::2] = map(around, pieces[::2])
        try:
            return msgspec.json.decode('"'.join(pieces).replace('"\0"', "'"))
        except msgspec.DecodeError as broken:
            raise ValueError from broken

    return read


def _rounded_number(digits: int) -> str:
    """The pattern of a number that has as many decimals as cqlsh prints, and may have had more."""
    return rf"-?(?:0\.\d{{{digits + 1}}}|[1-9]\d*\.\d{{{digits}}})(?![\d.])"


_rounded_top = re.compile(_rounded_number(_TOP_DIGITS)).fullmatch
_many_decimals = re.compile(rf"\d\.\d{{{_INNER_DIGITS}}}").search  # none of which a moment has
_apostrophes = re.compile(r"'[^']*'")


def _rounded_inside(kind: CqlType) -> Callable[[str], object] | None:
    """Finds a rounded double in a collection, as it stands in the file; None: there are none in it."""
    if kind.fields:
        doubles = "|".join(name for name, field in kind.fields.items() if field.name == "double")
        return re.compile(rf"\b(?:{doubles}): {_rounded_number(_INNER_DIGITS)}").search
    if kind.name == "map" and kind.arguments[1].name == "double":
        return re.compile(rf": {_rounded_number(_INNER_DIGITS)}").search
    return _rounded_inside(kind.arguments[-1]) if kind.arguments else None


class CqlshParser:
    """Parses the lines of one table. `columns`: as the file has them, in its order."""

    def __init__(
        self, table: SourceTable, columns: tuple[str, ...], escape: str, null: str, zone: ZoneInfo | None
    ) -> None:
        kind = TABLES[table.name]
        self._table = table.name
        self._names = [table.columns.get(column, column) for column in columns]
        self._unescaped = _old_field if escape == "py39" else _new_field
        self._null = null
        self._read_collection = collection_reader(null)
        text = cql_type("text")
        self._texts = [place for place, name in enumerate(self._names) if kind.columns.get(name, text) == text]
        self._keys = frozenset(kind.key)
        others = [(place, kind.columns[name]) for place, name in enumerate(self._names) if place not in {*self._texts}]
        scalars: dict[str, Shape] = {
            "int": int,
            "double": number,
            "boolean": _TRUTHS.__getitem__,
            "timestamp": lambda text: moment(text, zone),
        }
        self._scalars = [(place, scalars[column.name]) for place, column in others if not column.arguments]
        self._collections = [
            (place, shape(column, zone), _rounded_inside(column)) for place, column in others if column.arguments
        ]
        self._doubles = [place for place, column in others if column.name == "double"]
        self._types = {place: str(column) for place, column in others}

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        if record.endswith(b"\r"):
            record = record[:-1]
        if not record:
            return None
        try:
            line = record.decode()
        except UnicodeDecodeError:
            return UnreadableRow(self._table, place, record, "it is not UTF-8")
        values: list[Any] | None
        if "\\" in line:
            values = split_line(line)
            if values is not None:
                for column, field in enumerate(values):
                    bare = field[1:-1] if field[:1] == '"' else field
                    values[column] = self._unescaped(bare) if "\\" in bare else bare
                for column in self._texts:  # cqlsh has doubled their backslashes and spelled control characters
                    if column < len(values) and "\\" in values[column]:
                        values[column] = _spelled.sub(
                            lambda sign: _LETTERS.get(sign[1]) or chr(int(sign[1][1:], 16)), values[column]
                        )
        elif '"' in line:
            try:
                values = next(csv.reader((line,), strict=True))
            except (csv.Error, StopIteration):
                values = None
        else:
            values = line.split(",")
        if values is None:
            return UnreadableRow(self._table, place, record, "its quotes and escapes do not match")
        if len(values) != len(self._names):
            return UnreadableRow(
                self._table, place, record, f"it has {len(values)} values, the table {len(self._names)}"
            )
        return self._row(values, record, place)

    def _row(self, values: list[Any], record: bytes, place: str) -> SourceRow | UnreadableRow:
        null, names = self._null, self._names
        rounded: tuple[str, ...] = ()
        column = 0
        for column in self._texts:
            if values[column] == null and names[column] not in self._keys:
                values[column] = None
        for column in self._doubles:
            if _rounded_top(values[column]):
                rounded = (*rounded, names[column])
        try:
            for column, read in self._scalars:
                text = values[column]
                values[column] = None if text == null or text == "" else read(text)
            for column, shaped, is_rounded in self._collections:
                text = values[column]
                if text == null or text == "":
                    values[column] = None
                    continue
                values[column] = shaped(self._read_collection(text))
                if is_rounded and _many_decimals(text) and is_rounded(_apostrophes.sub("''", text)):
                    rounded = (*rounded, names[column])
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
            reason = f"the value of {names[column]} is no {self._types[column]}"
            return UnreadableRow(self._table, place, record, reason)
        return SourceRow(self._table, dict(zip(names, values, strict=True)), place, rounded)


@dataclass
class CqlshCsv(FileSource):
    """A folder of CSV files, one or several for each table."""

    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        assert self.escape is not None
        return CqlshParser(table, file.columns, self.escape, self.options.null, self.zone)


def header_cells(line: bytes) -> tuple[str, ...]:
    """The values of the first line of a file. `line`: without a byte order mark and its line feed."""
    fields = split_line(line.decode("utf-8", "replace").rstrip("\r")) or []
    return tuple(field.strip('"') for field in fields)


_copy = re.compile(r"Starting copy of (?P<table>[\w.\"]+) with columns|^(?P<rows>\d+) rows exported to", re.MULTILINE)


def logged_rows(log: str) -> dict[str, int]:
    """How many rows cqlsh said it exported, by table with its keyspace."""
    counts: dict[str, int] = {}
    table = ""
    for said in _copy.finditer(log):
        if said["table"]:
            table = said["table"].replace('"', "")
        elif table:
            counts[table], table = int(said["rows"]), ""
    return counts
