"""A row of the source in one shape, whatever form it was read from; and what every reader of a form offers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

import msgspec

# A datetime is aware and in UTC. A timestamp that is none (before 1970, after 9999, unreadable) stays the text it was.
Value: TypeAlias = "bool | int | float | str | datetime | list[Value] | dict[str, Value] | None"


class SourceRow(msgspec.Struct, gc=False):
    """A row of `table`, which has the name of migration §2, as have the columns.

    `values`: a column that is absent is null; an empty collection is null. A column of no known name is there under
    its own. `place`: file and first byte, or table and range of tokens. `rounded`: the columns whose numbers lost
    digits in the export.
    """

    table: str
    values: dict[str, Value]
    place: str
    rounded: tuple[str, ...] = ()


class UnreadableRow(msgspec.Struct, gc=False):
    """What stands where a row of `table` should. `raw`: verbatim. `reason`: a sentence without any value of it."""

    table: str
    place: str
    raw: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a table that is read by itself.

    `name`: of the file, relative to the source, or of the table as the source calls it. `start`, `end`: bytes of the
    file as it lies there, the second not included; of a live table tokens, the first not included.
    """

    table: str
    name: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table that was found. `name`: the contract's; `called`: the source's own, with its keyspace where it has one.

    `columns`: as the source calls them → as the contract does. `unknown`: those that mean nothing here. `derived`: its
    rows are counted and dropped, so they come without values. `size_bytes` and `logged_rows`, the count in the log of
    the export, are None where nobody knows.
    """

    name: str
    called: str
    columns: Mapping[str, str]
    unknown: tuple[str, ...] = ()
    derived: bool = False
    size_bytes: int | None = None
    logged_rows: int | None = None

    @property
    def guessed_name(self) -> bool:
        return self.called.rpartition(".")[2] != self.name

    @property
    def guessed_columns(self) -> dict[str, str]:
        return {called: name for called, name in self.columns.items() if called != name}


class ChunkReading(Protocol):
    """The rows of a chunk while it is read, once. `digest`: sha256 in hex of what was read, when all of it was."""

    @property
    def digest(self) -> str: ...
    def __iter__(self) -> Iterator[SourceRow | UnreadableRow]: ...


class SunbirdSource(Protocol):
    """An opened source; it can be pickled, so that other processes read chunks of it.

    `form`: `cqlsh`, `dsbulk-json` … `tables`: by the contract's name. `set_aside`: tables that are not read → why.
    `escape`: `py39` or `py310` where the form has one. `rounds`: whether numbers may be rounded, so that they compare
    within 1e-5. `live`: it changes while it is read, so its digests are of no use, and a chunk may be refused
    (live.RangeRefused) while others can be read. `bounds`: by table, where the chunks of a live source end; whoever
    goes on with an earlier run hands them back, for then the chunks are the same.
    """

    text: str
    form: str
    tables: dict[str, SourceTable]
    set_aside: dict[str, str]
    escape: str | None
    rounds: bool
    live: bool
    bounds: dict[str, list[int]]

    def chunks(self) -> list[Chunk]:
        """All chunks, the same ones in the same order while the source is the same."""
        ...

    def rows(self, chunk: Chunk) -> ChunkReading: ...

    def digest(self, chunk: Chunk) -> str:
        """What `rows(chunk).digest` would be, without parsing."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Options:
    """What the operator says about a source. `tables`: the contract's name → the source's. `columns`: (table, its
    column by the contract) → the source's. `escape`, `null`, `zone`: what the CSV of cqlsh cannot tell by itself.
    `chunk_bytes`: about how much one chunk of a file holds. `bounds`: those of an earlier run (SunbirdSource.bounds).
    `user`, `password`, `ca_file`: for a live source; with the last the connection is encrypted."""

    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], str] = field(default_factory=dict)
    escape: str | None = None
    null: str = ""
    zone: str | None = None
    rows_per_second: int = 20_000
    chunk_bytes: int = 64 * 1024 * 1024
    bounds: Mapping[str, Sequence[int]] = field(default_factory=dict)
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None
