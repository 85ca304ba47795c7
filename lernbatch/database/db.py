"""The database: the pool, and four verbs that run a statement of a `queries.sql`."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from functools import cache, partial
from operator import attrgetter
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

import asyncpg
import msgspec
from asyncpg.pool import PoolAcquireContext, PoolConnectionProxy
from asyncpg.transaction import Transaction

from lernbatch import spans
from lernbatch.database import hosts
from lernbatch.database.hosts import Role
from lernbatch.database.sql import Statement, sharded
from lernbatch.errors import Away, Busy, LernbatchError

Connection: TypeAlias = asyncpg.Connection | PoolConnectionProxy
Pool: TypeAlias = asyncpg.Pool
Row = TypeVar("Row")

# What PostgreSQL cannot keep: a NUL character, or a text too long for an index. The caller sent it, the caller is told.
UNSTORABLE = (
    asyncpg.CharacterNotInRepertoireError,
    asyncpg.UntranslatableCharacterError,
    asyncpg.ProgramLimitExceededError,
)
# The server is away, full, overloaded, or stopped a statement: for its operator, and no bug of ours.
TROUBLES = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ObjectNotInPrerequisiteStateError,
)
# The server died, is no primary any more, or is out of reach; of what was sent nobody knows whether it was done.
GONE = (
    ConnectionError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.ReadOnlySQLTransactionError,
)
# What asyncpg says of a connection that was lost while nobody was looking, and of much else.
_MISUSED = (asyncpg.InterfaceError, asyncpg.InternalClientError)
# What an attempt to connect may end in while another one, a moment later, may succeed.
_NOT_NOW = (OSError, *GONE, asyncpg.InsufficientResourcesError, asyncpg.ObjectNotInPrerequisiteStateError)
CONNECT_AGAIN_SECONDS = 0.1
# Whatever a look at the database may end in when it is only asked whether it is there.
UNREACHABLE = (OSError, Busy, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
# Whether the running task answers somebody who has shown no token; None: it answers nobody, it is a job or a command.
anonymous: ContextVar[bool | None] = ContextVar("anonymous", default=None)
SLICE = 2000  # rows that are made without a pause, in a few milliseconds
_JSONB_VERSION = b"\x01"  # the first byte of jsonb in PostgreSQL's binary format
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


def json(value: object) -> msgspec.Raw:
    """`value` as one element of a jsonb[]: asyncpg takes a bare list for another dimension of the array."""
    return msgspec.Raw(_encode(value))


def columns(rows: Iterable[Any], **fields: str) -> dict[str, list[Any]]:
    """The array parameters of a statement that takes many rows: parameter → that field of every row, in their order.

    `columns(rows, user_ids="user_id", batch_ids="batch.batch_id")`: a field may lie inside another one.
    """
    rows = list(rows)
    return {parameter: list(map(attrgetter(field), rows)) for parameter, field in fields.items()}


async def _prepare(conn: asyncpg.Connection) -> None:
    await conn.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: _JSONB_VERSION + _encode(value),
        decoder=lambda data: _decode(data[1:]),
    )
    spans.watch(conn)


async def connect(dsn: str) -> asyncpg.Connection:
    """One connection to the primary, which reads and writes jsonb as Python values."""
    conn = await hosts.connect(dsn)
    await _prepare(conn)
    return conn


async def _as_it_is(_: Connection) -> None:
    """Nothing of ours outlives its transaction, so a returned connection needs no statement that resets it."""


class _Transaction(Transaction):  # type: ignore[misc]  # asyncpg is not typed
    """A transaction that tells apart whether it was certainly not committed (Away), or nobody knows (one of GONE)."""

    async def __aenter__(self) -> None:
        try:
            await super().__aenter__()
        except Exception as error:
            if self._is_lost(error):
                raise Away from error
            raise

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = error
        try:
            await super().__aexit__(kind, error, trace)
        except _MISUSED as late:
            if not self._connection.is_closed():
                raise
            reason = error or late  # the connection was lost before COMMIT could be sent
        except GONE:
            if error is None:  # COMMIT was sent
                raise
        # The server rolls back what it loses the connection of.
        if reason is not None and self._is_lost(reason):
            raise Away from reason

    def _is_lost(self, error: BaseException) -> bool:
        is_lost = isinstance(error, _MISUSED) and self._connection.is_closed()
        return is_lost or isinstance(error, GONE)


class _PooledConnection(asyncpg.Connection):  # type: ignore[misc]  # likewise
    def transaction(self, *, isolation: str | None = None, readonly: bool = False, deferrable: bool = False) -> Any:
        return _Transaction(self, isolation, readonly, deferrable)


class _ShardedConnection(_PooledConnection):
    """A connection to Citus: it sends each statement in the form that Citus takes."""

    async def fetch(self, query: str, *args: Any, **options: Any) -> Any:
        return await super().fetch(sharded(query), *args, **options)

    async def fetchrow(self, query: str, *args: Any, **options: Any) -> Any:
        return await super().fetchrow(sharded(query), *args, **options)

    async def fetchval(self, query: str, *args: Any, **options: Any) -> Any:
        return await super().fetchval(sharded(query), *args, **options)

    async def execute(self, query: str, *args: Any, **options: Any) -> Any:
        return await super().execute(sharded(query), *args, **options)

    def cursor(self, query: str, *args: Any, **options: Any) -> Any:
        return super().cursor(sharded(query), *args, **options)


class _Acquisition(PoolAcquireContext):  # type: ignore[misc]  # asyncpg is not typed
    """Holds a connection of a `BoundedPool`, its place in the queue, and for an anonymous request one of theirs."""

    __slots__ = ("_places", "_trouble")
    pool: BoundedPool

    async def __aenter__(self) -> PoolConnectionProxy:
        self._places: list[asyncio.Semaphore] = []
        self._trouble: Exception | None = None
        is_anonymous = anonymous.get()
        try:
            async with asyncio.timeout(None if is_anonymous is None else self.pool.wait_seconds):
                for places in (self.pool.anonymous_places, self.pool.places) if is_anonymous else (self.pool.places,):
                    await places.acquire()
                    self._places.append(places)
                return await self._connected()
        except BaseException as failed:
            self._leave()
            if isinstance(failed, TimeoutError) and is_anonymous is not None:
                raise (Away if self._trouble else Busy) from (self._trouble or failed)
            raise

    async def _connected(self) -> PoolConnectionProxy:
        """A connection; one that must be made is tried for `wait_seconds`, while another host becomes the primary."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self.pool.wait_seconds
        while True:
            try:
                connection: PoolConnectionProxy = await super().__aenter__()
                return connection
            except _NOT_NOW as trouble:
                self._trouble = trouble
                if loop.time() >= until:
                    raise Away from trouble
            await asyncio.sleep(CONNECT_AGAIN_SECONDS)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error.__cause__ if isinstance(error, Away) else error, asyncpg.ReadOnlySQLTransactionError):
            await self.pool.expire_connections()  # this host is no primary any more: none of its connections is of use
        is_lost = isinstance(error, _MISUSED) and (self.connection._con is None or self.connection.is_closed())
        try:
            await super().__aexit__(kind, error, trace)
        finally:
            self._leave()
        if is_lost:
            raise ConnectionResetError("the connection to the database was lost") from error

    def _leave(self) -> None:
        for places in self._places:
            places.release()


class BoundedPool(asyncpg.Pool):  # type: ignore[misc]  # likewise
    """A pool where no request waits without end, and of which anonymous ones have at most half.

    One that waits for a connection longer than `wait_seconds`, establishing one included, gets Busy, or Away while the
    database has no primary. Jobs wait for a place in the queue, and as long as others for a primary.
    Whoever came first is served first: asyncpg's own queue lets newcomers overtake who has just been woken.
    """

    wait_seconds: float
    places: asyncio.Semaphore
    anonymous_places: asyncio.Semaphore

    def acquire(self, *, timeout: float | None = None) -> PoolAcquireContext:
        return _Acquisition(self, timeout)


@asynccontextmanager
async def pool(
    dsn: str,
    *,
    size: int,
    statement_timeout_seconds: float = 20,
    wait_seconds: float = 2,
    role: Role = "primary",
    sharded: bool = False,
    eager: bool = True,
) -> AsyncIterator[Pool]:
    """A pool of at most `size` connections; `min(size, 2)` to the primary are opened at once, none to a standby.

    `sharded`: the database is Citus. `eager` False: none is opened at once, and the database may be away now.
    """
    bounded = BoundedPool(
        dsn,
        connect=partial(hosts.connect, role=role),
        min_size=min(size, 2) if eager and role == "primary" else 0,
        max_size=size,
        max_queries=50_000,
        max_inactive_connection_lifetime=300.0,
        loop=None,
        connection_class=_ShardedConnection if sharded else _PooledConnection,
        record_class=asyncpg.Record,
        init=_prepare,
        reset=_as_it_is,
        server_settings={
            "application_name": "lernbatch",
            # Nearly all is cached or on disks that need not turn: with the default a table of all people is read
            # from end to end to find those of one batch.
            "random_page_cost": "1.1",
            "statement_timeout": str(int(statement_timeout_seconds * 1000)),
        },
    )
    bounded.wait_seconds = wait_seconds
    bounded.places, bounded.anonymous_places = asyncio.Semaphore(size), asyncio.Semaphore(max(size // 2, 1))
    async with bounded as opened:
        yield opened


async def _ask(conn: Connection, method: str, statement: Statement, parameters: dict[str, object]) -> Any:
    """What asyncpg's `method` answers. A statement that only reads is sent again where its first server was lost."""
    arguments = statement.arguments(parameters)
    try:
        return await getattr(conn, method)(statement.text, *arguments)
    except GONE as gone:
        if not isinstance(conn, asyncpg.Pool) or not statement.only_reads:
            raise
        try:
            return await getattr(conn, method)(statement.text, *arguments)
        except GONE:
            raise Away from gone


async def all(conn: Connection, row: type[Row], statement: Statement, **parameters: object) -> list[Row]:
    """Every row, as `row`; its fields are the columns. Many are made in slices, between which others go on."""
    records = await _ask(conn, "fetch", statement, parameters)
    ordered = records and tuple(records[0].keys()) == _fields(row)  # type: ignore[arg-type]  # a class can be hashed
    rows: list[Row] = []
    for start in range(0, len(records), SLICE):
        if start:
            await asyncio.sleep(0)
        some = records[start : start + SLICE]
        rows += [row(*record) for record in some] if ordered else [row(**record) for record in some]  # in half the time
    return rows


@cache
def _fields(row: type) -> tuple[str, ...]:
    """The names of the fields that `row` takes, in the order it takes them."""
    return tuple(inspect.signature(row).parameters)


async def one(conn: Connection, row: type[Row], statement: Statement, **parameters: object) -> Row | None:
    """The only row, or None."""
    record = await _ask(conn, "fetchrow", statement, parameters)
    return None if record is None else row(**record)


async def value(conn: Connection, statement: Statement, **parameters: object) -> Any:
    """The first column of the first row, or None."""
    return await _ask(conn, "fetchval", statement, parameters)


async def run(conn: Connection, statement: Statement, **parameters: object) -> int:
    """How many rows the statement wrote."""
    tag: str = await conn.execute(statement.text, *statement.arguments(parameters))
    words = tag.split()
    return int(words[-1]) if words and words[-1].isdigit() else 0


@contextmanager
def failing_as(kind: type[LernbatchError]) -> Iterator[None]:
    """Raise `kind` where the database fails in the block, when the contract has a name for that failure."""
    try:
        yield
    except (*UNSTORABLE, *GONE):  # the caller may come back from the latter
        raise
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as failed:
        raise kind from failed
