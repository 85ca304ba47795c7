"""Every telemetry event passes the shapes by which the platform's pipeline takes events, and is told apart by it.

The shapes are those of the public pipeline's schemas of telemetry 3.0, told in our words: what they ask of the envelope
and of the `edata` of the three kinds of events that this service emits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from lernbatch.bulk import actions as roster
from tests.certificate.cohort import new_cohort
from tests.learning import complete, enrol, enrolled, item, known_learner, new_batch, new_learner, report, unenrol
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, MEERA, VIKRAM
from tests.running import Running, running
from tests.seeds import COURSE, QUIZ, REQUIRED, VIDEO, answer

TEXT, FULL_TEXT, NUMBER, OBJECT = (
    {"type": "string"},
    {"type": "string", "minLength": 1},
    {"type": "number"},
    {"type": "object"},
)


def closed(required: str, **properties: Any) -> dict[str, Any]:
    """An object of these properties alone."""
    return opened(required, **properties) | {"additionalProperties": False}


def opened(required: str, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required.split(), "properties": properties}


def listed(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


ROLLUP = opened("", l1=TEXT, l2=TEXT, l3=TEXT, l4=TEXT)
EDATA = {
    "AUDIT": closed("", type=TEXT, props=listed(TEXT), state=TEXT, prevstate=TEXT, duration=NUMBER),
    "ERROR": closed("err errtype stacktrace", err=TEXT, errtype=TEXT, stacktrace=TEXT, pageid=TEXT, object=OBJECT),
    "SEARCH": closed(
        "query size topn",
        type=TEXT,
        query=TEXT,
        filters=OBJECT,
        sort=OBJECT,
        correlationid=TEXT,
        size=NUMBER,
        topn=listed(OBJECT),
    ),
}
CONTEXT = opened(
    "channel env pdata",
    channel=FULL_TEXT,
    env=TEXT,
    sid=TEXT,
    did=TEXT,
    pdata=opened("id", id=FULL_TEXT, pid=TEXT, ver=TEXT),
    cdata=listed(closed("type id", type=TEXT, id=TEXT)),
)
JOB_REQUEST = opened(
    "eid ets mid actor context object edata",
    eid={"const": "BE_JOB_REQUEST"},
    ets=NUMBER,
    mid=FULL_TEXT,
    actor=opened("type id", type=TEXT, id=TEXT),
    context=opened("pdata", pdata=opened("id ver", id=TEXT, ver=TEXT)),
    object=opened("id type", id=TEXT, type=TEXT),
    edata=opened("action iteration", action=FULL_TEXT, iteration=NUMBER),
)


def shape(eid: str) -> dict[str, Any]:
    return opened(
        "eid ets ver mid actor context edata",
        eid={"const": eid},
        ets=NUMBER,
        ver={"enum": ["3.0", "3.1"]},
        mid=FULL_TEXT,
        actor=opened("type id", type=TEXT, id=TEXT),
        context=CONTEXT,
        object=opened("", id=TEXT, type=TEXT, ver=TEXT, rollup=ROLLUP),
        tags=listed(TEXT),
        edata=EDATA[eid],
    )


@pytest.fixture(scope="module")
def heard(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose events are written for a Kafka that is never reached, whose producer has a name."""
    home: Path = tmp_path_factory.mktemp("home")
    told = {"kafka_servers": ("127.0.0.1:1",), "telemetry": "kafka", "telemetry_pdata_id": "test.learning"}
    with running(home, module_dsn, search_without_filters=True, **told) as service:
        yield service


@pytest.fixture(autouse=True)
def nothing_told(heard: Running) -> None:
    heard.sql("DELETE FROM outbox")


def told(service: Running, topic: str = "") -> list[dict[str, Any]]:
    rows = service.sql(
        "SELECT payload FROM outbox WHERE topic = $1 ORDER BY event_id", topic or service.config.topic_telemetry
    )
    return [row["payload"] for row in rows]


def check(events: list[dict[str, Any]]) -> None:
    for event in events:
        jsonschema.validate(event, shape(event["eid"]))


def test_every_event_of_a_batchs_life_has_the_pipelines_shape(heard: Running) -> None:
    cohort = new_cohort(heard)
    batch_id = cohort.batch_id
    change = {"courseId": COURSE, "id": batch_id, "startDate": heard.clock.today().isoformat(), "name": "renamed"}
    assert heard.call("PATCH", "/v1/course/batch/update", VIKRAM, change).status_code == 200
    cohort.attach()
    asha, kavya = enrolled(heard, batch_id), enrolled(heard, batch_id)
    unenrol(heard, kavya, batch_id)
    attempt = {"assessmentTs": 1, "courseId": COURSE, "contentId": QUIZ, "batchId": batch_id, "userId": asha.user_id}
    report(heard, asha, item(batch_id, VIDEO), assessments=[{**attempt, "attemptId": "a", "events": [answer(1, 1.0)]}])
    complete(heard, asha, batch_id, *REQUIRED)
    enrol(heard, ASHA, batch_id)
    complete(heard, ASHA, batch_id, *REQUIRED)
    cohort.work()
    heard.call("POST", "/v1/course/batch/search", None, {"filters": {"batchId": batch_id}, "query": "renamed"})
    heard.call("POST", "/v1/course/batch/search", None, {})
    heard.call("POST", "/v1/course/enroll", asha, {"courseId": COURSE, "batchId": "0404"})
    transfer = {"fromUserId": VIKRAM.user_id, "toUserId": MEERA.user_id}
    assert heard.call("POST", "/v1/course/batch/ownership/transfer", ADMIN, transfer).status_code == 200
    events = told(heard)
    kinds = {(event["eid"], event["edata"].get("type")) for event in events}
    assert kinds == {
        ("AUDIT", None),
        ("AUDIT", "enrol"),
        ("AUDIT", "unenrol"),
        ("AUDIT", "start"),
        ("AUDIT", "complete"),
        ("AUDIT", "enrol-complete"),
        ("AUDIT", "certificate-issued-svg"),
        ("AUDIT", "ownership-transfer"),
        ("SEARCH", "Course-batch"),
        ("ERROR", None),
    }
    check(events)
    assert len({event["mid"] for event in events}) == len(events)
    jobs = [
        job for topic in (heard.config.topic_instruction, heard.config.topic_certificate) for job in told(heard, topic)
    ]
    assert jobs
    for job in jobs:
        jsonschema.validate(job, JOB_REQUEST)


@pytest.mark.parametrize(
    ("headers", "producer", "channel"),
    [
        pytest.param({}, "test.learning", "ORG_001", id="none"),
        pytest.param({"X-App-Id": "", "X-Channel-Id": "", "X-Device-ID": ""}, "test.learning", "ORG_001", id="empty"),
        pytest.param({"X-App-Id": "portal", "X-Channel-Id": HOME_ORG}, "portal", HOME_ORG, id="named"),
    ],
)
def test_an_event_has_a_producer_and_a_channel_whatever_the_caller_sends(
    heard: Running, headers: dict[str, str], producer: str, channel: str
) -> None:
    batch_id, asha = new_batch(heard), new_learner()
    for _ in range(2):  # the second one is refused, which is an event of its own
        enrol(heard, asha, batch_id, headers=headers)
    events = [event for event in told(heard) if event["eid"] == "ERROR" or event["actor"]["id"] == asha.user_id]
    assert [event["eid"] for event in events] == ["AUDIT", "ERROR"]
    check(events)
    assert [event["context"]["pdata"]["id"] for event in events] == [producer, producer]
    assert [event["context"]["channel"] for event in events] == [channel, channel]


def test_people_of_one_request_have_an_event_each_with_the_request_in_cdata(heard: Running) -> None:
    batch_id = new_batch(heard)
    people = [known_learner(heard).user_id for _ in range(3)]
    request = {"userIds": people, "courseId": COURSE, "batchId": batch_id}
    heard.call("POST", "/v1/course/admin/enroll", VIKRAM, request, headers={"X-msgid": "m-9"})
    events = [event for event in told(heard) if event["actor"]["id"] in people]
    check(events)
    assert len({event["mid"] for event in events}) == 3
    assert [event["context"]["cdata"][-1] for event in events] == [{"id": "m-9", "type": "Request"}] * 3


def test_people_of_a_file_have_an_event_each_in_the_default_channel(heard: Running) -> None:
    batch_id = new_batch(heard, enrollmentType="invite-only")
    file = f'batchId,userIds\n{batch_id},"{ASHA.user_id},{KAVYA.user_id},{IMRAN.user_id}"\n'
    sent = {"people": ("people.csv", file.encode(), "text/csv")}
    answer = heard.call("POST", "/v1/batch/bulk/enrollment", VIKRAM, files=sent)
    assert answer.status_code == 200, answer.text
    while heard.run(roster.work_on_next(heard.services)):
        pass
    events = [event for event in told(heard) if event["actor"]["id"] in (ASHA.user_id, KAVYA.user_id)]
    assert len(events) == 2
    check(events)
    assert [event["context"]["channel"] for event in events] == ["ORG_001", "ORG_001"]
    assert len({event["mid"] for event in events}) == 2


def test_filters_that_no_broker_would_take_are_left_out_of_the_event(heard: Running) -> None:
    filters = {"batchId": [f"{number:020d}" for number in range(9000)]}
    assert heard.call("POST", "/v1/course/batch/search", None, {"filters": filters}).status_code == 200
    (event,) = told(heard)
    check([event])
    assert event["edata"]["filters"] == {}
