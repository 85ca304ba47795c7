"""Creating batches: the contract's cases C1 to C26, in the order in which they are checked (contract batches §3.1)."""

from __future__ import annotations

import pytest

from tests.batch.calls import (
    CREATE,
    CREATE_PRIVATELY,
    GATEWAY,
    LEFT_OUT,
    create,
    creation,
    creation_request,
    day,
    form_d,
    form_f,
    missing,
    read,
    refused,
    stored,
)
from tests.batch.lame import Lame
from tests.people import ADMIN, ASHA, HOME_ORG, MEERA, RAVI, VIKRAM
from tests.running import Running
from tests.seeds import COURSE, RETIRED_COURSE

NO_COURSE = ("INVALID_COURSE_ID", "Course doesnot exist. Please provide a valid course identifier")
DATE_FORMAT = ("DATE_FORMAT_ERRROR", "Date format error.")


@pytest.mark.parametrize("body", ['{"request": []}', '{"request": null}', '{"params": null}', "[]", '"x"'])
def test_c01_a_request_that_cannot_be_read_is_form_f(service: Running, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    form_f(service.call("POST", CREATE, VIKRAM, headers=headers, content=body))


@pytest.mark.parametrize("key", ["courseId", "name", "enrollmentType", "startDate", "endDate", "enrollmentEndDate"])
def test_c02_a_field_that_is_no_text_is_form_d_at_its_turn(service: Running, key: str) -> None:
    form_d(creation(service, **{key: 5}))


@pytest.mark.parametrize("course", [LEFT_OUT, None, "", " "])
def test_c03_the_course_is_mandatory(service: Running, course: object) -> None:
    missing(creation(service, courseId=course, collectionId=LEFT_OUT), "courseId/collectionId")


def test_c03_a_null_course_id_hides_the_collection_id(service: Running) -> None:
    missing(creation(service, courseId=None, collectionId=COURSE), "courseId/collectionId")
    assert creation(service, courseId=LEFT_OUT, collectionId=COURSE).status_code == 200


@pytest.mark.parametrize("name", [LEFT_OUT, None, "", "  "])
def test_c04_the_name_is_mandatory(service: Running, name: object) -> None:
    missing(creation(service, name=name, enrollmentType=""), "name")


def test_c05_the_enrolment_type_is_mandatory(service: Running) -> None:
    missing(creation(service, enrollmentType=LEFT_OUT, startDate=""), "enrollmentType")


def test_c06_an_unknown_enrolment_type_is_refused(service: Running) -> None:
    text = "Invalid value closed for parameter enrollmentType. Please provide a valid value."
    refused(creation(service, enrollmentType="closed", startDate=""), "INVALID_PARAMETER_VALUE", text)


def test_c07_the_start_date_is_mandatory(service: Running) -> None:
    missing(creation(service, startDate=LEFT_OUT, endDate="x"), "startDate")


@pytest.mark.parametrize(
    "start", ["tomorrow", "2025-02-30", "2025-13-01", "2025-3-1", "2025-03-01 10:00", "01-02-2030"]
)
def test_c08_a_start_date_that_is_no_day_is_refused(service: Running, start: str) -> None:
    refused(creation(service, startDate=start), *DATE_FORMAT)


def test_c09_a_start_date_before_today_is_refused_before_the_end_date_is_read(service: Running) -> None:
    answer = creation(service, startDate=day(service, -1), endDate="never")
    text = "Batch start date should be either today or future date."
    refused(answer, "COURSE_BATCH_START_DATE_INVALID", text)


def test_c10_an_end_date_that_is_no_day_is_refused(service: Running) -> None:
    refused(creation(service, endDate="never", enrollmentEndDate="x"), *DATE_FORMAT)


@pytest.mark.parametrize("ahead", [-1, 0])
def test_c11_the_end_date_comes_after_the_start_date(service: Running, ahead: int) -> None:
    answer = creation(service, endDate=day(service, ahead), enrollmentEndDate="x")
    refused(answer, "END_DATE_ERROR", "End date should be greater than start date.")


def test_c12_an_end_of_enrolment_that_is_no_day_is_refused(service: Running) -> None:
    refused(creation(service, enrollmentEndDate="soon", createdFor=None), *DATE_FORMAT)


def test_c13_enrolment_does_not_end_before_the_start(service: Running) -> None:
    answer = creation(service, enrollmentEndDate=day(service, -1))
    text = "Enrollment End date should be greater than course batch start date."
    refused(answer, "ENROLLMENT_END_DATE_START_ERROR", text)


def test_c14_enrolment_does_not_end_after_the_end(service: Running) -> None:
    answer = creation(service, enrollmentEndDate=day(service, 31), createdFor="x")
    text = "Enrollment End date should be lesser than course batch end date."
    refused(answer, "ENROLLMENT_END_DATE_END_ERROR", text)


@pytest.mark.parametrize("value", [None, "org", {}])
def test_c15_created_for_is_an_array(service: Running, value: object) -> None:
    refused(
        creation(service, createdFor=value, mentors=1), "DATA_TYPE_ERROR", "Data type of createdFor should be Arrays."
    )


@pytest.mark.parametrize("value", [None, "mentor", 7])
def test_c16_mentors_is_an_array(service: Running, value: object) -> None:
    answer = creation(service, mentors=value, participants=[])
    refused(answer, "DATA_TYPE_ERROR", "Data type of mentors should be Arrays.")


def test_c17_participants_are_not_set_by_creating(service: Running) -> None:
    answer = creation(service, participants=[], description=5)
    refused(answer, "INVALID_REQUEST_PARAMETER", "Invalid parameter participants in request.")
    assert creation(service, participants=None).status_code == 200


@pytest.mark.parametrize("wrong", [{"description": {}}, {"createdFor": [1]}, {"mentors": [None]}])
def test_c18_a_field_of_another_type_is_form_d(service: Running, wrong: dict[str, object]) -> None:
    form_d(creation(service, **wrong))


@pytest.mark.parametrize("course", ["do_unknown", RETIRED_COURSE, "../../etc", "सरल"])
def test_c19_the_course_must_be_published_and_tracked(service: Running, course: str) -> None:
    refused(creation(service, courseId=course, createdFor=["nowhere"]), *NO_COURSE)


def test_c19_a_content_service_that_fails_knows_no_course(lame: Lame) -> None:
    lame.fail("/content/")
    refused(creation(lame.service), *NO_COURSE)


def test_c20_an_unknown_organisation_is_refused(service: Running) -> None:
    answer = creation(service, createdFor=[HOME_ORG, "nowhere"], mentors=["nobody"])
    refused(answer, "INVALID_ORG_ID", "INVALID_ORG_ID")


def test_c20_an_organisation_service_that_fails_knows_none(lame: Lame) -> None:
    lame.fail("/v1/org/")
    refused(creation(lame.service), "INVALID_ORG_ID", "INVALID_ORG_ID")


def test_c21_with_mentors_the_creator_must_be_known(service: Running) -> None:
    request = creation_request(service, createdBy="nobody", mentors=[MEERA.user_id])
    refused(service.call("POST", CREATE_PRIVATELY, None, request), "RESOURCE_NOT_FOUND", "user not found.", 404)


def test_c21_a_user_service_that_fails_is_form_b(lame: Lame) -> None:
    lame.fail(f"/private/user/v1/read/{VIKRAM.user_id}")
    refused(creation(lame.service, mentors=[MEERA.user_id]), None, None, 500)


def test_c22_a_mentor_who_cannot_be_read_is_form_d(lame: Lame) -> None:
    lame.fail(f"/private/user/v1/read/{MEERA.user_id}")
    form_d(creation(lame.service, mentors=[MEERA.user_id]))


def test_c23_an_unknown_mentor_is_refused(service: Running) -> None:
    answer = creation(service, mentors=[MEERA.user_id, "nobody"])
    refused(answer, "INVALID_USER_ID", "User Id does not exists in our records")


def test_c24_mentors_belong_to_the_root_organisation_of_the_creator(service: Running) -> None:
    text = f"User (ID = {RAVI.user_id}) not associated to course batch creator root org."
    refused(creation(service, mentors=[MEERA.user_id, RAVI.user_id]), "USER_NOT_ASSOCIATED_TO_ROOT_ORG", text)


@pytest.mark.parametrize("key", ["courseCreator", "hashTagId"])
def test_c25_a_property_that_no_batch_has_is_refused_last(service: Running, key: str) -> None:
    answer = creation(service, **{key: "x"}, mentors=[MEERA.user_id])
    refused(answer, "INVALID_PROPERTY_ERROR", f"Invalid property {key.lower()}.")


def test_c26_a_database_that_does_not_take_the_batch_is_said_so(lame: Lame) -> None:
    with lame.database_locked("batch"):
        refused(creation(lame.service), "DB_INSERTION_FAIL", "DB insert operation failed.", 500)


def test_a_refused_batch_is_not_written(service: Running) -> None:
    before = stored(service)
    creation(service, mentors=["nobody"])
    creation(service, endDate="never")
    assert stored(service) == before


def test_a_new_batch_is_answered_with_a_long_number(service: Running) -> None:
    answer = creation(service)
    result = answer.json()["result"]
    assert result["response"] == "SUCCESS"
    assert result["batchId"].isdigit()
    assert 19 <= len(result["batchId"]) <= 22
    assert answer.json()["id"] == "api.course.batch.create"


@pytest.mark.parametrize(("ahead", "status"), [(0, 1), (1, 0)])
def test_a_batch_that_starts_today_is_ongoing_and_a_later_one_upcoming(
    service: Running, ahead: int, status: int
) -> None:
    batch_id = create(service, startDate=day(service, ahead))
    assert read(service, batch_id)["status"] == status
    assert service.sql("SELECT status FROM batch WHERE batch_id = $1", batch_id)[0][0] == status


def test_today_is_the_day_in_the_platforms_zone(service: Running) -> None:
    service.clock.move_to(service.clock.today(), hour=1)  # in UTC it is still yesterday
    assert read(service, create(service))["status"] == 1
    refused(
        creation(service, startDate=day(service, -1)),
        "COURSE_BATCH_START_DATE_INVALID",
        "Batch start date should be either today or future date.",
    )


def test_the_creator_is_the_caller_whoever_is_named(service: Running) -> None:
    assert read(service, create(service, createdBy=ASHA.user_id))["createdBy"] == VIKRAM.user_id


def test_the_private_route_takes_the_creator_from_the_request(service: Running) -> None:
    answer = service.call("POST", CREATE_PRIVATELY, None, creation_request(service, createdBy=ADMIN.user_id))
    assert (answer.json()["id"], answer.json()["ver"]) == ("", "private")
    assert read(service, answer.json()["result"]["batchId"])["createdBy"] == ADMIN.user_id


def test_the_gateways_path_wants_a_creators_role(service: Running) -> None:
    assert service.call("POST", f"{GATEWAY}/create", VIKRAM, creation_request(service)).status_code == 200
    denied = service.call("POST", f"{GATEWAY}/create", ASHA, creation_request(service))
    assert denied.status_code == 403
    assert denied.json()["params"]["errmsg"] == "You do not have permission to perform this operation"


def test_mentors_are_kept_once_and_in_order(service: Running) -> None:
    batch_id = create(service, mentors=[MEERA.user_id, ADMIN.user_id, MEERA.user_id])
    assert read(service, batch_id)["mentors"] == [MEERA.user_id, ADMIN.user_id]


def test_a_start_date_may_be_an_instant_and_means_its_day_in_the_zone(service: Running) -> None:
    evening = f"{day(service, 1)}T20:00:00.000Z"  # half past one on the next day, in India
    assert read(service, create(service, startDate=evening))["startDate"] == day(service, 2)


def test_the_enrolment_type_keeps_its_letter_case(service: Running) -> None:
    assert read(service, create(service, enrollmentType="Invite-Only"))["enrollmentType"] == "Invite-Only"


def test_without_an_end_of_enrolment_it_is_the_day_before_the_end(service: Running) -> None:
    document = read(service, create(service))
    assert document["enrollmentEndDate"] is None
    assert document["effectiveEnrollmentEndDate"] == day(service, 29)


def test_a_text_with_a_nul_character_is_refused(service: Running) -> None:
    before = stored(service)
    answer = creation(service, name="a\x00b")
    refused(answer, "INVALID_REQUESTED_DATA", "Requested data for this operation is not valid.")
    assert stored(service) == before
