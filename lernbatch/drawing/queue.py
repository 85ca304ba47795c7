"""The queues for what anybody may ask of a process of ours: with a deadline, and in rotation among clients."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from lernbatch.errors import Busy

MOST_CLIENTS = 100  # that wait at once
PER_CLIENT = 16  # a class behind one address opens its certificates at once


class TooManyPictures(Busy):
    """More pictures are asked for than can be drawn in time."""

    message = "Too many pictures are asked for at the moment, please try again later."
    retry_after_seconds = 5


class TooManyChecks(Busy):
    """More files of certificates are sent than can be read in time."""

    message = "Too many files are checked at the moment, please try again later."
    retry_after_seconds = 5


class DrawingQueue:
    """One drawing at a time. A client with many pictures delays every other client by one picture at most.

    `refusal`: what is told to who waits in vain.
    """

    def __init__(self, refusal: type[Busy] = TooManyPictures) -> None:
        self._refusal = refusal
        self._busy = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def slot(self, client: str, seconds: float | None) -> AsyncIterator[None]:
        """Hold the renderer in the block. `seconds`: the longest wait for it; None: as long as it takes.

        Raises: the refusal, at the deadline, or at once where this client or all clients wait for too many.
        """
        if self._busy:
            await self._wait(client, seconds)
        self._busy = True
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, client: str, seconds: float | None) -> None:
        if seconds is not None and (
            len(self._waiting.get(client, ())) >= PER_CLIENT or len(self._waiting) >= MOST_CLIENTS
        ):
            raise self._refusal
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(place)
        except TimeoutError as late:
            self._leave(client, place)
            raise self._refusal from late
        except BaseException:
            self._leave(client, place)
            raise

    def _leave(self, client: str, place: asyncio.Future[None]) -> None:
        """Stop waiting; a place that was given in this very moment goes to the next."""
        if place.done():
            self._pass_on()
            return
        self._waiting[client].remove(place)
        if not self._waiting[client]:
            del self._waiting[client]

    def _pass_on(self) -> None:
        """Give the place to the next client, whose next picture comes after everybody else's."""
        if not self._waiting:
            self._busy = False
            return
        client, queue = self._waiting.popitem(last=False)
        queue.popleft().set_result(None)
        if queue:
            self._waiting[client] = queue


_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, DrawingQueue] = WeakKeyDictionary()
_CHECKING: WeakKeyDictionary[asyncio.AbstractEventLoop, DrawingQueue] = WeakKeyDictionary()


def drawing_queue() -> DrawingQueue:
    """The queue of the running loop: a process has one loop, tests have several."""
    return _QUEUES.setdefault(asyncio.get_running_loop(), DrawingQueue())


def checking_queue() -> DrawingQueue:
    """Likewise, for the files that are checked."""
    return _CHECKING.setdefault(asyncio.get_running_loop(), DrawingQueue(TooManyChecks))
