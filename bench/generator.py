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

from bench import world


@dataclass(frozen=True, slots=True)
class Plan:
    """What to send, and as whom: `learners` are the numbers of those whose `tokens` these are. `call`: of CALLS."""

    call: str
    host: str
    port: int
    connections: int
    seconds: float
    learners: list[int]
    tokens: list[str]
    contents: int = world.CONTENTS
    batches: int = world.BATCHES_EACH  # with learners
    searched: int = 0  # batches


def _request(method: str, path: str, token: str, body: str) -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Authenticated-User-Token: {token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return (head + body).encode()


def _update(plan: Plan, place: int) -> bytes:
    batch, body = random.choice(_bodies(plan.contents))
    in_batch = world.batch_id(world.first_batch(plan.learners[place]) + batch)
    return _send_update(plan, place, body, in_batch)


def _update_large(plan: Plan, place: int) -> bytes:
    _, body = random.choice(_bodies(world.LARGE_CONTENTS, world.LARGE_COURSE_ID))
    return _send_update(plan, place, body, world.batch_id(world.LARGE_BATCH))


def _send_update(plan: Plan, place: int, body: str, batch_id: str) -> bytes:
    now = time.time()
    moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + f":{int(now * 1000) % 1000:03d}+0000"
    body = body % {"moment": moment, "batch": batch_id}
    return _request("PATCH", "/v1/content/state/update", plan.tokens[place], body)


@cache
def _bodies(contents: int, course_id: str | None = None) -> list[tuple[int, str]]:
    """Bodies of updates, ready but for moment and batch: asking shall cost as little as it can.

    Each with which of the learner's batches its course is that of; all of `course_id` if that is given.
    """
    bodies = []
    for number in range(500):
        place = number % world.BATCHES_EACH
        names = {"courseId": course_id or world.course_id(place), "batchId": "BATCH"}
        items = [
            {"contentId": world.content_id(n), **names, "status": 1, "progress": 60, "lastAccessTime": "MOMENT"}
            for n in random.sample(range(contents), 5)
        ]
        body = json.dumps({"request": {"contents": items}}, separators=(",", ":")).replace("%", "%%")
        bodies.append((place, body.replace("MOMENT", "%(moment)s").replace("BATCH", "%(batch)s")))
    return bodies


def _read(plan: Plan, place: int) -> bytes:
    batch = world.first_batch(plan.learners[place]) + random.randrange(world.BATCHES_EACH)
    body = f'{{"request":{{"courseId":"{world.course_id(batch)}","batchId":"{world.batch_id(batch)}"}}}}'
    return _request("POST", "/v1/content/state/read", plan.tokens[place], body)


def _list_v1(plan: Plan, place: int) -> bytes:
    path = "/v1/user/courses/list/me?batchDetails=name,endDate,startDate,status,enrollmentType"
    return _request("GET", path, plan.tokens[place], "")


def _list_v2(plan: Plan, place: int) -> bytes:
    path = "/v2/user/courses/list?batchDetails=name,endDate,startDate,status,enrollmentType"
    return _request("POST", path, plan.tokens[place], '{"request":{}}')


def _enrol(plan: Plan, place: int) -> bytes:
    batch = random.randrange(world.FIRST_EMPTY, world.FIRST_EMPTY + world.EMPTY)
    body = f'{{"request":{{"courseId":"{world.course_id(batch)}","batchId":"{world.batch_id(batch)}"}}}}'
    return _request("POST", "/v1/course/enroll", plan.tokens[place], body)


def _participants(plan: Plan, place: int) -> bytes:
    body = f'{{"request":{{"batch":{{"batchId":"{world.batch_id(random.randrange(plan.batches))}"}}}}}}'
    return _request("POST", "/v1/batch/participants/list", plan.tokens[place], body)


def _read_batch(plan: Plan, place: int) -> bytes:
    path = f"/v1/course/batch/read/{world.batch_id(random.randrange(plan.batches))}"
    return _request("GET", path, plan.tokens[place], "")


def _search(plan: Plan, place: int) -> bytes:
    course = random.randrange(max(plan.searched // world.SEARCHED_PER_COURSE, 1))
    filters = {"courseId": f"do_{course}", "enrollmentType": "open", "status": ["0", "1"]}
    body = json.dumps({"request": {"filters": filters, "sort_by": {"createdDate": "desc"}}})
    return _request("POST", "/v1/course/batch/search", plan.tokens[place], body)


CALLS: dict[str, Callable[[Plan, int], bytes]] = {
    "update": _update,
    "update_large": _update_large,
    "read": _read,
    "list_v1": _list_v1,
    "list_v2": _list_v2,
    "enrol": _enrol,
    "participants": _participants,
    "read_batch": _read_batch,
    "search": _search,
}


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
