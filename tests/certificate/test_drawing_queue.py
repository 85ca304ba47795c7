"""Waiting for a picture: a deadline for each, a share for each client, and turns in rotation."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from lernbatch.certificate import drawing_queue
from lernbatch.certificate.drawing_queue import DrawingQueue, TooManyPictures
from tests.certificate.cohort import Cohort, new_cohort
from tests.people import ASHA, KAVYA, VIKRAM
from tests.running import Running, running


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
        for _ in range(drawing_queue.PER_CLIENT):
            await it.come("a", 60)
        refused = await it.come("a", 60)
        await it.come("b")
        with pytest.raises(TooManyPictures):
            await refused
        await it.release()
        return "b" in it.order, len(it.order)

    assert asyncio.run(scene()) == (True, drawing_queue.PER_CLIENT + 1)


def test_all_together_wait_for_no_more_than_there_may_be() -> None:
    async def scene() -> None:
        it = Scene()
        await it.hold()
        for number in range(drawing_queue.MOST_CLIENTS):
            await it.come(f"client {number}", 60)
        with pytest.raises(TooManyPictures):
            await (await it.come("one more", 60))
        await it.release()
        assert len(it.order) == drawing_queue.MOST_CLIENTS

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


@pytest.fixture
def held_place(hurried: Running) -> Iterator[None]:
    """Somebody else's picture is being drawn, all the time."""
    held, done = threading.Event(), threading.Event()

    async def hold() -> None:
        async with drawing_queue.drawing_queue().slot("somebody else", None):
            held.set()
            await asyncio.to_thread(done.wait, 60)

    thread = threading.Thread(target=lambda: hurried.run(hold()))
    thread.start()
    assert held.wait(30)
    yield
    done.set()
    thread.join(30)


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


def test_a_zip_waits_as_long_as_it_takes(hurried: Running) -> None:
    cohort = new_cohort(hurried)
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    answer = hurried.call("GET", f"/v1/course/batch/cert/download/{cohort.batch_id}?form=svg", VIKRAM)
    assert len(answer.content) > 1000
