"""What is read beside the tables: registries and indices as JSON, archived attempts and requests for reports as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.sunbird_source.catalog import (
    ARCHIVE,
    BATCH_INDEX,
    BESIDE,
    CERTIFICATE,
    JOB_REQUEST,
    PUBLIC_KEY,
    TableKind,
)
from lernbatch.sunbird_source.dsbulk import NOT_JSON, documents, is_spread
from lernbatch.sunbird_source.files import FileSource, NoSource, RecordParser, SourceFile, Splitter, head, lines
from lernbatch.sunbird_source.model import Options, SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.shaping import Shaper

_decode = msgspec.json.Decoder().decode
_parts = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_items = msgspec.json.Decoder(list[msgspec.Raw]).decode
# What dumps of an index and answers of a search put around what was asked for.
_WRAPPERS = ("_source", "TrainingCertificate", "PublicKey", "data", "content", "hits", "result", "response")


def _files(path: Path, endings: tuple[str, ...], table: str) -> list[SourceFile]:
    """The files of a folder, or a file by itself. Raises: NoSource."""
    if not path.exists():
        raise NoSource(f"There is no {path}.")
    if path.is_file():
        return [SourceFile(table, path, path.name)]
    files = sorted(file for file in path.rglob("*") if file.name.lower().endswith(endings) and file.is_file())
    if not files:
        raise NoSource(f"{path} holds no file that ends in {' or '.join(endings)}.")
    return [SourceFile(table, file, file.relative_to(path).as_posix()) for file in files]


# -- JSON: registries and indices


def _unwrapped(raw: bytes, depth: int = 0) -> Iterator[bytes]:
    """The entities in `raw`, which is one, a list of some, or something around them; broken JSON as it is."""
    try:
        if raw.lstrip()[:1] == b"[":
            for item in _items(raw):
                yield from _unwrapped(bytes(item), depth)
            return
        fields = _parts(raw)
    except NOT_JSON:
        yield raw
        return
    inside = next((name for name in _WRAPPERS if name in fields), None)
    if inside is None or "osid" in fields or depth == 3 or bytes(fields[inside]).lstrip()[:1] not in (b"{", b"["):
        yield raw
    else:
        yield from _unwrapped(bytes(fields[inside]), depth + 1)


def _entities(split: Splitter, parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    for offset, record in split(parts):
        document = record.strip(b" \t\r\n").removesuffix(b",")
        if document not in (b"", b"[", b"]"):
            for entity in _unwrapped(document):
                yield offset, entity


class EntityParser:
    """An entity stays what it is. `table`: what it is; None: a registry's, which its fields tell."""

    def __init__(self, table: str | None) -> None:
        self._table = table

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        table = self._table or CERTIFICATE
        try:
            values = _decode(record)
        except NOT_JSON:
            return UnreadableRow(table, place, record, "it is no JSON")
        if type(values) is not dict:
            return UnreadableRow(table, place, record, "it is no JSON object")
        if self._table is None:
            if "recipient" not in values and "value" in values:
                table = PUBLIC_KEY
            elif not values.get("osid"):
                return UnreadableRow(table, place, record, "osid is missing, which is its key")
        return SourceRow(table, values, place)


@dataclass
class EntityFiles(FileSource):
    """JSON lines, or an array of entities, of the registry or of an index."""

    splits: bool = False

    def __post_init__(self) -> None:
        spread = any(is_spread(head(file.path)) for file in self.files)
        self.split = partial(_entities, documents if spread else lines)

    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        return EntityParser(BATCH_INDEX if file.table == BATCH_INDEX else None)


def open_registry(path: Path, options: Options) -> EntityFiles:
    """Certificates of Sunbird RC, from its search call or a dump of its index. Raises: NoSource, BrokenFile."""
    return _entity_files("registry", CERTIFICATE, path, options)


def open_index(path: Path, options: Options) -> EntityFiles:
    """The batches of the platform's search index. Raises: NoSource, BrokenFile."""
    return _entity_files("index", BATCH_INDEX, path, options)


def _entity_files(form: str, table: str, path: Path, options: Options) -> EntityFiles:
    files = _files(path, (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"), table)
    tables = {table: SourceTable(table, table, {}, size_bytes=sum(file.path.stat().st_size for file in files))}
    return EntityFiles(str(path), form, tables, {}, files, options)


# -- CSV: archived attempts, requests for reports

_questions = re.compile(r'(?:^|(?<=,))"?(\[.*\])"?(?=,|$)', re.DOTALL)
_escaped = re.compile(r"\\(.)", re.DOTALL)


_run = re.compile(r'(\\+)("?)')


def archived_questions(text: str) -> list[Any]:
    """The answers of an attempt: JSON, as one of three dialects puts it into a field. Raises: ValueError.

    Quotes are doubled; or they have a backslash before them, alone or as backslashes have. Where backslashes have one,
    there is an odd number of them before a quote, and an even one elsewhere.
    """
    if text.startswith('[{""'):
        spelled = text.replace('""', '"')
    elif any((len(run[1]) % 2 == 1) != bool(run[2]) for run in _run.finditer(text)):
        spelled = text.replace('\\"', '"')
    else:
        spelled = _escaped.sub(r"\1", text)
    try:
        return msgspec.json.decode(spelled, type=list[Any])
    except NOT_JSON:
        raise ValueError("its questions are no JSON") from None


class ArchiveParser:
    """A line is an attempt. What is missing is spelled `null`, or not at all."""

    def __init__(self, table: SourceTable, columns: tuple[str, ...], zone: ZoneInfo | None) -> None:
        self._columns = columns
        self._shaper = Shaper(table, zone)

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        if not record.strip():
            return None
        try:
            line = record.decode().rstrip("\r")
        except UnicodeDecodeError:
            return UnreadableRow(ARCHIVE, place, record, "it is not UTF-8")
        match = _questions.search(line)
        try:
            questions = archived_questions(match[1]) if match else None
        except ValueError as broken:
            return UnreadableRow(ARCHIVE, place, record, str(broken))
        plain = line[: match.start()] + line[match.end() :] if match else line
        cells: list[Any] = next(csv.reader((plain,), escapechar="\\"), [])
        if len(cells) != len(self._columns):
            return UnreadableRow(ARCHIVE, place, record, f"it has {len(cells)} values, the header {len(self._columns)}")
        values = {
            column: None if cell in ("", "null") else cell for column, cell in zip(self._columns, cells, strict=True)
        }
        return self._shaper.row({**values, "question": questions}, place, record)


@dataclass
class ArchiveFiles(FileSource):
    """The CSV files of the archival job, one for each batch and week."""

    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        return ArchiveParser(table, file.columns, self.zone)


def open_archive(path: Path, options: Options) -> ArchiveFiles:
    """Attempts that were taken out of assessment_aggregator. Raises: NoSource, BrokenFile."""
    files, columns = _with_headers(_files(path, (".csv", ".csv.gz"), ARCHIVE), BESIDE[ARCHIVE])
    return ArchiveFiles(str(path), "archive", _table(ARCHIVE, files, columns), {}, files, options)


def _with_headers(files: list[SourceFile], kind: TableKind) -> tuple[list[SourceFile], Mapping[str, str]]:
    """The files that have rows, with their columns; and all columns. Raises: NoSource."""
    named: list[SourceFile] = []
    columns: dict[str, str] = {}
    for file in files:
        line = head(file.path).partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
        if not line:
            continue
        header = tuple(next(csv.reader((line,))))
        if missing := [name for name in kind.key if name not in header]:
            raise NoSource(f"{file.path} does not begin with the names of its columns: it lacks {', '.join(missing)}.")
        named.append(SourceFile(file.table, file.path, file.name, header, header=True))
        columns |= {name: name for name in header}
    return named, columns


def _table(name: str, files: list[SourceFile], columns: Mapping[str, str]) -> dict[str, SourceTable]:
    size = sum(file.path.stat().st_size for file in files)
    return {name: SourceTable(name, name, columns, size_bytes=size)}


def _records(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Records of a CSV that doubles its quotes; a text in it may hold line feeds."""
    start, record = 0, b""
    for offset, line in lines(parts):
        start = start if record else offset
        record += line + b"\n"
        if record.count(b'"') % 2 == 0:
            yield start, record
            record = b""
    if record:
        yield start, record


class JobRequestParser:
    """A record is a request for a report."""

    def __init__(self, table: SourceTable, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._shaper = Shaper(table, None)

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        try:
            cells = next(csv.reader(io.StringIO(record.decode(), newline=""), strict=True), [])
        except (UnicodeDecodeError, csv.Error):
            return UnreadableRow(JOB_REQUEST, place, record, "it is no CSV")
        if not cells:
            return None
        if len(cells) != len(self._columns):
            reason = f"it has {len(cells)} values, the header {len(self._columns)}"
            return UnreadableRow(JOB_REQUEST, place, record, reason)
        return self._shaper.row(
            {column: cell or None for column, cell in zip(self._columns, cells, strict=True)}, place, record
        )


@dataclass
class JobRequestFile(FileSource):
    """`COPY (SELECT …) TO … CSV HEADER` of the table of requests."""

    splits: bool = False

    def __post_init__(self) -> None:
        self.split = _records

    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        return JobRequestParser(table, file.columns)


def open_job_requests(path: Path, options: Options) -> JobRequestFile:
    """Requests for reports, of which open ones must be asked for again. Raises: NoSource, BrokenFile."""
    files, columns = _with_headers(_files(path, (".csv", ".csv.gz"), JOB_REQUEST), BESIDE[JOB_REQUEST])
    return JobRequestFile(str(path), "job-requests", _table(JOB_REQUEST, files, columns), {}, files, options)
