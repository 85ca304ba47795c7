"""What the reference does not have: more rules of a batch, clone, preview, transfer, calls that may be repeated."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from lernbatch.web import idempotency
from tests import rows
from tests.batch.calls import (
    CREATE,
    LEFT_OUT,
    SEARCH,
    UPDATE,
    change,
    create,
    create_privately,
    creation,
    creation_request,
    day,
    missing,
    read,
    refused,
    stored,
)
from tests.people import ADMIN, ASHA, HOME_ORG, IMRAN, KAVYA, MEERA, OTHER_ORG, RAVI, VIKRAM, Person
from tests.rows import enrolled
from tests.running import Running, running
from tests.seeds import COURSE

CLONE = "/v1/course/batch/clone"
PREVIEW = "/v1/course/batch/preview"
TRANSFER = "/v1/course/batch/ownership/transfer"
# The day of this zone begins half an hour before the platform's, so a batch in it starts tomorrow.
OWN: dict[str, Any] = {"capacity": 20, "leavePolicy": "until-start", "timeZone": "Asia/Dhaka"}


def test_our_own_fields_are_shown_when_set_and_absent_otherwise(service: Running) -> None:
    own: dict[str, Any] = {**OWN, "enrollmentStartDate": day(service, 2)}
    batch_id = create(service, startDate=day(service, 1), **own)
    assert {key: read(service, batch_id)[key] for key in own} == own
    assert not set(own) & set(read(service, create(service)))


def test_null_takes_a_field_of_our_own_away(service: Running) -> None:
    batch_id = create(service, startDate=day(service, 1), **OWN)
    nothing: dict[str, Any] = dict.fromkeys(OWN)
    assert change(service, batch_id, **nothing).status_code == 200
    assert not set(OWN) & set(read(service, batch_id))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("capacity", 0),
        ("capacity", "20"),
        ("capacity", True),
        ("capacity", 2**31),
        ("leavePolicy", "sometimes"),
        ("leavePolicy", 5),
        ("timeZone", "Mars/Olympus"),
        ("timeZone", "../../etc/passwd"),
        ("timeZone", 5),
    ],
)
def test_a_field_of_our_own_out_of_its_set_is_refused(service: Running, key: str, value: Any) -> None:
    text = f"Invalid value {value} for parameter {key}. Please provide a valid value."
    refused(creation(service, **{key: value}), "INVALID_PARAMETER_VALUE", text)
    assert change(service, create(service), **{key: value}).json()["params"]["errmsg"] == text


def test_enrolment_does_not_start_behind_its_end(service: Running) -> None:
    text = "Enrollment Start date should not be later than the last day of enrollment."
    refused(creation(service, enrollmentStartDate=day(service, 30)), "ENROLLMENT_START_DATE_ERROR", text)
    batch_id = create(service, enrollmentStartDate=day(service, 20))
    refused(change(service, batch_id, endDate=day(service, 10)), "ENROLLMENT_START_DATE_ERROR", text)


def test_a_batch_can_be_found_by_its_capacity(service: Running) -> None:
    batch_id = create(service, capacity=77)
    answer = service.call("POST", SEARCH, None, {"filters": {"identifier": batch_id, "capacity": {">": 76}}})
    assert answer.json()["result"]["response"]["count"] == 1


def test_a_clone_has_the_mentors_and_templates_but_no_people(service: Running) -> None:
    source = create(service, mentors=[MEERA.user_id], capacity=9, description="first run")
    enrolled(service, source, ASHA)
    rows.templates_of(service, source, {"t1": {"name": "Done"}})
    request = {"batchId": source, "name": "July", "startDate": day(service, 40), "endDate": day(service, 60)}
    answer = service.call("POST", CLONE, MEERA, request)
    copy, original = read(service, answer.json()["result"]["batchId"]), read(service, source)
    same = ("courseId", "description", "enrollmentType", "createdFor", "mentors", "cert_templates", "capacity")
    assert {key: copy[key] for key in same} == {key: original[key] for key in same}
    assert (copy["name"], copy["startDate"], copy["status"]) == ("July", day(service, 40), 0)
    assert copy["createdBy"] == MEERA.user_id
    assert service.sql("SELECT FROM enrolment WHERE batch_id = $1", copy["batchId"]) == []


def test_a_clone_is_checked_like_a_new_batch_and_made_by_its_people_only(service: Running) -> None:
    source = create(service)
    request = {"batchId": source, "startDate": day(service, 1)}
    missing(service.call("POST", CLONE, VIKRAM, {}), "batchId")
    missing(service.call("POST", CLONE, VIKRAM, {"batchId": source}), "startDate")
    refused(service.call("POST", CLONE, RAVI, request), "UNAUTHORIZED_USER", "You are not authorized.", 401)
    refused(
        service.call("POST", CLONE, VIKRAM, {**request, "batchId": "0"}),
        "INVALID_COURSE_BATCH_ID",
        "Invalid course batch id ",
    )
    assert service.call("POST", CLONE, VIKRAM, request).status_code == 200


def preview(service: Running, batch_id: str, person: Person = VIKRAM, **changes: Any) -> dict[str, Any]:
    request = {"courseId": COURSE, "id": batch_id, "startDate": read(service, batch_id)["startDate"], **changes}
    answer = service.call("POST", PREVIEW, person, request)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()["result"]["response"]
    return shown


def test_a_preview_says_who_would_be_affected_and_changes_nothing(service: Running) -> None:
    batch_id = create(service, endDate=day(service, 10), capacity=5)
    enrolled(service, batch_id, ASHA, KAVYA, IMRAN)
    rows.completed(service, batch_id, IMRAN)
    service.clock.move(days=20)
    before = read(service, batch_id)
    shown = preview(service, batch_id, endDate=day(service, 30), capacity=2, leavePolicy="never")
    assert shown["before"]["status"] == 2
    assert shown["after"] == {
        "status": 1,
        "enrollmentOpen": False,
        "effectiveEnrollmentEndDate": day(service, 29),
        "mayLeave": False,
        "placesLeft": -1,
    }
    assert shown["learners"] == {"active": 3, "unfinished": 2}
    assert shown["affected"] == {
        "count": 2,
        "effects": ["progress-resumes", "may-no-longer-leave"],
        "userIds": sorted((ASHA.user_id, KAVYA.user_id)),
    }
    assert read(service, batch_id) == before


def test_a_preview_of_a_harmless_change_affects_nobody(service: Running) -> None:
    batch_id = create(service)
    enrolled(service, batch_id, ASHA)
    assert preview(service, batch_id, name="renamed")["affected"] == {"count": 0, "effects": [], "userIds": []}


def test_a_preview_refuses_what_the_update_would(service: Running) -> None:
    request = {"courseId": COURSE, "id": create(service), "startDate": day(service, 1)}
    answer = service.call("POST", PREVIEW, VIKRAM, request)
    refused(answer, "INVALID_BATCH_START_DATE_ERROR", "Please provide valid Start Date.")


def test_an_administrator_hands_batches_of_any_status_over(service: Running) -> None:
    old = Person("0b1e3c5a-0000-4000-8000-0000000001d5", "Old", "Creator", roles=("CONTENT_CREATOR",))
    own = create(service, old)
    mentored = create(service, mentors=[ADMIN.user_id, MEERA.user_id])
    rows.mentors_of(service, mentored, old.user_id, ADMIN.user_id, MEERA.user_id)
    rows.status_of(service, own, 2)
    request = {"fromUserId": old.user_id, "toUserId": MEERA.user_id}
    answer = service.call("POST", TRANSFER, ADMIN, request)
    assert answer.json()["result"] == {"response": "SUCCESS", "count": 2}
    assert read(service, own)["createdBy"] == MEERA.user_id
    assert read(service, mentored)["mentors"] == [MEERA.user_id, ADMIN.user_id]
    assert service.call("POST", TRANSFER, ADMIN, request).json()["result"]["count"] == 0


def test_a_transfer_is_an_administrators_and_stays_in_the_organisation(service: Running) -> None:
    elsewhere = create(service, RAVI, createdFor=[OTHER_ORG])
    request = {"fromUserId": RAVI.user_id, "toUserId": MEERA.user_id}
    refused(service.call("POST", TRANSFER, VIKRAM, request), "UNAUTHORIZED_USER", "You are not authorized.", 401)
    assert service.call("POST", TRANSFER, ADMIN, request).json()["result"]["count"] == 0
    assert read(service, elsewhere)["createdBy"] == RAVI.user_id
    missing(service.call("POST", TRANSFER, ADMIN, {"toUserId": MEERA.user_id}), "fromUserId")
    refused(
        service.call("POST", TRANSFER, ADMIN, {**request, "toUserId": "nobody"}),
        "INVALID_USER_ID",
        "User Id does not exists in our records",
    )


def test_a_repeated_create_answers_the_same_and_makes_one_batch(service: Running) -> None:
    before, headers = stored(service), {"Idempotency-Key": "k-1"}
    request = creation_request(service)
    first = service.call("POST", CREATE, VIKRAM, request, headers=headers)
    service.clock.move(days=1)  # the start date would now be refused
    again = service.call("POST", CREATE, VIKRAM, request, headers=headers)
    assert again.json()["result"] == first.json()["result"]
    assert stored(service) == before + 1


def test_a_key_with_another_request_is_422_and_belongs_to_its_caller(service: Running) -> None:
    headers = {"Idempotency-Key": "k-2"}
    assert service.call("POST", CREATE, VIKRAM, creation_request(service), headers=headers).status_code == 200
    other = service.call("POST", CREATE, VIKRAM, creation_request(service, name="other"), headers=headers)
    assert (other.status_code, other.json()["params"]["err"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (
        service.call("POST", CREATE, ADMIN, creation_request(service, name="other"), headers=headers).status_code == 200
    )


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_that_is_none_is_refused(service: Running, key: str) -> None:
    answer = service.call("POST", CREATE, VIKRAM, creation_request(service), headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["params"]["err"]) == (400, "INVALID_PARAMETER_VALUE")


def test_a_refused_call_does_not_use_its_key_up(service: Running) -> None:
    headers = {"Idempotency-Key": "k-3"}
    assert service.call("POST", CREATE, VIKRAM, creation_request(service, name=""), headers=headers).status_code == 400
    assert service.call("POST", CREATE, VIKRAM, creation_request(service), headers=headers).status_code == 200


def test_twins_with_one_key_make_one_batch(service: Running) -> None:
    before, request = stored(service), creation_request(service)
    headers = {**service.headers(VIKRAM), "Idempotency-Key": "k-4"}

    def one(_: int) -> str:
        url = f"{service.url}{CREATE}"
        answer = httpx.post(url, json={"request": request}, headers=headers, timeout=300)
        return str(answer.json()["result"]["batchId"])

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(16)))) == 1
    assert stored(service) == before + 1


def test_old_keys_are_forgotten(service: Running) -> None:
    headers = {"Idempotency-Key": "k-5"}
    service.call("POST", CREATE, VIKRAM, creation_request(service), headers=headers)
    service.clock.move(days=2)
    while service.run(idempotency.forget_old(service.services)):
        pass
    assert service.sql("SELECT FROM idempotency_key WHERE key = 'k-5'") == []


def test_two_mentors_at_once_lose_no_change(service: Running) -> None:
    batch_id = create(service)
    headers = service.headers(VIKRAM)
    changes: list[dict[str, object]] = [{"name": "new name"}, {"description": "new words"}, {"capacity": 12}]

    def one(fields: dict[str, object]) -> int:
        request = {"courseId": COURSE, "id": batch_id, "startDate": day(service), **fields}
        url = f"{service.url}{UPDATE}"
        return httpx.patch(url, json={"request": request}, headers=headers, timeout=300).status_code

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(one, changes)) == [200, 200, 200]
    document = read(service, batch_id)
    assert [document["name"], document["description"], document["capacity"]] == ["new name", "new words", 12]


def test_many_mentors_at_once_all_get_through(service: Running) -> None:
    batch_id, headers = create(service), service.headers(VIKRAM)

    def one(number: int) -> int:
        request = {"courseId": COURSE, "id": batch_id, "startDate": day(service), "name": f"name {number}"}
        url = f"{service.url}{UPDATE}"
        return httpx.patch(url, json={"request": request}, headers=headers, timeout=300).status_code

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(16))) == [200] * 16
    assert service.sql("SELECT revision FROM batch WHERE batch_id = $1", batch_id)[0][0] == 17


@pytest.mark.real
def test_very_many_changes_at_once_are_made_or_told_to_come_again(service: Running) -> None:
    batch_id, headers = create(service), service.headers(VIKRAM)
    url = f"{service.url}{UPDATE}"

    def one(number: int) -> int:
        request = {"courseId": COURSE, "id": batch_id, "startDate": day(service), "name": f"name {number}"}
        return httpx.patch(url, json={"request": request}, headers=headers, timeout=60).status_code

    with ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(one, range(180)))
    assert set(statuses) <= {200, 409}
    assert statuses.count(200) >= 60
    revision = service.sql("SELECT revision FROM batch WHERE batch_id = $1", batch_id)[0][0]
    assert revision == 1 + statuses.count(200)


def test_a_change_that_does_not_get_its_turn_is_409_with_what_to_do(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, change_wait_seconds=0.05) as service:
        batch_id = create(service)
        lock = asyncio.Lock()
        service.services.batch_locks[batch_id] = lock
        service.run(lock.acquire())
        answer = change(service, batch_id, name="later")

        async def release() -> None:
            lock.release()

        service.run(release())
        assert answer.status_code == 409
        assert answer.json()["params"]["err"] == "BATCH_BUSY"
        assert "send the change again" in answer.json()["params"]["errmsg"]
        assert change(service, batch_id, name="later").status_code == 200


def test_a_batch_without_organisations_can_be_made(service: Running) -> None:
    assert read(service, create(service, createdFor=LEFT_OUT))["createdFor"] == []
    both = create_privately(service, VIKRAM, createdFor=[HOME_ORG, OTHER_ORG])
    assert read(service, both)["createdFor"] == [HOME_ORG, OTHER_ORG]


def test_a_transfer_to_oneself_ends_and_moves_nothing(service: Running) -> None:
    batch_id = create(service)
    request = {"fromUserId": VIKRAM.user_id, "toUserId": VIKRAM.user_id}
    assert service.call("POST", TRANSFER, ADMIN, request).json()["result"]["count"] == 0
    assert read(service, batch_id)["createdBy"] == VIKRAM.user_id


def test_an_instant_in_a_change_is_a_day_of_the_batchs_own_zone(service: Running) -> None:
    end = f"{day(service, 30)}T20:00:00.000Z"  # still that day in the far west, the next one in Kolkata
    batch_id = create(service, timeZone="Etc/GMT+12", startDate=day(service, 2), endDate=end)
    assert change(service, batch_id, endDate=end).status_code == 200
    assert read(service, batch_id)["endDate"] == day(service, 30)


def test_a_batch_that_keeps_its_course_is_held_to_the_publication_it_began_with(dsn: str, tmp_path: Path) -> None:
    with running(tmp_path, dsn, course_policy="keep") as service:
        batch_id = create(service)
        stored = service.sql("SELECT b.course_version, c.version FROM batch b JOIN course c USING (course_id)")
        assert [row["course_version"] == row["version"] for row in stored] == [True]
        assert read(service, batch_id)["status"] == 1
