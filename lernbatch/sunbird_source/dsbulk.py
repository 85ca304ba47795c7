"""What `dsbulk unload` writes as JSON: a document a line, or one array of documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.sunbird_source.files import (
    BYTE_ORDER_MARK,
    LONGEST_RECORD_BYTES,
    BrokenFile,
    FileSource,
    RecordParser,
    SourceFile,
    head,
    lines,
)
from lernbatch.sunbird_source.model import SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.shaping import Shaper

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError)
_decode = msgspec.json.Decoder().decode
_edge = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}]', re.DOTALL)


class JsonParser:
    """A line is a document. Of an array, its brackets stand on lines of their own, and a comma ends the others."""

    def __init__(self, table: SourceTable, zone: ZoneInfo | None) -> None:
        self._table = table.name
        self._shaper = Shaper(table, zone)

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        document = record.strip(b" \t\r\n").removesuffix(b",").removeprefix(BYTE_ORDER_MARK)
        if document in (b"", b"[", b"]"):
            return None
        try:
            values = _decode(document)
        except NOT_JSON:
            return UnreadableRow(self._table, place, record, "it is no JSON")
        if type(values) is not dict:
            return UnreadableRow(self._table, place, record, "it is no JSON object")
        return self._shaper.row(values, place, record)


def is_spread(head: bytes) -> bool:
    """Whether documents do not stand on lines of their own: a pretty printer's, or an array on one line.

    `head`: how the file begins.
    """
    opening, brace, rest = head.partition(b"{")
    if not brace:
        return False
    first = rest.partition(b"\n")[0].strip(b" \t\r")
    return not first or (b"[" in opening and b"\n" not in opening)


def column_names(head: bytes) -> dict[str, None]:
    """The names in the documents with which a file begins. `head`: how it begins."""
    split = documents if is_spread(head) else lines
    names: dict[str, None] = {}
    for _, record in split(iter((head,))):
        try:
            document = _decode(record.strip(b" \t\r\n").removesuffix(b","))
        except NOT_JSON:  # broken, or cut off where the head ends
            continue
        if isinstance(document, dict):
            names |= dict.fromkeys(document)
    return names


def documents(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Documents that are spread over lines, by their braces. Raises: BrokenFile."""
    offset, rest = 0, b""
    for block in parts:
        rest += block
        depth, start, end = 0, 0, 0
        for edge in _edge.finditer(rest):
            if edge[0] == b"{":
                start = edge.start() if depth == 0 else start
                depth += 1
            elif edge[0] == b"}" and depth:
                depth -= 1
                if depth == 0:
                    end = edge.end()
                    yield offset + start, rest[start:end]
        offset, rest = offset + end, rest[end:]
        if len(rest) > LONGEST_RECORD_BYTES:
            raise BrokenFile(f"a document has more than {LONGEST_RECORD_BYTES} bytes, which no row of a Sunbird has")
    if rest.strip(b" ,\t\r\n[]"):
        yield offset, rest


@dataclass
class DsbulkJson(FileSource):
    """A folder with a folder of JSON files for each table."""

    def __post_init__(self) -> None:
        if any(is_spread(head(file.path)) for file in self.files):
            self.splits, self.split = False, documents

    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        return JsonParser(table, self.zone)
