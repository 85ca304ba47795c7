"""Snapshots of courses: where they come from, how long they serve, and what an outage does to them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from lernbatch.config import Config
from lernbatch.course import actions, jobs, rules
from lernbatch.course.model import Course
from lernbatch.errors import Upstream
from sandbox import importing, published
from sandbox.app import standalone
from tests.running import Running, running, served
from tests.seeds import COURSE, COURSES, PAGE, RETIRED_COURSE, SECOND_COURSE, VIDEO, leaf


class Line:
    """The way to the neighbours over TCP: counts what passes, and can be cut."""

    def __init__(self, application: ASGIApp) -> None:
        self.application = application
        self.paths: list[str] = []
        self.cut = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.application(scope, receive, send)
            return
        self.paths.append(scope["path"])
        if self.cut:
            await send({"type": "http.response.start", "status": 503, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await self.application(scope, receive, send)

    def trees_fetched(self, course_id: str = COURSE) -> int:
        return sum(path == f"/content/v3/hierarchy/{course_id}" for path in self.paths)


@pytest.fixture(scope="module")
def connected(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Line, Running]]:
    """A service with the content service at the end of the line."""
    dsn, home = new_dsn(), tmp_path_factory.mktemp("home")
    line = Line(standalone(Config(home=home), dsn))
    with served(line) as url:
        settings = {"upstream_attempts": 1, "upstream_failures": 1000}
        with running(home, dsn, content_url=url, questionset_url=url, **settings) as service:
            yield line, service


@pytest.fixture
def line(connected: tuple[Line, Running]) -> Line:
    line, _ = connected
    line.cut = False
    line.paths.clear()
    return line


@pytest.fixture
def service(connected: tuple[Line, Running], line: Line) -> Running:
    """That service as if nobody had asked it for a course yet."""
    _, service = connected
    service.clock.ahead *= 0
    service.sql("TRUNCATE course, batch, sandbox_content CASCADE")
    for tree in COURSES:
        put(service, tree)
    change(service, RETIRED_COURSE, {"status": "Retired"})
    forget(service)
    return service


def find(service: Running, course_id: str = COURSE, version: str | None = None) -> Course | None:
    return service.run(actions.course(service.services, course_id, version))


def republish(service: Running, *children: dict[str, Any], **more: Any) -> None:
    """The first course anew, with other contents."""
    put(service, {**COURSES[0], **more, "children": list(children)})


def put(service: Running, tree: dict[str, Any]) -> None:
    async def work() -> None:
        async with service.services.pool.acquire() as conn:
            await importing.put_course(conn, published.read_course(tree), service.clock.now())

    service.run(work())


def change(service: Running, content_id: str, metadata: dict[str, Any]) -> None:
    """What the content service says of a content from now on."""
    service.sql("UPDATE sandbox_content SET metadata = metadata || $1 WHERE content_id = $2", metadata, content_id)


def forget(service: Running) -> None:
    """As if the process had just started."""
    service.services.courses.__init__()  # type: ignore[misc]


def test_a_course_is_fetched_once_and_then_at_hand(service: Running, line: Line) -> None:
    first = find(service)
    assert first is not None
    assert VIDEO in first.leaf_node_ids
    assert find(service) is first
    forget(service)
    again = find(service)
    assert again is not None
    assert (again, again.content) == (first, first.content)
    assert line.trees_fetched() == 1


def test_a_course_that_does_not_exist_is_none(service: Running) -> None:
    assert find(service, "do_nowhere") is None
    assert service.sql("SELECT * FROM course") == []


def test_many_who_ask_at_once_cause_one_fetch(service: Running, line: Line) -> None:
    async def ask() -> list[Course | None]:
        return await asyncio.gather(*(actions.course(service.services, COURSE) for _ in range(50)))

    found = service.run(ask())
    assert len({id(course) for course in found}) == 1
    assert line.trees_fetched() == 1


def test_the_one_who_fetches_may_give_up_without_harm_to_the_others(service: Running) -> None:
    async def ask() -> Course | None:
        first = asyncio.create_task(actions.course(service.services, COURSE))
        second = asyncio.create_task(actions.course(service.services, COURSE))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return await second

    assert service.run(ask()) is not None


def test_a_course_imported_again_is_seen_within_seconds(service: Running) -> None:
    first = find(service)
    republish(service, leaf(PAGE, "Page"))
    assert find(service) == first
    service.clock.move(seconds=20)
    found = find(service)
    assert found is not None
    assert found.leaf_node_ids == {PAGE}


def test_a_republished_course_is_seen_after_the_time_to_live(service: Running, line: Line) -> None:
    first = find(service)
    republish(service, leaf(VIDEO, "Counting"), leaf("do_new", "New"), pkgVersion=2)
    service.sql("UPDATE course SET fetched_at = fetched_at + interval '1 year'")  # as if nobody had told
    service.clock.move(seconds=service.config.course_refresh_seconds / 2)
    assert find(service) == first
    service.clock.move(seconds=service.config.course_refresh_seconds)
    second = find(service)
    assert second is not None
    assert second.leaf_node_ids == {VIDEO, "do_new"}
    assert second.version.startswith("2-")
    assert line.trees_fetched() == 2


def test_a_republish_event_makes_the_new_tree_seen_at_once_by_every_process(service: Running) -> None:
    find(service)
    republish(service, leaf(PAGE, "Page"), pkgVersion=2)
    service.run(actions.refresh(service.services, COURSE))
    found = find(service)
    assert found is not None
    assert found.leaf_node_ids == {PAGE}
    forget(service)
    assert find(service) == found


def test_a_batch_can_keep_to_the_version_it_began_with(service: Running, line: Line) -> None:
    first = find(service)
    assert first is not None
    republish(service, leaf(PAGE, "Page"), pkgVersion=2)
    service.run(actions.refresh(service.services, COURSE))
    fetched = line.trees_fetched()
    for _ in range(2):
        pinned = find(service, version=first.version)
        assert pinned is not None
        assert pinned.leaf_nodes == first.leaf_nodes
        forget(service)
    assert line.trees_fetched() == fetched


def test_a_version_that_is_not_known_any_more_gives_way_to_the_newest(service: Running) -> None:
    assert find(service, version="7-gone") == find(service)
    assert service.services.courses.pinned(COURSE, "7-gone") is not None  # nobody looks for it again


def test_an_old_snapshot_serves_while_the_content_service_is_down(service: Running, line: Line) -> None:
    first = find(service)
    line.cut = True
    service.clock.move(seconds=service.config.course_refresh_seconds + 1)
    assert find(service) == first
    tried = len(line.paths)
    assert find(service) == first
    assert len(line.paths) == tried


def test_a_course_never_seen_cannot_be_had_while_the_content_service_is_down(service: Running, line: Line) -> None:
    line.cut = True
    with pytest.raises(Upstream):
        find(service)
    line.cut = False
    assert find(service) is not None


def test_a_course_that_is_retired_keeps_its_last_tree(service: Running) -> None:
    first = find(service)
    assert first is not None
    change(service, COURSE, {"status": "Retired"})
    found = service.run(actions.refresh(service.services, COURSE))
    assert found is not None
    assert (found.status, found.leaf_nodes) == ("Retired", first.leaf_nodes)


def test_another_process_sees_that_a_course_was_retired(service: Running) -> None:
    find(service)
    service.sql("UPDATE course SET status = 'Retired', fetched_at = fetched_at + interval '1 second'")
    service.clock.move(seconds=20)
    found = find(service)
    assert found is not None
    assert found.status == "Retired"


def test_a_course_that_is_deleted_keeps_its_last_tree_for_those_in_it(service: Running) -> None:
    first = find(service)
    service.sql("DELETE FROM sandbox_content WHERE content_id = $1", COURSE)
    service.clock.move(seconds=service.config.course_refresh_seconds + 1)
    assert find(service) == first
    with pytest.raises(rules.InvalidCourse):
        service.run(actions.offerable(service.services, COURSE))


def test_many_courses_at_hand_take_one_question_and_leave_out_what_is_not_there(service: Running, line: Line) -> None:
    wanted = {COURSE, SECOND_COURSE, RETIRED_COURSE, "do_nowhere"}
    found = service.run(actions.snapshots(service.services, wanted))
    assert set(found) == {COURSE, SECOND_COURSE}
    asked = len(line.paths)
    forget(service)
    assert set(service.run(actions.snapshots(service.services, {COURSE, SECOND_COURSE}))) == {COURSE, SECOND_COURSE}
    assert len(line.paths) == asked
    line.cut = True
    assert service.run(actions.snapshots(service.services, {"do_else"})) == {}


def test_a_list_of_old_courses_keeps_nobody_from_refreshing_them(service: Running, line: Line) -> None:
    first = find(service)
    service.clock.move(seconds=service.config.course_refresh_seconds + 1)
    assert service.run(actions.snapshots(service.services, {COURSE})) == {COURSE: first}
    assert line.trees_fetched() == 1
    assert find(service) == first
    assert line.trees_fetched() == 2


def test_a_course_can_be_offered_as_long_as_the_content_service_says_so(service: Running, line: Line) -> None:
    offered = service.run(actions.offerable(service.services, COURSE))
    assert offered.course_id == COURSE
    republish(service, leaf(PAGE, "Page"), pkgVersion=2)
    assert service.run(actions.offerable(service.services, COURSE)).leaf_node_ids == {PAGE}
    line.cut = True
    with pytest.raises(rules.InvalidCourse):
        service.run(actions.offerable(service.services, COURSE))


def test_a_course_whose_service_claims_no_leaf_nodes_can_be_offered_if_its_tree_has_some(service: Running) -> None:
    change(service, COURSE, {"leafNodesCount": 0})
    assert len(service.run(actions.offerable(service.services, COURSE)).leaf_nodes) == 5


@pytest.mark.parametrize("metadata", [{"trackable": {"enabled": "No"}}, {"trackable": None}, {"status": "Draft"}])
def test_a_course_that_is_not_trackable_or_not_published_is_not_offered(
    service: Running, metadata: dict[str, Any]
) -> None:
    change(service, COURSE, metadata)
    with pytest.raises(rules.InvalidCourse):
        service.run(actions.offerable(service.services, COURSE))


@pytest.mark.parametrize("course_id", [RETIRED_COURSE, "do_nowhere", VIDEO])
def test_what_cannot_be_offered_is_an_invalid_course(service: Running, course_id: str) -> None:
    with pytest.raises(rules.InvalidCourse):
        service.run(actions.offerable(service.services, course_id))


def test_questions_that_the_tree_does_not_tell_are_asked_for(service: Running, line: Line) -> None:
    quiz = {"objectType": "QuestionSet", "contentType": "SelfAssess", "mimeType": rules.QUESTION_SET}
    republish(service, leaf("do_quiz", "Quiz", **quiz), pkgVersion=2)
    change(service, "do_quiz", {"totalQuestions": 9, "maxAttempts": 2})
    found = service.run(actions.refresh(service.services, COURSE))
    assert found is not None
    assert [(one.total_questions, one.max_attempts) for one in found.assessments] == [(9, 2)]
    assert "/questionset/v2/read/do_quiz" in line.paths


def insert_batch(service: Running, batch_id: str, course_id: str, status: int) -> None:
    today = service.clock.today()
    service.sql(
        """INSERT INTO batch (batch_id, course_id, name, enrolment_type, start_date, status, created_at)
           VALUES ($1, $2, 'A batch', 'open', $3, $4, $5)""",
        batch_id,
        course_id,
        today,
        status,
        service.clock.now() - timedelta(days=1),
    )


def test_courses_of_running_batches_are_refreshed_before_anybody_waits_for_them(service: Running, line: Line) -> None:
    insert_batch(service, "b-1", COURSE, 1)
    insert_batch(service, "b-2", COURSE, 0)
    insert_batch(service, "b-3", SECOND_COURSE, 2)
    insert_batch(service, "b-4", "do_nowhere", 1)
    assert service.run(jobs.refresh_courses(service.services)) == 1
    assert service.run(jobs.refresh_courses(service.services)) == 0
    service.clock.move(seconds=service.config.course_refresh_seconds + 1)
    assert service.run(jobs.refresh_courses(service.services)) == 1
    assert (line.trees_fetched(), line.trees_fetched(SECOND_COURSE)) == (2, 0)


def test_a_refresh_during_an_outage_leaves_everything_as_it_is(service: Running, line: Line) -> None:
    insert_batch(service, "b-1", COURSE, 1)
    first = find(service)
    line.cut = True
    service.clock.move(seconds=service.config.course_refresh_seconds + 1)
    assert service.run(jobs.refresh_courses(service.services)) == 0
    assert find(service) == first
