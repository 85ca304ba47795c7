"""A living Cassandra or YugabyteDB, read by ranges of tokens so gently that its users do not feel it.

Source: contract migration M10, M62. The driver is an extra of the package, which few installations need.
"""

from __future__ import annotations

import hashlib
import math
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from lernbatch.errors import Unusable
from lernbatch.sunbird_source.catalog import TABLES, BadType, CqlType, cql_type
from lernbatch.sunbird_source.files import NoSource
from lernbatch.sunbird_source.model import Chunk, Options, SourceRow, SourceTable, UnreadableRow
from lernbatch.sunbird_source.naming import identified
from lernbatch.sunbird_source.pace import SourcePace
from lernbatch.sunbird_source.shaping import Shaper

if TYPE_CHECKING:
    from cassandra.cluster import Cluster, Session

PAGE_ROWS = 1000
RANGE_ROWS = 50_000
_TRIES = 10
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 60.0
_REQUEST_SECONDS = 30.0
_DEFAULT_PORT = 9042
_PROTOCOL = 4  # of every Cassandra from 2.2 on, and of YugabyteDB
_PROBE_ROWS = 2_000  # from which on a part of the ring tells how many rows all of it has
_encode = msgspec.json.Encoder(enc_hook=str).encode


class NoDriver(Unusable):
    """The driver is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "Reading a living Cassandra or YugabyteDB needs its driver: pip install 'lernbatch[cassandra]'. "
            "An export in files is read without it."
        )


class RangeRefused(Unusable):
    """The source did not answer for a range of a table, however often it was asked; the others can still be read."""

    def __init__(self, called: str, low: int, high: int, why: BaseException) -> None:
        super().__init__(
            f"{called} gave no rows for its tokens from {low} to {high}, though it was asked {_TRIES} times: "
            f"{type(why).__name__}. Run the same command again when the source is well; only what is missing is read."
        )


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a kind of cluster numbers its rows. `lowest` is before the first token."""

    form: str
    function: str
    lowest: int
    highest: int


CASSANDRA = Dialect("cassandra", "token", -(2**63), 2**63 - 1)
YUGABYTE = Dialect("ycql", "partition_hash", -1, 65_535)
DIALECTS = {"cassandra": CASSANDRA, "ycql": YUGABYTE}


def split(bounds: Sequence[int], parts: int) -> list[int]:
    """The ascending `bounds` of ranges, with further ones, so that there are at least `parts` ranges of like width."""
    width = -(-(bounds[-1] - bounds[0]) // parts)
    ends = [bounds[0]]
    for low, high in pairwise(bounds):
        pieces = -(-(high - low) // width)
        ends += [low + (high - low) * piece // pieces for piece in range(1, pieces + 1)]
    return ends


@dataclass
class LiveReading:
    """The rows of a range. `digest`: of the rows as they were read."""

    source: LiveSource
    chunk: Chunk
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[SourceRow | UnreadableRow]:
        """Raises: RangeRefused."""
        table = self.source.tables[self.chunk.table]
        shaper = None if table.derived else Shaper(table, None)
        place = f"{table.called}:{self.chunk.start}..{self.chunk.end}"
        for values in self.source.raw_rows(table, self.chunk.start, self.chunk.end):
            self._hash.update(_encode(values))
            yield shaper.row(values, place, _encode(values)) if shaper else SourceRow(table.name, {}, place)


@dataclass
class LiveSource:
    """A cluster. `bounds`: by table, the tokens at which its ranges begin and end.

    `waits`: seconds before each further try. The session is opened where it is needed, also in another process.
    """

    text: str
    options: Options
    form: str = ""
    tables: dict[str, SourceTable] = field(default_factory=dict)
    set_aside: dict[str, str] = field(default_factory=dict)
    escape: str | None = None
    rounds: bool = False
    live: bool = True
    bounds: dict[str, list[int]] = field(default_factory=dict)
    waits: tuple[float, ...] = tuple(
        min(_FIRST_WAIT_SECONDS * 2**count, _LONGEST_WAIT_SECONDS) for count in range(_TRIES)
    )
    _keys: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of the partition, by our name of the table
    _cluster: Cluster | None = None
    _session: Session | None = None
    _statements: dict[str, Any] = field(default_factory=dict)
    _pace: SourcePace | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cluster": None, "_session": None, "_statements": {}, "_pace": None}

    @property
    def dialect(self) -> Dialect:
        return DIALECTS[urlsplit(self.text).scheme]

    # -- what there is

    def look(self) -> None:
        """Find out which tables there are. Raises: Unusable."""
        self.form = self.dialect.form
        cluster, _ = self._opened()
        keyspace_of_address = urlsplit(self.text).path.strip("/")
        usual = tuple({kind.keyspace for kind in TABLES.values()})
        declared: dict[str, Mapping[str, CqlType | None]] = {}
        partition_keys: dict[str, tuple[str, ...]] = {}
        for name, keyspace in cluster.metadata.keyspaces.items():
            if name == keyspace_of_address or (not keyspace_of_address and name.endswith(usual)):
                user_types = _user_types(keyspace.user_types)
                for table in keyspace.tables.values():
                    called = f"{name}.{table.name}"
                    declared[called] = {
                        column.name: _declared(column.cql_type, user_types) for column in table.columns.values()
                    }
                    partition_keys[called] = tuple(column.name for column in table.partition_key)
        if not declared:
            there = ", ".join(sorted(name for name in cluster.metadata.keyspaces if not name.startswith("system")))
            raise NoSource(f"{self.text} has no table of a Sunbird; its keyspaces are {there or 'none'}.")
        self.tables, self.set_aside = identified(declared, self.options)
        self._keys = {name: partition_keys[table.called] for name, table in self.tables.items()}
        self.bounds = {
            name: [*self.options.bounds.get(name, ())] or self._ranges(table) for name, table in self.tables.items()
        }

    def _ranges(self, table: SourceTable) -> list[int]:
        """The ring's tokens, split until no range should hold more than RANGE_ROWS."""
        cluster, _ = self._opened()
        lowest, highest = self.dialect.lowest, self.dialect.highest
        ring = [lowest, highest]
        if self.dialect is CASSANDRA and cluster.metadata.token_map is not None:
            tokens = {int(token.value) for token in cluster.metadata.token_map.ring}
            ring = sorted({lowest, highest, *tokens})
        return split(ring, math.ceil(self._estimate(table) / RANGE_ROWS) * 2)

    def _estimate(self, table: SourceTable) -> float:
        """About how many rows a table has, by those of a part of it that is large enough; at least 1."""
        lowest, highest = self.dialect.lowest, self.dialect.highest
        share = 2**14
        while share > 1:
            count = 0
            for _ in self.raw_rows(table, lowest, lowest + (highest - lowest) // share, keys_only=True):
                count += 1
                if count == RANGE_ROWS:
                    break
            if count >= _PROBE_ROWS:
                return count * share
            share //= 16
        return _PROBE_ROWS * 16

    # -- rows

    def chunks(self) -> list[Chunk]:
        return [
            Chunk(name, table.called, low, high)
            for name, table in self.tables.items()
            for low, high in pairwise(self.bounds[name])
        ]

    def rows(self, chunk: Chunk) -> LiveReading:
        return LiveReading(self, chunk)

    def digest(self, chunk: Chunk) -> str:
        reading = self.rows(chunk)
        for _ in reading:
            pass
        return reading.digest

    def raw_rows(self, table: SourceTable, low: int, high: int, *, keys_only: bool = False) -> Iterator[dict[str, Any]]:
        """Columns by the source's names, of the rows whose tokens are above `low` and up to `high`.

        Where the source fails, the rest of the range is halved and asked for again, after a wait. The rows of one
        partition come together, when all of them are there, so that none comes twice. Raises: RangeRefused.
        """
        failures, todo = 0, [(low, high)]
        while todo:
            begin, end = todo.pop()
            done = begin
            try:
                for token, rows in self._partitions(table, begin, end, keys_only=keys_only or table.derived):
                    yield from rows
                    done, failures = token, 0
            except self._passing() as failure:
                failures += 1
                if failures > len(self.waits):
                    raise RangeRefused(table.called, done, end, failure) from failure
                time.sleep(self.waits[failures - 1])
                middle = (done + end) // 2
                todo += [(middle, end), (done, middle)] if done < middle < end else [(done, end)]

    def _partitions(
        self, table: SourceTable, low: int, high: int, *, keys_only: bool
    ) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """The rows of each partition with its token."""
        _, session = self._opened()
        statement = self._statement(table, keys_only=keys_only)
        state, last, rows = None, low, list[dict[str, Any]]()
        while True:
            began = time.monotonic()
            page = session.execute(statement, (low, high), paging_state=state)
            current, state = page.current_rows, page.paging_state
            latency = time.monotonic() - began
            for row in current:
                token = row.pop("lernbatch_token")
                if token != last and rows:
                    yield last, rows
                    rows = []
                last = token
                rows.append(row)
            self._pace = self._pace or SourcePace(self.options.rows_per_second)
            self._pace.took(len(current), latency)
            if state is None:
                break
        if rows:
            yield last, rows

    def _statement(self, table: SourceTable, *, keys_only: bool) -> Any:
        key = f"{table.name} keys" if keys_only else table.name
        if key not in self._statements:
            from cassandra import ConsistencyLevel

            _, session = self._opened()
            keys = self._keys[table.name]
            token = f"{self.dialect.function}({_quoted(keys)})"
            columns = _quoted(keys if keys_only else [*table.columns, *table.unknown])
            keyspace, _, name = table.called.partition(".")
            statement = session.prepare(
                f"SELECT {token} AS lernbatch_token, {columns} FROM {_quoted([keyspace])}.{_quoted([name])} "  # noqa: S608
                f"WHERE {token} > ? AND {token} <= ?"
            )
            statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM
            statement.fetch_size = PAGE_ROWS
            self._statements[key] = statement
        return self._statements[key]

    @staticmethod
    def _passing() -> tuple[type[BaseException], ...]:
        """What a source answers that may answer well later, or for a smaller range."""
        from cassandra import CoordinationFailure, OperationTimedOut, Timeout, Unavailable
        from cassandra.cluster import NoHostAvailable
        from cassandra.connection import ConnectionException
        from cassandra.protocol import ServerError

        return (
            CoordinationFailure,
            ConnectionException,
            NoHostAvailable,
            OperationTimedOut,
            ServerError,
            Timeout,
            Unavailable,
        )

    def _opened(self) -> tuple[Cluster, Session]:
        """The session of this process. Raises: NoDriver, NoSource."""
        if self._cluster is None or self._session is None:
            self._cluster, self._session = connect(self.text, self.options)
        return self._cluster, self._session

    def close(self) -> None:
        if self._cluster is not None:
            self._cluster.shutdown()
            self._cluster = self._session = None


def connect(text: str, options: Options) -> tuple[Cluster, Session]:
    """Raises: NoDriver, NoSource."""
    try:
        from cassandra.auth import PlainTextAuthProvider
        from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
        from cassandra.policies import ConstantReconnectionPolicy, DCAwareRoundRobinPolicy, TokenAwarePolicy
        from cassandra.query import dict_factory
    except ImportError as missing:
        raise NoDriver from missing
    names, _, port = urlsplit(text).netloc.partition(":")  # cassandra://host[,host…][:port]/[keyspace]
    hosts = [name for name in names.split(",") if name]
    if not hosts or not (port or "0").isdecimal():
        raise NoSource(f"{text} names no cluster; write cassandra://HOST[:PORT]/[KEYSPACE].")
    tls = None
    if options.ca_file:
        tls = ssl.create_default_context(cafile=options.ca_file)
        tls.check_hostname = False  # a ring is found by addresses, which its certificates seldom name
    cluster = Cluster(
        hosts,
        port=int(port or _DEFAULT_PORT),
        auth_provider=PlainTextAuthProvider(options.user, options.password) if options.user else None,
        ssl_context=tls,
        protocol_version=_PROTOCOL,
        reconnection_policy=ConstantReconnectionPolicy(delay=2.0, max_attempts=None),
        execution_profiles={
            EXEC_PROFILE_DEFAULT: ExecutionProfile(
                load_balancing_policy=TokenAwarePolicy(DCAwareRoundRobinPolicy()),
                request_timeout=_REQUEST_SECONDS,
                row_factory=dict_factory,
            )
        },
    )
    try:
        session = cluster.connect()
    except NoHostAvailable as unreachable:
        cluster.shutdown()
        reasons = "; ".join(sorted({str(reason) for reason in unreachable.errors.values()}))
        raise NoSource(f"{text} cannot be read: {reasons or 'no node answers'}.") from unreachable
    session.client_protocol_handler = _protocol_handler()
    return cluster, session


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _protocol_handler() -> Any:
    """Gives timestamps as milliseconds: the driver's own class fails on a page with a year past 9999."""
    from cassandra.cqltypes import DateType
    from cassandra.protocol import ProtocolHandler, ResultMessage

    class _Milliseconds(DateType):  # type: ignore[misc]
        @staticmethod
        def deserialize(content: bytes, _protocol_version: int) -> int:
            return int.from_bytes(content, "big", signed=True)

    usual = ProtocolHandler.message_types_by_opcode[ResultMessage.opcode]
    timestamp = next(code for code, kind in usual.type_codes.items() if kind is DateType)
    result = type("Result", (usual,), {"type_codes": {**usual.type_codes, timestamp: _Milliseconds}})
    messages = {**ProtocolHandler.message_types_by_opcode, ResultMessage.opcode: result}
    return type("Handler", (ProtocolHandler,), {"message_types_by_opcode": messages})


def _user_types(user_types: Mapping[str, Any]) -> dict[str, CqlType]:
    """The types of a keyspace; one that is made of another comes after it."""
    types: dict[str, CqlType] = {}
    for _ in user_types:
        for name, kind in user_types.items():
            fields = {
                field: declared
                for field, text in zip(kind.field_names, kind.field_types, strict=True)
                if (declared := _declared(text, types)) is not None
            }
            types[name] = CqlType(name, fields=fields)
    return types


def _declared(text: str, user_types: Mapping[str, CqlType]) -> CqlType | None:
    try:
        return cql_type(text, user_types)
    except BadType:
        return None
