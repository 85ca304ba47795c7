"""Whom to help first and who was spoken to, over HTTP."""

from __future__ import annotations

import os
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lernbatch.exhaust import resealing
from lernbatch.sealing import keys_of
from tests.learning import SUCCESS, complete, enrolled, item, known_learner, new_batch, new_learner, refusal, report
from tests.people import MEERA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, VIDEO


def needy(service: Running, *batch_ids: str, caller: Person = VIKRAM, **more: Any) -> Any:
    answer = service.call("POST", "/v1/course/batch/help", caller, {"batchIds": list(batch_ids), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]["response"]


def contact(service: Running, batch_id: str, *people: Person, caller: Person = VIKRAM, **more: Any) -> Any:
    request = {"batchId": batch_id, "userIds": [person.user_id for person in people], "how": "phone", **more}
    return service.call("POST", "/v1/course/batch/contact/add", caller, request)


def names(entries: list[dict[str, Any]]) -> list[str]:
    return [entry["userId"] for entry in entries]


@pytest.fixture
def slipping(service: Running) -> tuple[str, Person]:
    """A learner of a batch who began and has not been seen for eight days."""
    batch_id = new_batch(service, days=90, mentors=[MEERA.user_id])
    asha = enrolled(service, batch_id)
    complete(service, asha, batch_id, VIDEO)
    service.clock.move(days=8)
    return batch_id, asha


def test_who_is_spoken_to_leaves_the_list_and_undo_brings_them_back(
    service: Running, slipping: tuple[str, Person]
) -> None:
    batch_id, asha = slipping
    entry = needy(service, batch_id)["today"][0]
    assert (entry["userId"], entry["standing"]) == (asha.user_id, "slipping")
    assert entry["because"] == {"key": "slipping", "values": {"days": 8, "unit": 1, "unitName": "गिनती"}}
    assert len(entry["activeDays"]) == 1
    noted = contact(service, batch_id, asha, note="She was ill. நன்றி")
    contact_id = noted.json()["result"]["response"][asha.user_id]
    found = needy(service, batch_id)
    assert found["today"] == []
    lately = found["lately"][0]
    assert (lately["userId"], lately["note"], lately["outcome"]) == (asha.user_id, "She was ill. நன்றி", "waiting")
    assert lately["contactedBy"] == VIKRAM.user_id
    undo = {"batchId": batch_id, "userId": asha.user_id, "contactId": contact_id}
    answer = service.call("POST", "/v1/course/batch/contact/undo", MEERA, undo)
    assert answer.json()["result"] == SUCCESS
    found = needy(service, batch_id)
    assert (names(found["today"]), found["lately"]) == ([asha.user_id], [])
    assert refusal(service.call("POST", "/v1/course/batch/contact/undo", VIKRAM, undo))[0] == 400


def test_progress_within_three_days_reads_came_back(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact(service, batch_id, asha)
    service.clock.move(days=2)
    report(service, asha, item(batch_id, BOOK, 1))
    service.clock.move(days=3)
    found = needy(service, batch_id)
    assert [entry["outcome"] for entry in found["lately"]] == ["came-back"]
    assert found["today"] == []


def test_who_does_nothing_stands_on_the_list_again(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact(service, batch_id, asha)
    service.clock.move(days=3, hours=1)
    found = needy(service, batch_id)
    assert ([entry["outcome"] for entry in found["lately"]], names(found["today"])) == (["nothing"], [asha.user_id])


def test_who_wants_to_be_left_alone_is_never_listed_again(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact(service, batch_id, asha, leaveAlone=True)
    service.clock.move(days=10)
    assert needy(service, batch_id)["today"] == []


def test_a_day_later_a_contact_stays(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact_id = contact(service, batch_id, asha).json()["result"]["response"][asha.user_id]
    service.clock.move(days=1, minutes=1)
    undo = {"batchId": batch_id, "userId": asha.user_id, "contactId": contact_id}
    answer = refusal(service.call("POST", "/v1/course/batch/contact/undo", VIKRAM, undo))
    assert answer == (400, "INVALID_REQUESTED_DATA", "A contact can be undone for a day.")


def test_many_of_one_school_who_never_began_are_one_entry(service: Running) -> None:
    batch_id = new_batch(service, days=90)
    people = [enrolled(service, batch_id) for _ in range(13)]
    service.sql(
        "INSERT INTO profile (user_id, status, school_id, school_name, fetched_at)"
        " SELECT user_id, 1, CASE WHEN place <= 11 THEN 'large' ELSE 'small' END, 'A school', now()"
        " FROM unnest($1::text[]) WITH ORDINALITY AS person (user_id, place)",
        [person.user_id for person in people],
    )
    today = needy(service, batch_id)["today"]
    assert [entry.get("school", {}).get("learners") for entry in today] == [11, None, None]
    assert set(names(today)[1:]) == {person.user_id for person in people[11:]}


def test_of_several_batches_and_of_whom_somebody_brought_in(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    other = new_batch(service, days=90)
    brought = known_learner(service)
    users = {"userIds": [brought.user_id]}
    assert service.call("POST", f"/v1/course/batch/users/add/{other}", VIKRAM, users).status_code == 200
    assert names(needy(service, batch_id, other)["today"]) == [asha.user_id, brought.user_id]
    assert names(needy(service, batch_id, other, addedBy=VIKRAM.user_id)["today"]) == [brought.user_id]


def test_notes_are_sealed_and_for_who_manages_the_batch(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact(service, batch_id, asha, note="a secret")
    sealed = service.sql("SELECT sealed FROM contact WHERE user_id = $1", asha.user_id)[0]["sealed"]
    assert b"secret" not in sealed
    answer = service.call("POST", "/v1/course/batch/help", RAVI, {"batchIds": [batch_id]})
    assert answer.status_code == 401
    assert contact(service, batch_id, asha, caller=RAVI).status_code == 401


def test_a_note_is_sealed_anew_by_the_newest_key(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    contact(service, batch_id, asha, note="by an older key")
    contact_id = service.sql("SELECT contact_id FROM contact WHERE user_id = $1", asha.user_id)[0]["contact_id"]
    key = keys_of(service.config).keys[1]
    older = os.urandom(12)
    sealed = older + AESGCM(key).encrypt(older, b"by an older key", contact_id.encode())  # as before keys had ids
    service.sql("UPDATE contact SET sealed = $2 WHERE contact_id = $1", contact_id, sealed)
    service.run(resealing.reseal(service.services))
    after = service.sql("SELECT sealed FROM contact WHERE contact_id = $1", contact_id)[0]["sealed"]
    assert (after != sealed, after[0]) == (True, keys_of(service.config).newest)
    assert needy(service, batch_id)["lately"][0]["note"] == "by an older key"


def test_the_contacts_of_one_learner_are_listed(service: Running, slipping: tuple[str, Person]) -> None:
    batch_id, asha = slipping
    kavya = enrolled(service, batch_id)
    for learner, note in ((asha, "one"), (kavya, "another"), (asha, "two")):
        contact(service, batch_id, learner, note=note)
        service.clock.move(minutes=1)
    path = f"/v1/course/batch/contact/list?batchId={batch_id}&userId={asha.user_id}"
    told = service.call("GET", path, MEERA).json()["result"]["response"]
    assert [entry["note"] for entry in told] == ["two", "one"]
    assert service.call("GET", path, RAVI).status_code == 401
    assert service.call("GET", path, asha).status_code == 401


def test_a_contact_and_its_undoing_leave_a_line_each_in_the_audit(
    service: Running, slipping: tuple[str, Person]
) -> None:
    batch_id, asha = slipping
    contact_id = contact(service, batch_id, asha).json()["result"]["response"][asha.user_id]
    undo = {"batchId": batch_id, "userId": asha.user_id, "contactId": contact_id}
    service.call("POST", "/v1/course/batch/contact/undo", VIKRAM, undo)
    rows = service.sql("SELECT what, who, whom, outcome FROM audit WHERE about = $1 ORDER BY audit_id", batch_id)
    assert [tuple(row) for row in rows if row["what"].startswith("learner.")] == [
        ("learner.contact", VIKRAM.user_id, [asha.user_id], "done"),
        ("learner.contact-undone", VIKRAM.user_id, [asha.user_id], "done"),
    ]


def test_a_stranger_to_the_batch_is_not_noted_and_nobody_with_them(
    service: Running, slipping: tuple[str, Person]
) -> None:
    batch_id, asha = slipping
    answer = refusal(contact(service, batch_id, asha, new_learner()))
    assert answer[:2] == (400, "USER_NOT_ENROLLED_COURSE")
    assert names(needy(service, batch_id)["today"]) == [asha.user_id]


@pytest.mark.parametrize(
    "wrong",
    [{"how": "letter"}, {"note": "x" * 2001}, {"userIds": ["x"] * 501}, {"leaveAlone": "yes"}, {"userIds": "x"}],
)
def test_what_is_wrong_with_a_contact_is_said(
    service: Running, slipping: tuple[str, Person], wrong: dict[str, Any]
) -> None:
    batch_id, asha = slipping
    status, code, text = refusal(contact(service, batch_id, asha, **wrong))
    assert (status, code) == (400, "INVALID_REQUESTED_DATA")
    assert text is not None
    assert next(iter(wrong)) in text
