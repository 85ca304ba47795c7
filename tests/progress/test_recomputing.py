"""Recomputing: nothing drifts, damage is found and mended, and a republished course is followed."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from lernbatch.course import actions as courses
from lernbatch.progress import recomputing
from lernbatch.progress.recomputing import Difference
from tests.learning import complete, enrolled, new_batch, report, republish, row
from tests.people import VIKRAM
from tests.running import Running
from tests.seeds import COURSE, QUIZ, REQUIRED, VIDEO, answer


def differences(service: Running, batch_id: str | None = None) -> list[Difference]:
    async def collect() -> list[Difference]:
        return [difference async for difference in recomputing.differences(service.services, batch_id)]

    return service.run(collect())


def test_a_healthy_batch_has_no_differences(service: Running) -> None:
    batch_id = new_batch(service)
    asha, kavya, _ = (enrolled(service, batch_id) for _ in range(3))
    complete(service, asha, batch_id, *REQUIRED)
    attempt = {"assessmentTs": 1, "courseId": COURSE, "contentId": QUIZ, "batchId": batch_id, "userId": "me"}
    report(service, kavya, assessments=[{**attempt, "attemptId": "a", "events": [answer(1, 1.0)]}])
    assert differences(service, batch_id) == []


def test_damage_is_found_and_mended(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    service.sql(
        "UPDATE enrolment SET progress = 3, last_read_content_id = 'x', scores = $2 WHERE user_id = $1",
        asha.user_id,
        {"q": [1, 1, 1]},
    )
    found = differences(service, batch_id)
    assert [one.column for one in found] == ["progress", "last_read_content_id", "scores"]
    assert service.run(recomputing.repair(service.services, found)) == 1
    assert differences(service, batch_id) == []


def test_a_removed_leaf_completes_open_enrolments_and_ended_batches_keep_their_tree(service: Running) -> None:
    course_id = f"do_{uuid4().hex[:16]}"
    republish(service, course_id, 1, "do_a", "do_b")
    running, ended = new_batch(service, course_id), new_batch(service, course_id, days=2)
    asha, kavya = enrolled(service, running, course_id), enrolled(service, ended, course_id)
    complete(service, asha, running, "do_a", course=course_id)
    complete(service, kavya, ended, "do_a", course=course_id)
    service.sql("UPDATE batch SET status = 2, end_date = start_date + 1 WHERE batch_id = $1", ended)
    republish(service, course_id, 2, "do_a")
    service.run(courses.refresh(service.services, course_id))
    service.clock.ahead += timedelta(minutes=2)
    while service.run(recomputing.follow_republication(service.services)):
        pass
    assert row(service, asha, running)["status"] == 2
    assert row(service, kavya, ended)["status"] == 1
    assert differences(service, running) == differences(service, ended) == []


def test_a_reopened_batch_follows_its_course_again(service: Running) -> None:
    course_id = f"do_{uuid4().hex[:16]}"
    republish(service, course_id, 1, "do_a", "do_b")
    batch_id = new_batch(service, course_id, days=2)
    asha = enrolled(service, batch_id, course_id)
    complete(service, asha, batch_id, "do_a", course=course_id)
    service.sql("UPDATE batch SET status = 2, course_version = 'an old one' WHERE batch_id = $1", batch_id)
    republish(service, course_id, 2, "do_a")
    service.run(courses.refresh(service.services, course_id))
    today = service.clock.today()
    change = {"startDate": today.isoformat(), "endDate": (today + timedelta(days=9)).isoformat()}
    request = {"courseId": course_id, "id": batch_id, **change}
    assert service.call("PATCH", "/v1/course/batch/update", VIKRAM, request).status_code == 200
    service.clock.ahead += timedelta(minutes=2)
    while service.run(recomputing.follow_republication(service.services)):
        pass
    assert row(service, asha, batch_id)["status"] == 2
