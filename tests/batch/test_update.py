"""Changing batches: the contract's cases U1 to U29, in the order in which they are checked (contract batches §3.2)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from lernbatch.batch import dates
from lernbatch.batch.model import BatchChange
from tests.batch.calls import (
    GATEWAY,
    LEFT_OUT,
    UPDATE,
    change,
    create,
    creation,
    day,
    form_d,
    form_f,
    missing,
    read,
    refused,
)
from tests.batch.lame import Lame
from tests.batch.samples import JUNE
from tests.people import ADMIN, ASHA, HOME_ORG, MEERA, OTHER_ORG, RAVI, VIKRAM
from tests.running import Running
from tests.seeds import COURSE, SECOND_COURSE

DATE_FORMAT = ("DATE_FORMAT_ERRROR", "Date format error.")
BAD_START = ("INVALID_BATCH_START_DATE_ERROR", "Please provide valid Start Date.")
BAD_END = ("INVALID_BATCH_END_DATE_ERROR", "Please provide valid End Date.")
PROGRESS = "Progress status value should be NOT_STARTED(0), STARTED(1), COMPLETED(2)."


@pytest.fixture
def ongoing(service: Running) -> str:
    """A batch that started today and ends in thirty days."""
    return create(service)


@pytest.fixture
def upcoming(service: Running) -> str:
    """A batch from the day after tomorrow to the thirtieth day."""
    return create(service, startDate=day(service, 2))


def past(service: Running, days: int) -> str:
    """A batch of ten days that started `days` days ago."""
    now = service.clock.ahead
    service.clock.move(days=-days)
    batch_id = create(service, endDate=day(service, 10))
    service.clock.ahead = now
    return batch_id


@pytest.mark.parametrize("request_", [[], None, {"id": 5}, {"userId": []}])
def test_u01_a_request_that_cannot_be_read_is_form_f(service: Running, request_: object) -> None:
    form_f(service.call("PATCH", UPDATE, VIKRAM, json={"request": request_}))


@pytest.mark.parametrize("wrong", [{"courseId": 5}, {"name": []}, {"enrollmentType": {}}, {"description": []}])
def test_u02_a_field_of_another_type_is_form_d(service: Running, ongoing: str, wrong: dict[str, Any]) -> None:
    form_d(change(service, ongoing, **wrong))


def test_u03_the_course_is_mandatory(service: Running, ongoing: str) -> None:
    missing(change(service, ongoing, courseId="", status=9), "courseId/collectionId")


@pytest.mark.parametrize("status", [3, -1, "4", "one", [], True, 1.5])
def test_u04_the_status_must_be_one_that_exists(service: Running, ongoing: str, status: object) -> None:
    refused(change(service, ongoing, status=status, name=""), "INVALID_PROGRESS_STATUS", PROGRESS)


@pytest.mark.parametrize(("name", "shown"), [(None, "null"), ("", ""), (" ", " ")])
def test_u05_a_name_that_is_sent_is_not_blank(service: Running, ongoing: str, name: object, shown: str) -> None:
    text = f"Invalid value {shown} for parameter name. Please provide a valid value."
    refused(change(service, ongoing, name=name, enrollmentType=""), "INVALID_PARAMETER_VALUE", text)


@pytest.mark.parametrize("value", [None, "", " "])
def test_u06_an_enrolment_type_that_is_sent_is_not_blank(service: Running, ongoing: str, value: object) -> None:
    missing(change(service, ongoing, enrollmentType=value, id=""), "enrollmentType")


def test_u07_an_unknown_enrolment_type_is_refused(service: Running, ongoing: str) -> None:
    text = "Invalid value shut for parameter enrollmentType. Please provide a valid value."
    refused(change(service, ongoing, enrollmentType="shut", id=""), "INVALID_PARAMETER_VALUE", text)


@pytest.mark.parametrize("batch_id", [LEFT_OUT, None, ""])
def test_u08_the_id_is_mandatory_even_beside_a_batch_id(service: Running, ongoing: str, batch_id: object) -> None:
    missing(change(service, ongoing, id=batch_id, batchId=ongoing, startDate=""), "id")


@pytest.mark.parametrize("start", [LEFT_OUT, None, "", "June", "2025-03"])
def test_u09_a_start_date_that_is_missing_or_no_date_is_refused(service: Running, ongoing: str, start: object) -> None:
    refused(change(service, ongoing, startDate=start, createdFor=1), *DATE_FORMAT)


def test_u10_with_an_end_date_both_must_be_days(service: Running, ongoing: str) -> None:
    refused(change(service, ongoing, endDate="2025-02-30", createdFor=1), *DATE_FORMAT)
    refused(change(service, ongoing, startDate="2025-13-40", endDate=day(service, 9)), *DATE_FORMAT)


def test_u11_the_end_date_comes_after_the_start_date(service: Running, ongoing: str) -> None:
    answer = change(service, ongoing, endDate=day(service), createdFor=1)
    refused(answer, "END_DATE_ERROR", "End date should be greater than start date.")


def test_u12_an_end_date_before_today_is_refused(service: Running) -> None:
    batch_id = past(service, 5)
    refused(change(service, batch_id, endDate=day(service, -1), createdFor=1), *BAD_END)


@pytest.mark.parametrize("key", ["createdFor", "mentors"])
@pytest.mark.parametrize("value", [None, "x", {}])
def test_u13_lists_are_arrays(service: Running, ongoing: str, key: str, value: Any) -> None:
    answer = change(service, ongoing, **{key: value}, participants=[])
    refused(answer, "DATA_TYPE_ERROR", f"Data type of {key} should be Arrays.")


def test_u14_participants_are_not_set_by_updating(service: Running) -> None:
    answer = service.call(
        "PATCH", UPDATE, VIKRAM, {"courseId": "x", "id": "0", "startDate": "2030-01-01", "participants": []}
    )
    refused(answer, "INVALID_REQUEST_PARAMETER", "Invalid parameter participants in request.")


@pytest.mark.parametrize("named", [{"id": "0140"}, {"courseId": SECOND_COURSE}, {"batchId": "0140"}])
def test_u15_there_must_be_such_a_batch_in_the_course(service: Running, ongoing: str, named: dict[str, Any]) -> None:
    answer = change(service, ongoing, **named, createdFor=["nowhere"])
    refused(answer, "INVALID_COURSE_BATCH_ID", "Invalid course batch id ")


def test_u16_a_new_organisation_must_exist(service: Running, ongoing: str) -> None:
    answer = change(service, ongoing, createdFor=["nowhere"], startDate="2025-13-40")
    refused(answer, "INVALID_ORG_ID", "INVALID_ORG_ID")


def test_u17_without_an_end_date_a_start_that_is_no_day_is_said_to_be_missing(service: Running, ongoing: str) -> None:
    answer = change(service, ongoing, startDate="2025-13-40")
    refused(answer, "COURSE_BATCH_START_DATE_REQUIRED", "Batch start date is mandatory.")


@pytest.mark.parametrize("ahead", [-1, 1])
def test_u18_the_start_of_a_batch_that_has_begun_does_not_move(service: Running, ongoing: str, ahead: int) -> None:
    refused(change(service, ongoing, startDate=day(service, ahead)), *BAD_START)


def test_u19_a_start_does_not_move_into_the_past(service: Running, upcoming: str) -> None:
    refused(change(service, upcoming, startDate=day(service, -1)), *BAD_START)


def test_u20_a_start_does_not_move_behind_the_end(service: Running, upcoming: str) -> None:
    refused(change(service, upcoming, startDate=day(service, 31), enrollmentEndDate=day(service)), *BAD_END)


def test_u21_an_ended_batch_is_not_made_to_end_earlier() -> None:
    """Over HTTP U12 comes first, except for batches in zones that are far apart."""
    june = replace(JUNE, end_date=date(2026, 6, 10))
    earlier = BatchChange(june.course_id, june.batch_id, june.start_date, date(2026, 6, 9), None)
    with pytest.raises(dates.AlreadyClosed):
        dates.check_change(june, earlier, date(2026, 6, 12))


def test_u22_enrolment_does_not_end_before_the_start(service: Running, upcoming: str) -> None:
    text = "Enrollment End date should be greater than course batch start date."
    refused(change(service, upcoming, enrollmentEndDate=day(service, 1)), "ENROLLMENT_END_DATE_START_ERROR", text)


def test_u23_enrolment_does_not_end_after_the_end(service: Running, ongoing: str) -> None:
    text = "Enrollment End date should be lesser than course batch end date."
    changes: list[dict[str, Any]] = [
        {"enrollmentEndDate": day(service, 31)},
        {"endDate": day(service, 5), "enrollmentEndDate": day(service, 6)},
    ]
    for ends in changes:
        refused(change(service, ongoing, **ends), "ENROLLMENT_END_DATE_END_ERROR", text)


def test_u23_a_stored_end_of_enrolment_is_not_left_behind_a_shortened_end(service: Running) -> None:
    batch_id = create(service, enrollmentEndDate=day(service, 20))
    text = "Enrollment End date should be lesser than course batch end date."
    refused(change(service, batch_id, endDate=day(service, 10)), "ENROLLMENT_END_DATE_END_ERROR", text)


def test_u24_enrolment_is_not_made_to_have_ended(service: Running) -> None:
    batch_id = past(service, 5)
    text = "Invalid Enrollment End date. Please provide future date."
    refused(change(service, batch_id, enrollmentEndDate=day(service, -1)), "ENROLLMENT_END_DATE_UPDATE_ERROR", text)


def test_u25_the_course_must_still_be_published(lame: Lame) -> None:
    batch_id = create(lame.service)
    lame.fail("/content/")
    refused(
        change(lame.service, batch_id, RAVI),
        "INVALID_COURSE_ID",
        "Course doesnot exist. Please provide a valid course identifier",
    )


def test_u26_only_creator_and_stored_mentors_may_update(service: Running, ongoing: str) -> None:
    answer = change(service, ongoing, RAVI, mentors=[RAVI.user_id], createdFor=[OTHER_ORG])
    refused(answer, "UNAUTHORIZED_USER", "You are not authorized.", 401)
    assert change(service, ongoing, VIKRAM, mentors=[MEERA.user_id]).status_code == 200
    assert change(service, ongoing, MEERA, name="Meera's").status_code == 200


def test_u27_every_organisation_that_is_sent_is_looked_up_again(lame: Lame) -> None:
    batch_id = create(lame.service)
    lame.fail("/v1/org/")
    refused(change(lame.service, batch_id, createdFor=[HOME_ORG]), "INVALID_ORG_ID", "INVALID_ORG_ID")
    assert change(lame.service, batch_id, name="no organisation is sent").status_code == 200


def test_u28_added_mentors_are_checked_and_kept_ones_are_not(lame: Lame) -> None:
    batch_id = create(lame.service, mentors=[MEERA.user_id])
    refused(
        change(lame.service, batch_id, mentors=[MEERA.user_id, "nobody"]),
        "INVALID_USER_ID",
        "User Id does not exists in our records",
    )
    lame.fail(f"/private/user/v1/read/{MEERA.user_id}")
    assert change(lame.service, batch_id, mentors=[MEERA.user_id, ADMIN.user_id]).status_code == 200


def test_u29_a_database_that_does_not_take_the_change_is_said_so(lame: Lame) -> None:
    batch_id = create(lame.service)
    request = {"courseId": COURSE, "id": batch_id, "startDate": day(lame.service)}
    with lame.database_locked("batch"):
        answer = lame.service.call("PATCH", UPDATE, VIKRAM, request)
    refused(answer, "DB_UPDATE_FAIL", "Db update operation failed.", 500)


def test_an_update_answers_with_an_empty_result(service: Running, ongoing: str) -> None:
    answer = change(service, ongoing, name="July")
    assert answer.json()["result"] == {}
    assert answer.json()["id"] == "api.course.batch.update"
    assert read(service, ongoing)["name"] == "July"


def test_an_update_by_the_gateways_path_wants_a_role(service: Running, ongoing: str) -> None:
    request = {"courseId": COURSE, "id": ongoing, "startDate": day(service)}
    assert service.call("PATCH", f"{GATEWAY}/update", VIKRAM, request).status_code == 200
    assert service.call("PATCH", f"{GATEWAY}/update", ASHA, request).status_code == 403


def test_what_is_not_sent_stays_and_dates_are_not_cleared(service: Running, upcoming: str) -> None:
    before = read(service, upcoming)
    assert change(service, upcoming, endDate=None, enrollmentEndDate="some day", status="2").status_code == 200
    after = read(service, upcoming)
    assert after.pop("updatedDate") is not None
    before.pop("updatedDate")
    assert after == before


def test_the_batch_id_wins_over_the_id(service: Running, ongoing: str, upcoming: str) -> None:
    assert change(service, upcoming, batchId=upcoming, id=ongoing, name="that one").status_code == 200
    assert read(service, upcoming)["name"] == "that one"


def test_an_upcoming_batch_that_is_moved_to_today_is_ongoing(service: Running, upcoming: str) -> None:
    assert change(service, upcoming, startDate=day(service)).status_code == 200
    assert read(service, upcoming)["status"] == 1


def test_an_ended_batch_stays_ended_when_its_end_is_not_sent(service: Running) -> None:
    batch_id = past(service, 20)
    assert change(service, batch_id, name="over").status_code == 200
    assert read(service, batch_id)["status"] == 2


def test_an_ended_batch_that_is_extended_is_ongoing_again(service: Running) -> None:
    batch_id = past(service, 20)
    assert read(service, batch_id)["status"] == 2
    assert change(service, batch_id, endDate=day(service, 5)).status_code == 200
    assert read(service, batch_id)["status"] == 1


def test_the_default_end_of_enrolment_follows_an_extension(service: Running, ongoing: str) -> None:
    assert change(service, ongoing, endDate=day(service, 60)).status_code == 200
    assert read(service, ongoing)["effectiveEnrollmentEndDate"] == day(service, 59)


def test_if_match_refuses_what_somebody_else_changed_meanwhile(service: Running, ongoing: str) -> None:
    tag = service.call("GET", f"/v1/course/batch/read/{ongoing}", VIKRAM).headers["ETag"]
    request = {"courseId": COURSE, "id": ongoing, "startDate": day(service), "name": "mine"}
    first = service.call("PATCH", UPDATE, VIKRAM, request, headers={"If-Match": tag})
    assert first.status_code == 200
    second = service.call("PATCH", UPDATE, VIKRAM, request, headers={"If-Match": tag})
    refused(second, "BATCH_CHANGED", "The batch was changed by somebody else.", 412)
    assert (
        service.call("PATCH", UPDATE, VIKRAM, request, headers={"If-Match": first.headers["ETag"]}).status_code == 200
    )


def test_a_batch_made_by_the_other_spelling_of_the_course_can_be_changed(service: Running) -> None:
    batch_id = creation(service, courseId=LEFT_OUT, collectionId=COURSE).json()["result"]["batchId"]
    assert change(service, batch_id, courseId=LEFT_OUT, collectionId=COURSE, name="x").status_code == 200
