"""What others hear of batches: the course's list, mails, telemetry; delayed by an outage, never lost (batches §6)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import httpx
import pytest

from lernbatch.batch import jobs, statuses
from lernbatch.jobs.outbox.relay import relay
from lernbatch.schedule import SENDERS
from tests import rows
from tests.batch.calls import SEARCH, change, create, creation, creation_request, day, read
from tests.batch.lame import Lame
from tests.people import ADMIN, HOME_ORG, MEERA, VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE, SECOND_COURSE

SYNC = "/v1/data/sync"


@pytest.fixture(scope="session")
def telling_service(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service that mails and has telemetry sent to Kafka, where nobody takes it: events stay in the outbox."""
    settings = {
        "mail_enabled": True,
        "mail_signature": "The State Board",
        "web_url": "https://learn.example",
        "telemetry": "kafka",
        "kafka_servers": "127.0.0.1:9",
    }
    with running(tmp_path_factory.mktemp("telling"), new_dsn(), **settings) as service:
        yield service


@pytest.fixture
def telling(telling_service: Running) -> Running:
    telling_service.clock.ahead *= 0
    rows.no_batches(telling_service)
    return telling_service


def events(service: Running, destination: str) -> list[dict[str, Any]]:
    rows = service.sql("SELECT payload FROM outbox WHERE destination = $1 ORDER BY event_id", destination)
    return [row["payload"] for row in rows]


def send(service: Running) -> None:
    """Let leave what can leave."""

    async def leave() -> None:
        senders = {name: sender for name, sender in SENDERS.items() if name != "kafka"}
        await service.services.pool.execute("DELETE FROM outbox WHERE destination = 'kafka'")
        while await relay(service.services, senders):
            pass

    service.run(leave())


def listed(service: Running, course_id: str = COURSE) -> Any:
    """What the course shows as its batches."""
    rows = service.sql("SELECT metadata FROM sandbox_content WHERE content_id = $1", course_id)
    return rows[0]["metadata"].get("batches")


def at(service: Running, day_: date) -> None:
    service.clock.move_to(day_)


def test_a_course_shows_its_batches_as_the_contract_has_them(telling: Running) -> None:
    batch_id = create(telling, name="June")
    send(telling)
    assert listed(telling) == [
        {
            "batchId": batch_id,
            "name": "June",
            "createdFor": [HOME_ORG],
            "startDate": day(telling),
            "endDate": day(telling, 30),
            "enrollmentType": "open",
            "status": 1,
            "enrollmentEndDate": day(telling, 29),
        }
    ]


def test_a_change_is_shown_with_the_course(telling: Running) -> None:
    batch_id = create(telling, endDate=None)
    assert change(telling, batch_id, name="renamed").status_code == 200
    send(telling)
    (shown,) = listed(telling)
    assert (shown["name"], shown["endDate"], shown["enrollmentEndDate"]) == ("renamed", None, None)


def test_two_creates_at_once_lose_no_entry(telling: Running) -> None:
    request = creation_request(telling, courseId=SECOND_COURSE)
    headers = telling.headers(VIKRAM)

    def one(_: int) -> int:
        url = f"{telling.url}/v1/course/batch/create"
        return httpx.post(url, json={"request": request}, headers=headers, timeout=300).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(24))) == {200}
    send(telling)
    assert len(listed(telling, SECOND_COURSE)) == 24


def test_a_dead_content_service_delays_the_list_and_loses_nothing(lame: Lame) -> None:
    service = lame.service
    lame.fail("/content/v4/system/")
    batch_id = create(service, courseId=SECOND_COURSE)
    send(service)
    assert batch_id not in [shown["batchId"] for shown in listed(service, SECOND_COURSE) or ()]
    lame.recover()
    service.clock.move(hours=1)
    send(service)
    assert batch_id in [shown["batchId"] for shown in listed(service, SECOND_COURSE)]
    service.clock.ahead = timedelta()


def test_statuses_move_at_the_midnight_of_the_zone_and_are_told(telling: Running) -> None:
    upcoming = create(telling, startDate=day(telling, 1), endDate=day(telling, 3))
    first = telling.clock.today() + timedelta(days=1)
    midnight = datetime(first.year, first.month, first.day, tzinfo=telling.clock.zone)
    telling.clock.ahead += midnight - timedelta(seconds=5) - telling.clock.now()
    assert telling.run(jobs.move_statuses(telling.services)) == 0
    telling.clock.move(seconds=10)
    assert telling.run(jobs.move_statuses(telling.services)) == 1
    assert telling.sql("SELECT status FROM batch WHERE batch_id = $1", upcoming)[0][0] == 1
    send(telling)
    assert [shown["status"] for shown in listed(telling)] == [1]
    at(telling, first + timedelta(days=3))
    assert telling.run(jobs.move_statuses(telling.services)) == 1
    send(telling)
    assert listed(telling) is None


def test_moving_statuses_twice_moves_nothing_the_second_time(telling: Running) -> None:
    create(telling)
    create(telling, startDate=day(telling, 2))
    at(telling, telling.clock.today() + timedelta(days=40))
    assert telling.run(jobs.move_statuses(telling.services)) == 2
    count = len(events(telling, "content"))
    assert telling.run(jobs.move_statuses(telling.services)) == 0
    assert len(events(telling, "content")) == count


def test_two_movers_at_once_move_each_batch_once(telling: Running) -> None:
    for _ in range(30):
        create(telling)
    at(telling, telling.clock.today() + timedelta(days=40))

    async def both() -> list[int]:
        return await asyncio.gather(*(statuses.move(telling.services) for _ in range(2)))

    assert sum(telling.run(both())) == 30


def test_a_batch_of_another_zone_moves_with_its_own_midnight(telling: Running) -> None:
    telling.clock.move_to(telling.clock.today(), hour=12)
    far = create(telling, timeZone="Pacific/Pago_Pago", startDate=day(telling, 1))
    telling.clock.move(hours=13)  # tomorrow in India, still today in Samoa
    assert telling.run(jobs.move_statuses(telling.services)) == 0
    assert read(telling, far)["status"] == 0
    telling.clock.move(hours=17)
    assert telling.run(jobs.move_statuses(telling.services)) == 1
    assert read(telling, far)["status"] == 1


def test_new_mentors_are_invited_and_old_ones_told_once_each(telling: Running) -> None:
    batch_id = create(telling, mentors=[MEERA.user_id])
    assert change(telling, batch_id, name="no change of mentors").status_code == 200
    assert change(telling, batch_id, mentors=[ADMIN.user_id]).status_code == 200
    told = [(mail["emailTemplateType"], mail["recipientUserIds"]) for mail in events(telling, "mail")]
    assert told == [
        ("batchMentorEnrol", [MEERA.user_id]),
        ("batchMentorEnrol", [ADMIN.user_id]),
        ("batchMentorUnenrol", [MEERA.user_id]),
    ]


def test_a_mail_is_what_the_contract_says(telling: Running) -> None:
    batch_id = create(telling, mentors=[MEERA.user_id], name="June")
    send(telling)
    kept = telling.sql("SELECT request FROM sandbox_message WHERE kind = 'email' ORDER BY message_id DESC LIMIT 1")
    assert kept[0]["request"] == {
        "subject": "Course Invitation",
        "emailTemplateType": "batchMentorEnrol",
        "body": "Notification mail Body",
        "orgName": "State Board",
        "courseLogoUrl": "",
        "startDate": day(telling),
        "endDate": day(telling, 30),
        "courseId": COURSE,
        "batchName": "June",
        "courseName": "Early mathematics",
        "courseBatchUrl": f"https://learn.example/learn/course/{COURSE}/batch/{batch_id}",
        "signature": "The State Board",
        "recipientUserIds": [MEERA.user_id],
    }


def test_creating_and_changing_are_audited(telling: Running) -> None:
    request = creation_request(telling)
    headers = {"X-msgId": "m-7", "X-Channel-Id": "c1", "X-App-Id": "portal", "X-Device-ID": "d1"}
    batch_id = telling.call("POST", "/v1/course/batch/create", VIKRAM, request, headers=headers).json()["result"][
        "batchId"
    ]
    assert change(telling, batch_id, name="renamed").status_code == 200
    created, updated = (event for event in events(telling, "kafka") if event["eid"] == "AUDIT")
    assert created["edata"] == {"state": "Create", "props": list(request)}
    assert created["object"] == {"id": batch_id, "type": "CourseBatch", "rollup": {"l1": COURSE}}
    assert created["context"] == {
        "channel": "c1",
        "pdata": {"id": "portal", "pid": "lms-service", "ver": "1.0"},
        "env": "CourseBatch",
        "did": "d1",
        "cdata": [{"id": COURSE, "type": "Course"}, {"id": "m-7", "type": "Request"}],
        "rollup": {},
    }
    assert created["actor"] == {"id": VIKRAM.user_id, "type": "User"}
    assert created["mid"] != updated["mid"]
    assert updated["edata"] == {"state": "Update", "props": ["courseId", "startDate", "name"]}
    assert [each["type"] for each in updated["context"]["cdata"]] == ["Request"]


def test_a_search_is_reported(telling: Running) -> None:
    batch_id = create(telling)
    rows.no_events(telling)
    request = {"filters": {"identifier": batch_id}, "sort_by": {"name": "asc"}}
    telling.call("POST", SEARCH, None, request, headers={"X-Consumer-ID": "portal"})
    (event,) = events(telling, "kafka")
    assert (event["eid"], event["context"]["env"], event["actor"]["id"]) == ("SEARCH", "User", "portal")
    assert event["edata"] == {
        "type": "Course-batch",
        "query": "",
        "filters": {"identifier": batch_id},
        "sort": {"name": "asc"},
        "size": 1,
        "topn": [{"id": batch_id}],
    }


def test_a_failure_is_reported(telling: Running) -> None:
    assert creation(telling, name="").status_code == 400
    (event,) = events(telling, "kafka")
    assert event["eid"] == "ERROR"
    assert event["edata"]["err"] == "Bad Request"
    assert event["edata"]["errtype"] == "MANDATORY_PARAMETER_MISSING"
    assert len(event["edata"]["stacktrace"]) == 100


def test_by_default_telemetry_goes_nowhere(service: Running) -> None:
    create(service)
    creation(service, name="")
    assert service.sql("SELECT count(*) FROM outbox WHERE destination IN ('kafka', 'mail')")[0][0] == 0


def test_a_sync_has_lists_told_again(telling: Running) -> None:
    batch_id = create(telling)
    rows.no_events(telling)
    for ids in ([COURSE], [], None, [{"courseid": COURSE}], [{"courseid": COURSE, "batchid": batch_id}]):
        answer = telling.call("POST", SYNC, None, {"objectType": "batch", "objectIds": ids})
        assert answer.json()["result"] == {"response": "SUCCESS"}
        assert telling.run(jobs.publish_listings(telling.services)) == 1
        assert telling.run(jobs.publish_listings(telling.services)) == 0
    assert len(events(telling, "content")) == 5


def test_lists_of_many_courses_are_each_whole(telling: Running) -> None:
    for course_id in (COURSE, SECOND_COURSE):
        for _ in range(3):
            create(telling, courseId=course_id, startDate=day(telling, 1))
    at(telling, telling.clock.today() + timedelta(days=1))
    assert telling.run(jobs.move_statuses(telling.services)) == 6
    send(telling)
    assert [len(listed(telling, course_id)) for course_id in (COURSE, SECOND_COURSE)] == [3, 3]
