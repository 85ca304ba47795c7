"""The load generator: keep-alive connections that send their next request when the last one is answered.

A process of its own, without an HTTP library, so that as little as possible of the machine goes into asking.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import uvloop

from bench import database


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send. `call`: a name of CALLS; `tokens`: one a learner."""

    call: str
    host: str
    port: int
    connections: int
    seconds: float
    contents: int
    tokens: list[str]


def _request(method: str, path: str, token: str, body: str) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Authenticated-User-Token: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def _update(plan: Plan, learner: int) -> bytes:
    now = time.time()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f":{int(now * 1000) % 1000:03d}+0000"
    return _request(
        "PATCH",
        "/v1/content/state/update",
        plan.tokens[learner],
        random.choice(_made(plan.contents)) % {"moment": moment},
    )


@cache
def _made(contents: int) -> list[str]:
    """Bodies of updates, ready but for the moment: asking shall cost as little as it can."""
    bodies = []
    for number in range(500):
        batch = number % database.BATCHES_EACH
        names = {"courseId": database.course_id(batch), "batchId": database.batch_id(batch)}
        items = [
            {"contentId": database.content_id(n), **names, "status": 1, "progress": 60, "lastAccessTime": "MOMENT"}
            for n in random.sample(range(contents), 5)
        ]
        body = json.dumps({"request": {"contents": items}}, separators=(",", ":"))
        bodies.append(body.replace("%", "%%").replace("MOMENT", "%(moment)s"))
    return bodies


def _read(plan: Plan, learner: int) -> bytes:
    batch = random.randrange(database.BATCHES_EACH)
    asked = {"courseId": database.course_id(batch), "batchId": database.batch_id(batch)}
    return _request("POST", "/v1/content/state/read", plan.tokens[learner], json.dumps({"request": asked}))


def _list(plan: Plan, learner: int) -> bytes:
    path = "/v1/user/courses/list/me?batchDetails=name,endDate,startDate,status,enrollmentType"
    return _request("GET", path, plan.tokens[learner], "")


def _enrol(plan: Plan, learner: int) -> bytes:
    batch = random.randrange(database.BATCHES_EACH, database.BATCHES)
    asked = {"courseId": database.course_id(batch), "batchId": database.batch_id(batch)}
    return _request("POST", "/v1/course/enroll", plan.tokens[learner], json.dumps({"request": asked}))


CALLS: dict[str, Callable[[Plan, int], bytes]] = {"update": _update, "read": _read, "list": _list, "enrol": _enrol}


class Connection(asyncio.Protocol):
    """One connection: asks, waits, notes how long it took, asks again."""

    def __init__(self, plan: Plan, learners: Iterator[int], until: float, done: asyncio.Future[None]) -> None:
        self._plan, self._learners, self._until, self._done = plan, learners, until, done
        self._make = CALLS[plan.call]
        self._received, self._wanted = bytearray(), 0
        self.seconds: list[float] = []
        self.refused = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._ask()

    def _ask(self) -> None:
        self._began = time.perf_counter()
        if self._began >= self._until:
            self._transport.close()
            return
        self._transport.write(self._make(self._plan, next(self._learners)))

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self._received[:end]).lower()
            self._wanted = end + 4 + int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(self._received) < self._wanted:
            return
        if not self._received.startswith(b"HTTP/1.1 200"):
            self.refused += 1
        self._received.clear()
        self._wanted = 0
        self.seconds.append(time.perf_counter() - self._began)
        self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def run(plan: Plan) -> dict[str, float]:
    """Requests a second, and the median and the 99th percentile of the latency in milliseconds."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    waiting, connections = [], []
    learners = cycle(random.sample(range(len(plan.tokens)), len(plan.tokens)))  # all of them once, before any twice
    for _ in range(plan.connections):
        done: asyncio.Future[None] = loop.create_future()
        connection = Connection(plan, learners, began + plan.seconds, done)
        await loop.create_connection(lambda connection=connection: connection, plan.host, plan.port)
        waiting.append(done)
        connections.append(connection)
    await asyncio.wait_for(asyncio.gather(*waiting), plan.seconds + 30)
    took = time.perf_counter() - began
    latencies = sorted(second for connection in connections for second in connection.seconds)
    return {
        "rate": len(latencies) / took,
        "count": len(latencies),
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
        "refused": sum(connection.refused for connection in connections) / max(len(latencies), 1),
    }


if __name__ == "__main__":
    plan = Plan(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(json.dumps(uvloop.run(run(plan))))
