"""What others hear of enrolment and progress: contract enrolment §2.1.1, §3.4 and jobs §2.7."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.learning import complete, enrol, enrolled, item, new_batch, new_learner, report, unenrol
from tests.running import Running, running
from tests.seeds import BOOK, COURSE, QUIZ, REQUIRED, VIDEO, answer


@pytest.fixture(scope="module")
def heard(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service whose events are written for a Kafka that is never reached, and mails that are never sent."""
    home: Path = tmp_path_factory.mktemp("home")
    told = {"kafka_servers": ("127.0.0.1:1",), "telemetry": "kafka", "mail_enabled": True}
    with running(home, module_dsn, **told) as service:
        yield service


def events(service: Running, topic: str, key: str | None = None) -> list[dict[str, Any]]:
    """The payloads of a topic, in the order they were written; `key` None: of all keys."""
    rows = service.sql(
        "SELECT payload FROM outbox WHERE topic = $1 AND ($2::text IS NULL OR key = $2) ORDER BY event_id", topic, key
    )
    return [row["payload"] for row in rows]


def audits(service: Running, user_id: str) -> list[tuple[str, str]]:
    found = events(service, service.config.topic_telemetry, user_id)
    return [(event["edata"]["type"], event["object"]["id"]) for event in found if event["eid"] == "AUDIT"]


def test_enrolling_and_leaving_are_told_as_what_they_are(heard: Running) -> None:
    batch_id, asha = new_batch(heard), new_learner()
    headers = {"X-Channel-Id": "ch", "X-App-Id": "app", "X-Device-Id": "did", "X-msgid": "m-1"}
    enrol(heard, asha, batch_id, headers=headers)
    unenrol(heard, asha, batch_id)
    came, left = events(heard, heard.config.topic_telemetry, asha.user_id)
    assert came.pop("ets") > 1_700_000_000_000
    assert came.pop("mid") != left["mid"]
    assert came == {
        "eid": "AUDIT",
        "ver": "3.0",
        "actor": {"id": asha.user_id, "type": "User"},
        "context": {
            "channel": "ch",
            "pdata": {"id": "app", "pid": "lms-service", "ver": "1.0"},
            "env": "CourseBatch",
            "did": "did",
            "cdata": [
                {"id": COURSE, "type": "Course"},
                {"id": batch_id, "type": "CourseBatch"},
                {"id": "m-1", "type": "Request"},
            ],
            "rollup": {},
        },
        "object": {"id": asha.user_id, "type": "User", "rollup": {"l1": COURSE}},
        "edata": {
            "state": "Create",
            "type": "enrol",
            "props": ["userId", "courseId", "batchId", "enrolledDate", "active"],
        },
    }
    assert (left["edata"]["state"], left["edata"]["type"]) == ("Update", "unenrol")


def test_who_comes_and_goes_gets_a_mail(heard: Running) -> None:
    batch_id, asha = new_batch(heard), new_learner()
    enrol(heard, asha, batch_id)
    unenrol(heard, asha, batch_id)
    rows = heard.sql(
        "SELECT payload FROM outbox WHERE destination = 'mail' AND key = $1 ORDER BY event_id", asha.user_id
    )
    assert [row["payload"]["emailTemplateType"] for row in rows] == ["openBatchLearnerEnrol", "openBatchLearnerUnenrol"]
    assert rows[0]["payload"]["recipientUserIds"] == [asha.user_id]


def test_an_update_tells_the_merged_statuses(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    complete(heard, asha, batch_id, VIDEO)
    report(
        heard, asha, item(batch_id, VIDEO, 1, lastAccessTime="2026-01-27 07:13:10:000+0000"), item(batch_id, BOOK, 1)
    )
    event = events(heard, heard.config.topic_instruction, asha.user_id)[-1]
    assert (event["eid"], event["actor"]) == ("BE_JOB_REQUEST", {"id": "Course Batch Updater", "type": "System"})
    assert event["object"] == {"id": f"{batch_id}_{asha.user_id}", "type": "CourseBatchEnrolment"}
    assert event["edata"] == {
        "action": "batch-enrolment-update",
        "iteration": 1,
        "userId": asha.user_id,
        "batchId": batch_id,
        "courseId": COURSE,
        "contents": [{"contentId": VIDEO, "status": 2}, {"contentId": BOOK, "status": 1}],
    }
    assert audits(heard, asha.user_id)[1:] == [("start", VIDEO), ("complete", VIDEO), ("start", BOOK)]


def test_a_repeated_update_is_not_told_again(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    for _ in range(2):
        complete(heard, asha, batch_id, VIDEO)
    assert len(events(heard, heard.config.topic_instruction, asha.user_id)) == 1


def test_completion_is_told_once_with_a_certificate_event(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    complete(heard, asha, batch_id, *REQUIRED)
    complete(heard, asha, batch_id, *REQUIRED)
    (due,) = events(heard, heard.config.topic_certificate, asha.user_id)
    assert due["object"] == {"id": f"{batch_id}_{COURSE}", "type": "CourseCertificateGeneration"}
    assert due["edata"] == {
        "userIds": [asha.user_id],
        "action": "issue-certificate",
        "iteration": 1,
        "trigger": "auto-issue",
        "batchId": batch_id,
        "reIssue": False,
        "courseId": COURSE,
    }
    assert audits(heard, asha.user_id).count(("enrol-complete", asha.user_id)) == 1


def attempt(batch_id: str, *answers: Any, **more: Any) -> dict[str, Any]:
    sent = {"assessmentTs": 1, "courseId": COURSE, "contentId": QUIZ, "batchId": batch_id, "userId": "someone else"}
    return {**sent, "attemptId": "a", "events": list(answers), **more}


def test_an_attempt_is_told_as_it_was_sent_but_of_the_caller(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    event = {**answer(1, 1.0), "actor": {"id": "someone else", "type": "User"}}
    report(heard, asha, assessments=[attempt(batch_id, event, extra="kept")])
    (told,) = events(heard, heard.config.topic_assessment, asha.user_id)
    assert (told["userId"], told["extra"], told["events"][0]["actor"]["id"]) == (asha.user_id, "kept", asha.user_id)
    assert events(heard, heard.config.topic_certificate, asha.user_id)[0]["edata"]["attemptId"] == "a"


def test_an_attempt_that_does_not_count_is_told_with_the_reason(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    report(heard, asha, assessments=[attempt(batch_id, answer(1, 1.0), contentId="do_elsewhere")])
    (told,) = events(heard, heard.config.topic_assessment_failed, asha.user_id)
    assert told["metadata"] == {
        "validation_error": "the content is not part of the course",
        "src": "AssessmentAggregator",
    }


def test_a_sync_is_told(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    request = {"courseId": COURSE, "batchId": batch_id, "userId": asha.user_id}
    heard.call("PATCH", "/v1/content/state/update", asha, request)
    (told,) = events(heard, heard.config.topic_enrolment_sync, asha.user_id)
    assert told["edata"]["action"] == "user-enrolment-sync"


def test_what_is_not_stored_is_told_as_invalid(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha, kavya = enrolled(heard, batch_id), new_learner()
    report(heard, asha, item(batch_id, VIDEO, userId=kavya.user_id))
    report(heard, kavya, item(batch_id, BOOK))
    foreign, without = [
        event
        for event in events(heard, heard.config.topic_invalid_state)
        if event["invalidContents"][0]["batchId"] == batch_id
    ]
    assert foreign["validUserIds"] == [asha.user_id]
    assert foreign["invalidContents"][0]["userId"] == kavya.user_id
    assert without["invalidContents"][0]["contentId"] == BOOK


def test_a_due_certificate_stands_in_the_transaction_of_the_completion(heard: Running) -> None:
    batch_id = new_batch(heard)
    asha = enrolled(heard, batch_id)
    complete(heard, asha, batch_id, *REQUIRED)
    assert heard.sql("SELECT 1 FROM certificate_due WHERE user_id = $1", asha.user_id) == []
    heard.sql("""UPDATE batch SET templates = '{"t": {"name": "Completion"}}' WHERE batch_id = $1""", batch_id)
    kavya = enrolled(heard, batch_id)
    complete(heard, kavya, batch_id, *REQUIRED)
    report(heard, kavya, assessments=[attempt(batch_id, answer(1, 1.0))])
    (due,) = heard.sql("SELECT reason FROM certificate_due WHERE user_id = $1", kavya.user_id)
    assert due["reason"] == "score"
