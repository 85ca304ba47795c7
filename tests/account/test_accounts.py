"""Merged and deleted accounts: contract jobs §7.2 and §7.5, without their losses."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.learning import (
    at,
    complete,
    enrol,
    enrolled,
    item,
    known_learner,
    new_batch,
    new_learner,
    refusal,
    report,
    row,
)
from tests.people import Person
from tests.running import Running
from tests.seeds import BOOK, COURSE, LEAF_NODES, QUIZ, VIDEO, answer

MERGE = "/private/v1/user/account/merge"


def merge(service: Running, source: Person, target: Person) -> Any:
    edata = {"action": "merge-user-courses-and-cert", "fromAccountId": source.user_id, "toAccountId": target.user_id}
    return service.http.post(MERGE, json={"edata": edata})


def attempt(batch_id: str, attempt_id: str, score: float) -> dict[str, Any]:
    sent = {"assessmentTs": 1_770_000_000_000, "courseId": COURSE, "contentId": QUIZ, "batchId": batch_id}
    return {**sent, "userId": "me", "attemptId": attempt_id, "events": [answer(1, score)]}


def test_what_both_have_done_is_joined_and_recomputed(service: Running) -> None:
    batch_id = new_batch(service)
    old, new = enrolled(service, batch_id), enrolled(service, batch_id)
    now = service.clock.now()
    report(service, old, item(batch_id, VIDEO, 2, lastAccessTime=at(now)), assessments=[attempt(batch_id, "a", 1.0)])
    report(service, new, item(batch_id, VIDEO, 1, lastAccessTime=at(now - timedelta(hours=1))), item(batch_id, BOOK))
    report(service, new, assessments=[attempt(batch_id, "b", 0.5)])
    assert merge(service, old, new).json()["result"] == {"response": "SUCCESS", "batches": 1}
    merged = row(service, new, batch_id)
    assert (merged["progress"], merged["states"][VIDEO][:4]) == (3, [2, 100, 2, 1])
    assert merged["scores"] == {QUIZ: [1.0, 1.0, 2]}
    assert row(service, old, batch_id)["active"] is False


def test_an_enrolment_of_the_source_alone_goes_over_whole(service: Running) -> None:
    batch_id, new = new_batch(service), new_learner()
    old = enrolled(service, batch_id)
    complete(service, old, batch_id, *LEAF_NODES)
    entry = [{"identifier": "c-1", "name": "Completion"}]
    service.sql("UPDATE enrolment SET certificates = $2 WHERE user_id = $1", old.user_id, entry)
    before = row(service, old, batch_id)
    merge(service, old, new)
    merged = row(service, new, batch_id)
    for column in ("status", "progress", "completed_at", "enrolled_at", "states", "certificates", "last_access_at"):
        assert merged[column] == before[column], column
    assert merged["active"]


def test_completion_and_certificates_of_the_source_are_not_lost(service: Running) -> None:
    batch_id = new_batch(service)
    old, new = enrolled(service, batch_id), enrolled(service, batch_id)
    complete(service, old, batch_id, *LEAF_NODES)
    service.sql("UPDATE enrolment SET certificates = $2 WHERE user_id = $1", old.user_id, [{"identifier": "c-1"}])
    service.sql("UPDATE enrolment SET certificates = $2 WHERE user_id = $1", new.user_id, [{"identifier": "c-2"}])
    merge(service, old, new)
    merged = row(service, new, batch_id)
    assert (merged["status"], merged["percentage"]) == (2, 100)
    assert [one["identifier"] for one in merged["certificates"]] == ["c-2", "c-1"]


def test_merging_twice_ends_as_merging_once(service: Running) -> None:
    batch_id, other = new_batch(service), new_batch(service)
    old, new = enrolled(service, batch_id), enrolled(service, batch_id)
    enrol(service, old, other)
    report(service, old, item(batch_id, VIDEO, 2, lastAccessTime=at(service.clock.now())))
    merge(service, old, new)
    first = [row(service, new, one) for one in (batch_id, other)]
    merge(service, old, new)
    for before, one in zip(first, (batch_id, other), strict=True):
        again = row(service, new, one)
        for column in ("active", "status", "progress", "states", "scores", "certificates", "completed_at"):
            assert again[column] == before[column], column


@pytest.mark.parametrize("status", [0, 2])
def test_nothing_is_given_to_an_account_that_has_ended(service: Running, status: int) -> None:
    batch_id, ended = new_batch(service), known_learner(service, status=status)
    old = enrolled(service, batch_id)
    before = row(service, old, batch_id)
    answer = merge(service, old, ended)
    assert refusal(answer) == (400, "INVALID_REQUESTED_DATA", "The account that stays is deleted or blocked.")
    assert row(service, old, batch_id) == before
    assert merge(service, old, known_learner(service)).json()["result"]["batches"] == 1


def test_an_account_is_not_merged_into_itself(service: Running) -> None:
    asha = new_learner()
    assert refusal(merge(service, asha, asha))[:2] == (400, "INVALID_REQUESTED_DATA")
    missing = service.http.post(MERGE, json={"edata": {"fromAccountId": "u-1"}})
    assert refusal(missing)[2] == "Mandatory parameter toAccountId is missing."


def test_a_deleted_person_is_forgotten_and_the_learning_stays(service: Running) -> None:
    batch_id = new_batch(service)
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    service.sql(
        "INSERT INTO profile (user_id, state, sealed, fetched_at) VALUES ($1, 'Karnataka', '\\x00', now())",
        asha.user_id,
    )
    service.sql(
        """INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name,
                                    status_index, credential, template, decision, earned_at, issued_at, changed_at)
           VALUES ($1, $2, 't', 1, 'c', 'c', 'c', 0, '{"id": 1}', '{"url": "", "related": {"rootOrgId": "1"}}', '{}',
                   now(), now(), now())""",
        asha.user_id,
        batch_id,
    )
    before = row(service, asha, batch_id)
    for _ in range(2):
        sent = {"edata": {"action": "delete-user", "userId": asha.user_id}}
        assert service.http.post("/private/v1/user/account/delete", json=sent).status_code == 200
    (kept,) = service.sql("SELECT status, state, sealed FROM profile WHERE user_id = $1", asha.user_id)
    assert tuple(kept) == (2, "", None)
    (certificate,) = service.sql("SELECT credential, template FROM certificate WHERE user_id = $1", asha.user_id)
    assert tuple(certificate) == ({"id": 1}, {"url": ""})
    assert row(service, asha, batch_id) == before
