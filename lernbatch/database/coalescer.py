"""Coalescing: work that arrives while earlier work is under way is done together, in one go.

There is no timer: an idle coalescer begins at once, so a lone request is not delayed. Under load a flush takes what
has gathered, and many requests share its round trips and its commit. See docs/decisions/0008-coalescing.md.

On Citus the learners of one flush have their rows in one shard: a flush of several would wait for all of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from lernbatch import log
from lernbatch.database.db import GONE, anonymous
from lernbatch.errors import Away, Busy

Owner = TypeVar("Owner")
Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_PER_FLUSH = 256
MOST_WAITING = 10_000
TRIES = 50  # of an item whose row is changed by others between its read and its write


@dataclass(frozen=True, slots=True)
class Again:
    """What a flush answers for an item that it could not do: do it again, after `first` if that is given."""

    first: Callable[[], Awaitable[object]] | None = None


# Of each item: its result, the failure that is its own, or that it must be done again.
Answer: TypeAlias = Result | Exception | Again
Flush: TypeAlias = Callable[[Sequence[Item]], Awaitable[Sequence[Answer[Result]]]]  # many at once, answered in order


@dataclass(slots=True)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: asyncio.Future[Result]
    tries: int = 0


class Coalescer(Generic[Item, Result]):
    """Collects items and flushes them, one flush at a time of each group, each answered after its own flush.

    `group`: of which group an item is; None: all are of one.
    """

    def __init__(
        self, flush: Flush[Item, Result], *, enabled: bool = True, group: Callable[[Item], Hashable] | None = None
    ) -> None:
        self._flush = flush
        self._most = MOST_PER_FLUSH if enabled else 1
        self._enabled = enabled
        self._group = group
        self._queues: dict[Hashable, deque[_Waiting[Item, Result]]] = {}  # of the groups that are being flushed
        self._flushing: dict[Hashable, asyncio.Task[None]] = {}
        self._apart: set[asyncio.Task[None]] = set()  # held, so that they are not collected while they run

    async def do(self, item: Item) -> Result:
        """The result of `item`. Raises: what its flush answered with; Busy, when too much waits already."""
        waiting: _Waiting[Item, Result] = _Waiting(item, asyncio.get_running_loop().create_future())
        if self._enabled:
            self._put(waiting)
        else:
            self._start_apart(self._alone(waiting))
        return await waiting.answer

    def _put(self, waiting: _Waiting[Item, Result]) -> None:
        if sum(map(len, self._queues.values())) >= MOST_WAITING:
            raise Busy
        self._enqueue(waiting)

    def _enqueue(self, waiting: _Waiting[Item, Result]) -> None:
        group = None if self._group is None else self._group(waiting.item)
        queue = self._queues.setdefault(group, deque())
        queue.append(waiting)
        if group not in self._flushing:
            # Of no request: it serves many, and must not live by the bounds and the log lines of the first.
            context, drain = Context(), self._drain(group, queue)
            context.run(anonymous.set, False)  # but like theirs, its waiting for a connection has a bound
            self._flushing[group] = asyncio.get_running_loop().create_task(drain, context=context)

    async def _drain(self, group: Hashable, queue: deque[_Waiting[Item, Result]]) -> None:
        try:
            while queue:
                taken = [queue.popleft() for _ in range(min(len(queue), self._most))]
                await self._attempt(taken)
        finally:
            del self._queues[group], self._flushing[group]

    async def _attempt(self, taken: list[_Waiting[Item, Result]]) -> None:
        try:
            answers = await self._flushed([waiting.item for waiting in taken])
        except (Away, Busy, *GONE) as failure:  # nobody's own, and what may have been written is not written twice
            for waiting in taken:
                self._settle(waiting, failure)
            return
        except Exception as failure:  # noqa: BLE001 - whatever it is, it belongs to one of these items: find which
            if len(taken) == 1:
                self._settle(taken[0], failure)
                return
            # Each alone, so that one bad row harms nobody else.
            log.exception("a flush failed and is repeated one by one", failure, count=len(taken))
            for waiting in taken:
                await self._attempt([waiting])
            return
        for waiting, answer in zip(taken, answers, strict=True):
            self._settle(waiting, answer)

    async def _flushed(self, items: list[Item]) -> Sequence[Answer[Result]]:
        """The answers of a flush. One that was certainly rolled back is repeated: there may be a new primary."""
        try:
            return await self._flush(items)
        except Away:
            return await self._flush(items)

    async def _alone(self, waiting: _Waiting[Item, Result]) -> None:
        await self._attempt([waiting])

    def _settle(self, waiting: _Waiting[Item, Result], answer: Answer[Result]) -> None:
        if waiting.answer.done():  # whoever asked has gone
            return
        if isinstance(answer, Again):
            self._again(waiting, answer)
        elif isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)

    def _again(self, waiting: _Waiting[Item, Result], again: Again) -> None:
        waiting.tries += 1
        if waiting.tries > TRIES:
            waiting.answer.set_exception(Busy())
        elif again.first is not None:
            self._start_apart(self._after(waiting, again.first))
        elif self._enabled:
            self._enqueue(waiting)  # the running flush takes it up again
        else:
            self._start_apart(self._alone(waiting))

    async def _after(self, waiting: _Waiting[Item, Result], first: Callable[[], Awaitable[object]]) -> None:
        """What the item lacks is fetched beside the flushes, so that nobody else waits for it."""
        try:
            await first()
            if self._enabled:
                self._put(waiting)
            else:
                await self._alone(waiting)
        except Exception as failure:  # noqa: BLE001 - it is the answer of whoever asked
            self._settle(waiting, failure)

    def _start_apart(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)


class _HasCoalescers(Protocol):
    @property
    def coalescers(self) -> Coalescers: ...


Services = TypeVar("Services", bound=_HasCoalescers)


def coalesced(
    learner: Callable[[Any], str] | None = None,
) -> Callable[
    [Callable[[Services, Sequence[Item]], Awaitable[Sequence[Answer[Result]]]]],
    Callable[[Services, Item], Awaitable[Result]],
]:
    """Make a function of one item of a flush, which does all items that have gathered, and answers in their order.

    It raises what the flush answers for the item; Busy, when too much waits already. `learner`: whose rows an item is
    about; None: of no learner.
    """

    def decorate(
        flush: Callable[[Services, Sequence[Item]], Awaitable[Sequence[Answer[Result]]]],
    ) -> Callable[[Services, Item], Awaitable[Result]]:
        @wraps(flush)
        def do(services: Services, item: Item) -> Awaitable[Result]:
            return services.coalescers.of(flush, services, learner).do(item)

        return do

    return decorate


class Coalescers:
    """The coalescers of a process, one a kind of work.

    `shard_of`: which shard of Citus has a learner's rows; None: there is one database.
    """

    def __init__(self, *, enabled: bool, shard_of: Callable[[str], Hashable] | None = None) -> None:
        self._enabled = enabled
        self._shard_of = shard_of
        self._by_flush: dict[object, Coalescer[Any, Any]] = {}

    def of(
        self,
        flush: Callable[[Owner, Sequence[Item]], Awaitable[Sequence[Answer[Result]]]],
        owner: Owner,
        learner: Callable[[Any], str] | None = None,
    ) -> Coalescer[Item, Result]:
        """The one coalescer of `flush`, which is given `owner` (the process's services) with each set."""
        coalescer = self._by_flush.get(flush)
        if coalescer is None:
            shard_of, group = self._shard_of, None
            if shard_of is not None and learner is not None:
                group = lambda item: shard_of(learner(item))  # noqa: E731 - a name of its own would say no more
            coalescer = Coalescer(partial(flush, owner), enabled=self._enabled, group=group)
            self._by_flush[flush] = coalescer
        return coalescer
