"""Files of an export: cut into chunks at the starts of lines, and read in blocks, whatever their size."""

from __future__ import annotations

import gzip
import hashlib
import shutil
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, cast
from zoneinfo import ZoneInfo

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.model import Chunk, Options, SourceRow, SourceTable, UnreadableRow

_BLOCK_BYTES = 1024 * 1024
LONGEST_RECORD_BYTES = 64 * 1024 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Record: TypeAlias = tuple[str, bytes]  # the place where it stands, and what stands there
# Gives the records of blocks of bytes, each with the byte at which it begins.
Splitter: TypeAlias = Callable[[Iterator[bytes]], Iterator[tuple[int, bytes]]]


class NoSource(Unusable):
    """What is named as a source is none."""


class BrokenFile(Unusable):
    """A file ends in its middle, is packed wrongly, or holds no lines at all."""


class RecordParser(Protocol):
    """Makes a row of a record. `place`: of the record, for the row."""

    def parse(self, record: bytes, place: str) -> SourceRow | UnreadableRow | None:
        """None: the record holds no row, as a bracket or an empty line does."""
        ...


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file with rows of one table. `name`: relative to the source. `header`: whether its first line names columns.

    `columns`: what the columns are called in it, in their order; where each row names them, ().
    """

    table: str
    path: Path
    name: str
    columns: tuple[str, ...] = ()
    header: bool = False

    @property
    def packed(self) -> bool:
        return self.path.suffix == ".gz"


def opened(path: Path) -> BinaryIO:
    """`path` to be read, unpacked where its name ends in .gz."""
    return cast("BinaryIO", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def head(path: Path) -> bytes:
    """How a file begins, at most its first 64 KiB, without a byte order mark. Raises: BrokenFile."""
    with opened(path) as file:
        try:
            return file.read(65536).removeprefix(BYTE_ORDER_MARK)
        except (OSError, EOFError, zlib.error) as broken:
            raise BrokenFile(f"{path.name} cannot be unpacked: {broken}") from broken


def blocks(path: Path, start: int, end: int | None, digest: hashlib._Hash) -> Iterator[bytes]:
    """The bytes of `path` from `start` to before `end`, or to its end. Raises: BrokenFile."""
    with opened(path) as file:
        try:
            if start:
                file.seek(start)
            left = end - start if end is not None else None
            while block := file.read(_BLOCK_BYTES if left is None else min(left, _BLOCK_BYTES)):
                digest.update(block)
                yield block
                if left is not None:
                    left -= len(block)
        except (EOFError, zlib.error, gzip.BadGzipFile) as broken:
            raise BrokenFile(f"{path.name} cannot be unpacked: {broken}") from broken


def lines(parts: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Lines end at a line feed and nowhere else: a text may hold U+2028 and its like. Raises: BrokenFile."""
    offset, rest = 0, b""
    for block in parts:
        *whole, rest = (rest + block).split(b"\n") if b"\n" in block else (rest + block,)
        for line in whole:
            yield offset, line
            offset += len(line) + 1
        if len(rest) > LONGEST_RECORD_BYTES:
            raise BrokenFile(f"a line has more than {LONGEST_RECORD_BYTES} bytes, which no row of a Sunbird has")
    if rest:
        yield offset, rest


@dataclass
class FileReading:
    """The rows of a chunk of a file. `digest`: of its bytes, unpacked."""

    file: SourceFile
    chunk: Chunk
    parser: RecordParser | None  # None: of a derived table, whose rows are counted
    split: Splitter
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def records(self) -> Iterator[Record]:
        """The records as they stand in the file. Raises: BrokenFile."""
        file, chunk = self.file, self.chunk
        parts = blocks(file.path, chunk.start, None if file.packed else chunk.end, self._hash)
        records = self.split(parts)
        if chunk.start == 0 and file.header:
            next(records, None)
        base, name = chunk.start, chunk.name
        for offset, record in records:
            yield f"{name}:{base + offset}", record

    def rows(self, records: Iterable[Record]) -> Iterator[SourceRow | UnreadableRow]:
        """What `records` of this chunk hold."""
        table = self.chunk.table
        parse = self.parser.parse if self.parser else None
        for place, record in records:
            if parse is None:
                if record.strip():
                    yield SourceRow(table, {}, place)
            elif (row := parse(record, place)) is not None:
                yield row

    def __iter__(self) -> Iterator[SourceRow | UnreadableRow]:
        return self.rows(self.records())


@dataclass
class FileSource(ABC):
    """A folder of an export, or a file beside it. Each form gives its parsers and, where rows span lines, its splitter.

    `splits`: whether every line feed ends a row, so that a large file can be read in parts.
    """

    text: str
    form: str
    tables: dict[str, SourceTable]
    set_aside: dict[str, str]
    files: list[SourceFile]
    options: Options
    escape: str | None = None
    rounds: bool = False
    live: bool = False
    bounds: dict[str, list[int]] = field(default_factory=dict)
    splits: bool = True
    split: Splitter = lines
    unpacked: list[Path] = field(default_factory=list)  # folders that are ours, and go at the end

    @property
    def zone(self) -> ZoneInfo | None:
        return ZoneInfo(self.options.zone) if self.options.zone else None

    @abstractmethod
    def parser(self, file: SourceFile, table: SourceTable) -> RecordParser:
        """What reads the records of a file."""

    def chunks(self) -> list[Chunk]:
        return [chunk for file in self.files for chunk in self._chunks(file)]

    def _chunks(self, file: SourceFile) -> Iterator[Chunk]:
        size = file.path.stat().st_size
        if file.packed or not self.splits:
            yield Chunk(file.table, file.name, 0, size)
            return
        start = 0
        with file.path.open("rb") as content:
            while start < size:
                end = start + self.options.chunk_bytes
                if end < size:
                    content.seek(end - 1)
                    content.readline()
                    end = content.tell()
                yield Chunk(file.table, file.name, start, min(end, size))
                start = end

    def rows(self, chunk: Chunk) -> FileReading:
        file = next(file for file in self.files if file.name == chunk.name)
        table = self.tables[chunk.table]
        return FileReading(file, chunk, None if table.derived else self.parser(file, table), self.split)

    def digest(self, chunk: Chunk) -> str:
        file = next(file for file in self.files if file.name == chunk.name)
        digest = hashlib.sha256()
        for _ in blocks(file.path, chunk.start, None if file.packed else chunk.end, digest):
            pass
        return digest.hexdigest()

    def close(self) -> None:
        """Remove what was unpacked for reading."""
        remove(self.unpacked)


def remove(folders: Sequence[Path]) -> None:
    """Remove folders of ours with all that is in them, as far as that is possible."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def sizes(files: list[SourceFile]) -> Mapping[str, int]:
    """The bytes of all files of each table, as they lie there."""
    total: dict[str, int] = {}
    for file in files:
        total[file.table] = total.get(file.table, 0) + file.path.stat().st_size
    return total
