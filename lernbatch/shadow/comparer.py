"""The process beside the proxy: asks the candidate in order, compares, and writes the journal.

Run as `python -m lernbatch.shadow.comparer`; its input are frames (see handover), the first its settings. It ends when
its input does, after what waits is done.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
import zlib
from bisect import insort
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import MappingProxyType

import httpx
import msgspec
import uvloop

from lernbatch import log
from lernbatch.shadow import known, rules
from lernbatch.shadow.compare import Terms, compare
from lernbatch.shadow.handover import LENGTH_BYTES
from lernbatch.shadow.journal import Journal
from lernbatch.shadow.model import Answer, AnswerDifference, Entry, Exchange, Kind
from lernbatch.shadow.redaction import Redaction, caller_of, kept_headers
from lernbatch.shadow.resigning import Resigner
from lernbatch.shadowing import HEADERS, Given, sign

AT_ONCE = 16  # calls of the candidate
CANDIDATE_SECONDS = 30.0
LARGEST_ANSWER_BYTES = 8 * 1024 * 1024
MOST_SETTLING = 1000  # reads that differ and wait to be asked again
MOST_SETTLING_BYTES = 32 * 1024 * 1024
MOST_PAIRS = 100_000
MOST_WRITES = 100_000  # whose moments are remembered
_NOT_PASSED = HEADERS | {
    "host",
    "content-length",
    "transfer-encoding",
    "accept-encoding",
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "upgrade",
    "expect",
}


class Settings(msgspec.Struct, frozen=True):
    """What the process is told. `settle_seconds` 0: nobody is asked again. `shadow_key` "": nothing is signed."""

    primary: str
    candidate: str
    journal: str
    routes: list[tuple[str, str, str | None]]
    settle_seconds: float = 0
    shadow_key: str = ""
    replay_key: str = ""  # PEM
    replay_key_id: str = ""
    token_issuer: str = ""
    log_level: str = "info"


class Unasked(Exception):
    """The other service gave no answer that can be compared."""


class Asker:
    """Asks a service what a caller of the proxy asked."""

    def __init__(self, url: str) -> None:
        self._base = httpx.URL(url)
        limits = httpx.Limits(max_connections=AT_ONCE * 2, max_keepalive_connections=AT_ONCE)
        self._client = httpx.AsyncClient(timeout=httpx.Timeout(CANDIDATE_SECONDS, connect=3), limits=limits)

    def path_of(self, target: str) -> bytes:
        """The path and query that this service is asked for."""
        return self._base.raw_path.rstrip(b"/") + target.encode("latin-1")

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
        signed: Mapping[str, str] = MappingProxyType({}),
    ) -> Answer:
        """Its answer. `signed`: the headers of the shadow, which nobody else may set. Raises: Unasked."""
        passed = {name: value for name, value in headers.items() if name not in _NOT_PASSED} | dict(signed)
        raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in passed.items()]
        url = self._base.copy_with(raw_path=self.path_of(target))
        try:
            async with (
                asyncio.timeout(CANDIDATE_SECONDS),
                self._client.stream(method, url, headers=raw, content=body or None) as response,
            ):
                chunks, size = [], 0
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > LARGEST_ANSWER_BYTES:
                        raise Unasked("its answer is too large to be compared")
                    chunks.append(chunk)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as failure:
            raise Unasked(f"it does not answer: {type(failure).__name__}") from failure
        return Answer(response.status_code, b"".join(chunks))

    async def close(self) -> None:
        await self._client.aclose()


class Order:
    """Who waits for whom: calls about one learner for each other, and one about many for all before it (M51)."""

    def __init__(self) -> None:
        self._last: dict[str, asyncio.Future[None]] = {}
        self._about_many: asyncio.Future[None] | None = None

    def place(self, learner: str, *, about_many: bool) -> tuple[list[asyncio.Future[None]], asyncio.Future[None]]:
        """What a call has to wait for, and what it completes when it is done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        before = [self._about_many] if self._about_many is not None else []
        if about_many:
            before += self._last.values()
            self._last, self._about_many = {}, done
        elif learner:
            before += [self._last[learner]] if learner in self._last else []
            self._last[learner] = done
            done.add_done_callback(lambda _: self._forget(learner, done))
        else:  # nobody waits for a call about nobody, but one about many
            key = f"\0{id(done)}"
            self._last[key] = done
            done.add_done_callback(lambda _: self._forget(key, done))
        return before, done

    def _forget(self, key: str, done: asyncio.Future[None]) -> None:
        if self._last.get(key) is done:
            del self._last[key]


@dataclass
class _Memory:
    """What earlier exchanges have shown: ids that belong together, and when writes were seen."""

    pairs: OrderedDict[str, str] = field(default_factory=OrderedDict)
    writes: list[float] = field(default_factory=list)

    def pair(self, pairs: Mapping[str, str]) -> None:
        self.pairs.update(pairs)
        while len(self.pairs) > MOST_PAIRS:
            self.pairs.popitem(last=False)

    def wrote(self, moment: float) -> None:
        insort(self.writes, moment)
        if len(self.writes) > MOST_WRITES:
            del self.writes[: MOST_WRITES // 10]


class Comparer:
    """Takes exchanges and writes what came of them."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings, self._journal = settings, journal
        self._calls = rules.Calls(settings.routes)
        self._candidate, self._primary = Asker(settings.candidate), Asker(settings.primary)
        key = settings.shadow_key.encode()
        self._key = key
        self._redaction = Redaction(key or os.urandom(32))
        self._resigner = Resigner.of(settings.replay_key, settings.replay_key_id, settings.token_issuer)
        self._order, self._memory = Order(), _Memory()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._settling, self._settling_bytes = set[asyncio.Task[None]](), 0
        self._is_ending = asyncio.Event()

    def take(self, exchange: Exchange) -> asyncio.Task[None]:
        """Start on an exchange: its place in the order is the one of this call."""
        called = self._calls.find(exchange.method, exchange.target.partition("?")[0])
        headers = dict(reversed(exchange.headers))
        is_read = rules.is_read(exchange.method, called.route)
        learner = rules.learner_of(called, exchange.body, caller_of(headers))
        about_many = not is_read and rules.is_about_many(called, exchange.body)
        before, done = self._order.place(learner, about_many=about_many)
        seen = _Seen(exchange, called, headers, learner, is_read)
        if exchange.skipped_before:
            self._journal.add(Entry(at=exchange.at, skipped=exchange.skipped_before))
        return asyncio.create_task(self._through(seen, before, done))

    async def _through(self, seen: _Seen, before: Sequence[asyncio.Future[None]], done: asyncio.Future[None]) -> None:
        try:
            for earlier in before:
                await earlier
            async with self._places:
                await self._compare(seen)
        except Exception as broken:  # noqa: BLE001 - one exchange that breaks must not end the others
            log.exception("an exchange cannot be compared", broken, route=seen.called.route)
            self._write(seen, None, "failed", f"the comparison broke: {type(broken).__name__}")
        finally:
            done.set_result(None)

    async def _compare(self, seen: _Seen) -> None:
        primary = Answer(seen.exchange.status, _plain(seen.exchange))
        created = rules.created_id(seen.called.route, primary.status, primary.body)
        try:
            candidate = await self._ask_candidate(seen, created)
        except Unasked as failure:
            self._write(seen, None, "failed", str(failure), created)
            return
        if not seen.is_read:
            self._memory.wrote(seen.exchange.at)
        differences = self._differences(seen, primary, candidate)
        unexplained = [difference for difference in differences if not difference.explained]
        has_room = (
            self._settings.settle_seconds > 0
            and not self._is_ending.is_set()
            and len(self._settling) < MOST_SETTLING
            and self._settling_bytes + seen.size <= MOST_SETTLING_BYTES
        )
        if unexplained and seen.is_read and has_room:
            self._settling_bytes += seen.size
            task = asyncio.create_task(self._settle(seen, candidate, differences))
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
            return
        self._write(seen, candidate, "differs" if unexplained else "same", "", created, differences)

    def _differences(self, seen: _Seen, primary: Answer, candidate: Answer) -> list[AnswerDifference]:
        terms = Terms(seen.called.generated, seen.called.unordered, self._memory.pairs, self._memory.writes)
        comparison = compare(primary, candidate, terms)
        self._memory.pair(comparison.pairs)
        return known.explained(seen.called.route, comparison.differences, known.rules())

    async def _ask_candidate(self, seen: _Seen, created: str = "", at: float | None = None) -> Answer:
        headers, exchange = dict(seen.headers), seen.exchange
        if self._resigner is not None:
            headers |= self._resigner.headers(self._redaction.credentials(headers), exchange.at)
        target = exchange.target
        if self._key:
            given = Given(datetime.fromtimestamp(exchange.at if at is None else at, UTC), created or None)
            signed = sign(self._key, exchange.method, self._candidate.path_of(target), given, datetime.now(UTC))
        else:
            signed = {}
        return await self._candidate.ask(exchange.method, target, headers, exchange.body, signed)

    async def _settle(self, seen: _Seen, candidate: Answer, differences: list[AnswerDifference]) -> None:
        """Ask both again after a while: what is equal then was only late (M54)."""
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_ending.wait(), self._settings.settle_seconds)
            is_late, exchange = False, seen.exchange
            if not self._is_ending.is_set():
                with suppress(Unasked):
                    async with self._places:
                        primary = await self._primary.ask(exchange.method, exchange.target, seen.headers, exchange.body)
                        again = await self._ask_candidate(seen, at=time.time())
                    is_late = all(difference.explained for difference in self._differences(seen, primary, again))
            if is_late:
                differences = [msgspec.structs.replace(difference, late=True) for difference in differences]
            self._write(seen, candidate, "same" if is_late else "differs", "", "", differences)
        finally:
            self._settling_bytes -= seen.size

    def _write(
        self,
        seen: _Seen,
        candidate: Answer | None,
        outcome: str,
        reason: str,
        created: str = "",
        differences: Sequence[AnswerDifference] = (),
    ) -> None:
        exchange, redaction, keep = seen.exchange, self._redaction, seen.called.keeps_bodies
        shown = [
            difference
            if keep or difference.kind in (Kind.STATUS, Kind.ERROR)
            else msgspec.structs.replace(
                difference,
                primary=redaction.value(difference.primary),
                candidate=redaction.value(difference.candidate),
            )
            for difference in differences
        ]
        recorded = None
        if candidate is not None:
            recorded = redaction.recorded(candidate.body, keep=keep, status=candidate.status)
        self._journal.add(
            Entry(
                at=exchange.at,
                route=seen.called.route,
                method=exchange.method,
                target=exchange.target if keep else rules.query_without_values(exchange.target),
                learner=seen.learner,
                headers=kept_headers(seen.headers),
                credentials=redaction.credentials(seen.headers),
                is_read=seen.is_read,
                created_id=created,
                request=redaction.recorded(exchange.body, keep=keep),
                primary=redaction.recorded(_plain(exchange), keep=keep, status=exchange.status),
                candidate=recorded,
                outcome=outcome,
                reason=reason,
                differences=shown,
            )
        )

    async def end(self) -> None:
        """Write what still waits to be asked again as it is, and close."""
        self._is_ending.set()
        await asyncio.gather(*self._settling, return_exceptions=True)
        await self._candidate.close()
        await self._primary.close()


@dataclass(frozen=True, slots=True)
class _Seen:
    """An exchange with what is true of it."""

    exchange: Exchange
    called: rules.Called
    headers: Mapping[str, str]
    learner: str
    is_read: bool

    @property
    def size(self) -> int:
        return len(self.exchange.body) + 2 * len(self.exchange.answer)


def _plain(exchange: Exchange) -> bytes:
    """The primary's body without its content encoding; as it is where that cannot be undone."""
    encoding = next((value for name, value in exchange.answer_headers if name.lower() == "content-encoding"), "")
    if encoding.lower() == "gzip":
        with suppress(zlib.error):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(exchange.answer, LARGEST_ANSWER_BYTES)
    return exchange.answer


async def main() -> None:
    """Compare what comes from the standard input until it ends."""
    stream = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), sys.stdin)
    settings = msgspec.msgpack.decode(await _frame(stream), type=Settings)
    log.configure(settings.log_level)
    journal = Journal(Path(settings.journal))
    writer = asyncio.create_task(journal.keep_writing())
    comparer, decoder = Comparer(settings, journal), msgspec.msgpack.Decoder(Exchange)
    working = set[asyncio.Task[None]]()

    def through(size: int, task: asyncio.Task[None]) -> None:
        working.discard(task)
        with suppress(OSError):  # the proxy is gone; what it handed over is finished all the same
            os.write(sys.stdout.fileno(), size.to_bytes(LENGTH_BYTES))

    with suppress(asyncio.IncompleteReadError):
        while True:
            frame = await _frame(stream)
            task = comparer.take(decoder.decode(frame))
            working.add(task)
            task.add_done_callback(partial(through, len(frame)))
    await asyncio.gather(*working)
    await comparer.end()
    writer.cancel()
    with suppress(asyncio.CancelledError):
        await writer
    await journal.close()


async def _frame(stream: asyncio.StreamReader) -> bytes:
    """Raises: asyncio.IncompleteReadError, when there is none any more."""
    return await stream.readexactly(int.from_bytes(await stream.readexactly(LENGTH_BYTES)))


if __name__ == "__main__":
    os.nice(5)  # callers of the proxy come first
    uvloop.run(main())
