"""Waiting for the one place where pictures are drawn: with a deadline, and in rotation among those who wait."""

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


class DrawingQueue:
    """One draws at a time; whoever asked for much does not keep others waiting longer than for one picture each."""

    def __init__(self) -> None:
        self._busy = False
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @asynccontextmanager
    async def turn(self, client: str, seconds: float | None) -> AsyncIterator[None]:
        """Hold the place in the block. `seconds`: how long to wait for it at most; None: as long as it takes.

        Raises, where there is a deadline: TooManyPictures, then, or at once where this client or all together wait
        for too many.
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
            raise TooManyPictures
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(client, deque()).append(place)
        try:
            async with asyncio.timeout(seconds):
                await asyncio.shield(place)
        except TimeoutError as late:
            self._leave(client, place)
            raise TooManyPictures from late
        except BaseException:
            self._leave(client, place)
            raise

    def _leave(self, client: str, place: asyncio.Future[None]) -> None:
        """Stop waiting; who was given the place in this very moment hands it on."""
        if place.done():
            self._pass_on()
            return
        self._waiting[client].remove(place)
        if not self._waiting[client]:
            del self._waiting[client]

    def _pass_on(self) -> None:
        """Give the place to the next client, and that client's next turn after everybody else's."""
        if not self._waiting:
            self._busy = False
            return
        client, queue = self._waiting.popitem(last=False)
        queue.popleft().set_result(None)
        if queue:
            self._waiting[client] = queue


_QUEUES: WeakKeyDictionary[asyncio.AbstractEventLoop, DrawingQueue] = WeakKeyDictionary()


def drawing_queue() -> DrawingQueue:
    """The queue of the running loop: a process has one loop, tests have several."""
    return _QUEUES.setdefault(asyncio.get_running_loop(), DrawingQueue())
