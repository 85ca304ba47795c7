"""Waiting for a picture: a deadline for each, a share for each client, and turns in rotation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from lernbatch.drawing import queue
from lernbatch.drawing.queue import DrawingQueue, TooManyPictures
from tests.certificate.cohort import Cohort, new_cohort
from tests.cli.commands import wait_for
from tests.people import ASHA, KAVYA, VIKRAM, Person
from tests.running import PATIENCE_SECONDS, Running, running


class Scene:
    """A queue whose place is held until `release`, and the order in which others then came to it."""

    def __init__(self) -> None:
        self.queue, self.order, self.tasks = DrawingQueue(), list[str](), list[asyncio.Task[None]]()
        self._held, self._release = asyncio.Event(), asyncio.Event()

    async def hold(self) -> None:
        async def holding() -> None:
            async with self.queue.slot("holder", None):
                self._held.set()
                await self._release.wait()

        self.tasks.append(asyncio.create_task(holding()))
        await self._held.wait()

    async def come(self, client: str, seconds: float | None = None) -> asyncio.Task[None]:
        async def draw() -> None:
            async with self.queue.slot(client, seconds):
                self.order.append(client)

        task = asyncio.create_task(draw())
        self.tasks.append(task)
        await asyncio.sleep(0)  # it stands in the queue
        return task

    async def release(self) -> None:
        self._release.set()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def test_clients_take_turns_whoever_came_first() -> None:
    async def scene() -> list[str]:
        it = Scene()
        await it.hold()
        for client in "aaaabbc":
            await it.come(client)
        await it.release()
        return it.order

    assert asyncio.run(scene()) == list("abcabaa")


def test_nobody_waits_for_more_than_a_share() -> None:
    async def scene() -> tuple[bool, int]:
        it = Scene()
        await it.hold()
        for _ in range(queue.PER_CLIENT):
            await it.come("a", 60)
        refused = await it.come("a", 60)
        await it.come("b")
        with pytest.raises(TooManyPictures):
            await refused
        await it.release()
        return "b" in it.order, len(it.order)

    assert asyncio.run(scene()) == (True, queue.PER_CLIENT + 1)


def test_all_together_wait_for_no_more_than_there_may_be() -> None:
    async def scene() -> None:
        it = Scene()
        await it.hold()
        for number in range(queue.MOST_CLIENTS):
            await it.come(f"client {number}", 60)
        with pytest.raises(TooManyPictures):
            await (await it.come("one more", 60))
        await it.release()
        assert len(it.order) == queue.MOST_CLIENTS

    asyncio.run(scene())


def test_who_waits_too_long_or_gives_up_leaves_the_place_to_others() -> None:
    async def scene() -> list[str]:
        it = Scene()
        await it.hold()
        late = await it.come("late", 0.01)
        gone = await it.come("gone")
        await it.come("patient")
        with pytest.raises(TooManyPictures):
            await late
        gone.cancel()
        await it.release()
        async with it.queue.slot("later", 0.01):  # nobody holds it any more
            it.order.append("later")
        return it.order

    assert asyncio.run(scene()) == ["patient", "later"]


def test_who_gives_up_in_the_moment_of_the_turn_hands_it_on() -> None:
    async def scene() -> list[str]:
        it = Scene()
        async with it.queue.slot("holder", None):
            gone = await it.come("gone")
            await it.come("next")
        gone.cancel()  # it was given the place, and has not run since
        await it.release()
        return it.order

    assert asyncio.run(scene())[-1] == "next"


@pytest.fixture(scope="module")
def hurried(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("hurried"), new_dsn(), certificate_drawing_seconds=0.05) as service:
        yield service


@contextmanager
def held(service: Running, of: Callable[[], DrawingQueue] = queue.drawing_queue) -> Iterator[None]:
    """Somebody else's picture is being drawn, all the time."""
    begun, done = threading.Event(), threading.Event()

    async def hold() -> None:
        async with of().slot("somebody else", None):
            begun.set()
            await asyncio.to_thread(done.wait, 60)

    thread = threading.Thread(target=lambda: service.run(hold()))
    thread.start()
    assert begun.wait(30)
    try:
        yield
    finally:
        done.set()
        thread.join(30)


@pytest.fixture
def held_place(hurried: Running) -> Iterator[None]:
    with held(hurried):
        yield


def test_a_picture_that_nobody_can_draw_in_time_is_503_and_when_to_come_again(
    hurried: Running, held_place: None
) -> None:
    cohort: Cohort = new_cohort(hurried)
    for person in (ASHA, KAVYA):
        cohort.enrol(person)
    cohort.attach()
    cohort.work()
    number = cohort.certificates()[0]["certificate_id"]
    for path in (f"/certs/{number}.png", f"/certs/{number}.svg"):
        answer = hurried.call("GET", path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    accepted = {"Accept": "application/pdf"}
    assert hurried.call("GET", f"/api/rc/certificate/v1/download/{number}", headers=accepted).status_code == 503
    assert hurried.call("GET", f"/certs/{number}").status_code == 200  # the page itself needs no picture
    assert hurried.call("GET", f"/certs/{number}.json").status_code == 200


def test_a_file_that_nobody_can_check_in_time_is_503_and_one_after_it_is_checked(hurried: Running) -> None:
    def check() -> httpx.Response:
        return hurried.http.post("/console/check", data={"do": "check"}, files={"file": ("a.pdf", b"%PDF-1.7 none")})

    with held(hurried, queue.checking_queue):
        answer = check()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    wait_for(lambda: check().status_code == 422)


@pytest.fixture(scope="module")
def proxied(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service behind a proxy, whose requests wait for a picture as long as a test takes."""
    settings: dict[str, Any] = {"trusted_proxies": "127.0.0.0/8", "certificate_drawing_seconds": 300}
    with running(tmp_path_factory.mktemp("proxied"), new_dsn(), **settings) as service:
        yield service


@pytest.mark.parametrize("form", ["png", "svg"])
def test_a_client_who_asks_for_many_pictures_has_a_share_and_others_have_theirs(proxied: Running, form: str) -> None:
    cohort = new_cohort(proxied)
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    path = f"/certs/{cohort.certificates()[0]['certificate_id']}.{form}"
    share = queue.PER_CLIENT
    # Behind one proxy: addresses, of IPv6 a customer's network, and a person wherever they are.
    greedy, other, neighbour = "203.0.113.7", "203.0.113.8", "2001:db8::7"

    def ask(address: str, person: Person | None = None) -> httpx.Response:
        # A client of its own: the service's shared one may hold connections back.
        headers = {"X-Forwarded-For": address, **proxied.headers(person)}
        return httpx.get(f"{proxied.url}{path}", headers=headers, timeout=PATIENCE_SECONDS)

    async def waiting() -> dict[str, int]:
        return {client: len(places) for client, places in queue.drawing_queue()._waiting.items()}

    with held(proxied), ThreadPoolExecutor(share + 3) as callers:
        asked: list[Future[httpx.Response]] = [callers.submit(ask, greedy) for _ in range(share)]
        wait_for(lambda: proxied.run(waiting()) == {greedy: share})
        refused = ask(greedy)
        asked += [callers.submit(ask, other), callers.submit(ask, neighbour), callers.submit(ask, greedy, ASHA)]
        expected = {greedy: share, other: 1, "2001:db8::/64": 1, ASHA.user_id: 1}
        wait_for(lambda: proxied.run(waiting()) == expected)
        asked_again = ask(greedy)
    for answer in (refused, asked_again):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert {answer.result().status_code for answer in asked} == {200}
    assert ask(greedy).status_code == 200


def test_a_zip_waits_as_long_as_it_takes(hurried: Running) -> None:
    cohort = new_cohort(hurried)
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    answer = hurried.call("GET", f"/v1/course/batch/cert/download/{cohort.batch_id}?form=svg", VIKRAM)
    assert len(answer.content) > 1000
