"""From criteria that hold to a certificate that verifies."""

from __future__ import annotations

import pytest

from lernbatch.credential import proof
from lernbatch.credential.keys import key_set
from tests.certificate.cohort import MERIT, Cohort
from tests.learning import complete, enrol
from tests.people import ASHA, IMRAN, KAVYA, MEERA, RAVI, VIKRAM
from tests.seeds import REQUIRED


def test_who_completed_before_the_template_came_gets_the_certificate(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.enrol(KAVYA, status=1)
    assert cohort.attach().json()["result"] == {"response": "SUCCESS"}
    assert cohort.work() == 1
    (issued,) = cohort.certificates()
    assert (issued["user_id"], issued["revision"], issued["status"]) == (ASHA.user_id, 1, "active")
    assert cohort.due() == []


def test_two_templates_are_evaluated_each_by_its_own_criteria(cohort: Cohort) -> None:
    cohort.enrol(ASHA, percent=82)
    cohort.enrol(IMRAN, percent=40)
    cohort.attach()
    cohort.attach(identifier="default", name="Merit", criteria=MERIT)
    cohort.work()
    assert [row["name"] for row in cohort.certificates(ASHA)] == ["Merit"]
    assert cohort.certificates(IMRAN) == []


def test_the_entry_in_the_enrolment_is_the_contracts(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    (entry,) = cohort.entries(KAVYA)
    (issued,) = cohort.certificates()
    assert set(entry) == {"name", "identifier", "token", "lastIssuedOn", "templateUrl", "type"}
    assert entry["identifier"] == issued["certificate_id"]
    assert (entry["token"], entry["type"]) == ("", "TrainingCertificate")
    assert entry["lastIssuedOn"].endswith("+0000")


def test_the_credential_verifies_and_tells_when_it_was_earned(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    (issued,) = cohort.certificates()
    file = cohort.service.call("GET", f"/certs/{issued['certificate_id']}.json").content
    verified = proof.verify(file, key_set(cohort.service.config).keys)
    assert verified.trusted
    assert verified.credential["validFrom"] == "2026-06-30T20:00:00Z"


def test_the_public_page_and_its_files_are_there(cohort: Cohort) -> None:
    cohort.enrol(KAVYA)
    cohort.attach()
    cohort.work()
    url = f"/certs/{cohort.certificates()[0]['certificate_id']}"
    page = cohort.service.call("GET", url)
    assert page.status_code == 200
    assert "This certificate is valid." in page.text
    assert "காவ்யா ராஜன்" in page.text
    for form, sign in {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF-", "jwt": b"ey"}.items():
        file = cohort.service.call("GET", f"{url}.{form}")
        assert file.content.startswith(sign), form


def test_nobody_gets_it_twice_unless_asked_again(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    cohort.ask(ASHA)
    cohort.work()
    assert len(cohort.certificates()) == 1
    cohort.ask(ASHA, again=True)
    cohort.work()
    assert [(row["revision"], row["status"]) for row in cohort.certificates()] == [(1, "superseded"), (2, "active")]
    (entry,) = cohort.entries(ASHA)
    assert entry["identifier"] == cohort.certificates()[1]["certificate_id"]


def test_the_issue_api_answers_as_the_contract_says(cohort: Cohort) -> None:
    cohort.attach()
    answer = cohort.ask(ASHA).json()["result"]
    assert answer == {
        "result": {
            "status": f"Certificates issue action for Course Batch Id {cohort.batch_id} submitted Successfully!",
            "batchId": cohort.batch_id,
            "courseId": cohort.course_id,
            "collectionId": cohort.course_id,
        }
    }


def test_without_user_ids_all_who_completed_are_evaluated(cohort: Cohort) -> None:
    cohort.attach()
    cohort.enrol(ASHA)
    cohort.enrol(KAVYA)
    cohort.enrol(IMRAN, status=1)
    cohort.ask()
    assert [row["user_id"] for row in cohort.due()] == sorted([ASHA.user_id, KAVYA.user_id])
    assert cohort.work() == 2
    assert len(cohort.certificates()) == 2


def test_criteria_on_the_user_alone_suffice(cohort: Cohort) -> None:
    cohort.attach(criteria={"user": {"rootOrgId": IMRAN.org_id}})
    cohort.enrol(IMRAN, status=1)
    cohort.enrol(ASHA)
    cohort.ask(IMRAN, ASHA)
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [IMRAN.user_id]


def test_a_learner_nobody_knows_is_left_alone_and_the_others_are_served(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.put("ghost", 2, {})
    cohort.attach()
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [ASHA.user_id]
    assert cohort.due() == []


def test_what_was_issued_elsewhere_under_that_name_counts(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.service.sql(
        "UPDATE enrolment SET certificates = $2 WHERE batch_id = $1",
        cohort.batch_id,
        [{"name": "CERTIFICATE of completion", "identifier": "1-old", "token": "A1B2C3"}],
    )
    cohort.attach()
    cohort.work()
    assert cohort.certificates() == []


def test_other_entries_stay_and_the_new_one_goes_last(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    old = {"name": "Something else", "identifier": "1-old"}
    cohort.service.sql("UPDATE enrolment SET certificates = $2 WHERE batch_id = $1", cohort.batch_id, [old])
    cohort.attach()
    cohort.work()
    assert [entry["name"] for entry in cohort.entries(ASHA)] == ["Something else", "Certificate of completion"]


def test_feed_and_mail_wait_in_the_outbox(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach(notifyTemplate={"emailTemplateType": "defaultCertTemp", "subject": "Certificate"})
    cohort.work()
    told = {
        row["destination"]: row["payload"]
        for row in cohort.service.sql("SELECT destination, payload FROM outbox WHERE key = $1", ASHA.user_id)
    }
    assert told["feed"]["data"]["actionData"]["title"] == "Early mathematics"
    assert told["notification"]["heldDate"] == "2026-07-01"
    assert told["notification"]["recipientUserIds"] == [ASHA.user_id]


def test_who_completed_in_the_moment_a_template_came_is_found_a_minute_later(cohort: Cohort) -> None:
    cohort.attach()
    cohort.work()
    cohort.enrol(ASHA)  # as if progress had read the batch before the template was there
    cohort.service.sql(
        "UPDATE enrolment SET updated_at = $2 WHERE batch_id = $1", cohort.batch_id, cohort.service.clock.now()
    )
    assert cohort.work() == 0
    cohort.service.clock.move(seconds=61)
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [ASHA.user_id]
    for table in ("certificate_due", "template_recheck"):
        assert cohort.service.sql(f"SELECT * FROM {table} WHERE batch_id = $1", cohort.batch_id) == []


def test_of_two_templates_with_one_name_a_learner_gets_one(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_build_object('a', templates -> 'default', 'b', templates -> 'default')"
        " WHERE batch_id = $1",
        cohort.batch_id,
    )
    cohort.work()
    assert len(cohort.certificates()) == 1


def test_a_new_issue_under_a_new_name_replaces_the_old_entry(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.work()
    cohort.attach(name="Certificate of attendance")
    cohort.ask(ASHA, again=True)
    cohort.work()
    assert [entry["name"] for entry in cohort.entries(ASHA)] == ["Certificate of attendance"]


def test_a_new_issue_replaces_what_another_template_gave_under_that_name(cohort: Cohort) -> None:
    cohort.enrol(ASHA)
    cohort.attach()
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_build_object('b', templates -> 'default') WHERE batch_id = $1",
        cohort.batch_id,
    )
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_set(templates, '{b,identifier}', '\"b\"') WHERE batch_id = $1",
        cohort.batch_id,
    )
    cohort.work()
    cohort.attach(name="CERTIFICATE of completion")  # a second template, and a name that differs in case alone
    cohort.service.sql("UPDATE batch SET templates = templates - 'b' WHERE batch_id = $1", cohort.batch_id)
    cohort.ask(ASHA, again=True)
    cohort.work()
    standing = [(row["template_id"], row["status"]) for row in cohort.certificates()]
    assert standing == [("b", "superseded"), ("default", "active")]
    assert [entry["name"] for entry in cohort.entries(ASHA)] == ["CERTIFICATE of completion"]


@pytest.mark.parametrize("days", [10**9, 3_000_000])
def test_what_one_learner_cannot_be_given_is_his_failure_alone(cohort: Cohort, days: int) -> None:
    cohort.enrol(ASHA)
    cohort.enrol(KAVYA)
    cohort.attach()
    scores = {"do_q": "broken"}
    cohort.put(KAVYA.user_id, 2, scores)
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [ASHA.user_id]
    (waiting,) = cohort.due()
    assert (waiting["user_id"], waiting["attempts"]) == (KAVYA.user_id, 1)
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_set(templates, '{default,validity}', $2) WHERE batch_id = $1",
        cohort.batch_id,
        {"days": days},
    )
    cohort.enrol(IMRAN)
    cohort.ask(IMRAN)
    cohort.work()
    assert "is not valid for 1 to 36500 days" in cohort.due()[-1]["error"] + cohort.due()[0]["error"]
    # Pages of other tests list this batch, too.
    cohort.service.sql("DELETE FROM enrolment WHERE batch_id = $1", cohort.batch_id)


@pytest.mark.parametrize("span", ["to=9999-12-31", "from=0001-01-01"])
def test_all_certificates_are_between_any_first_and_last_day(cohort: Cohort, span: str) -> None:
    answer = cohort.service.call("GET", f"/v1/course/batch/cert/download/{cohort.batch_id}?{span}", VIKRAM)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/zip")


def test_who_comes_in_later_gets_what_is_awarded_for_coming_in(cohort: Cohort) -> None:
    """Neither a completion nor a score makes them due, so the batch is looked at again and again."""
    cohort.attach(criteria={"user": {"rootOrgId": ASHA.org_id}})
    for seconds, person, holders in ((61, ASHA, 1), (11, RAVI, 1), (11, KAVYA, 2), (3600, MEERA, 3)):
        enrol(cohort.service, person, cohort.batch_id)
        cohort.service.clock.move(seconds=seconds)
        cohort.work()
        assert len(cohort.certificates()) == holders
    assert {row["user_id"] for row in cohort.certificates()} == {ASHA.user_id, KAVYA.user_id, MEERA.user_id}


def test_who_begins_gets_what_is_awarded_for_beginning(cohort: Cohort) -> None:
    cohort.attach(criteria={"enrollment": {"status": 1}})
    enrol(cohort.service, ASHA, cohort.batch_id)
    cohort.service.clock.move(seconds=61)
    assert cohort.work() == 1
    assert cohort.certificates() == []
    complete(cohort.service, ASHA, cohort.batch_id, REQUIRED[0])
    cohort.service.clock.move(seconds=11)
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [ASHA.user_id]
    cohort.service.clock.move(seconds=11)
    assert cohort.work() == 0  # who has it is not evaluated for ever


def test_a_batch_is_not_looked_at_any_longer_than_it_awards_for_coming_in(cohort: Cohort) -> None:
    cohort.attach(criteria={"user": {"rootOrgId": ASHA.org_id}})
    left = "SELECT reason FROM template_recheck WHERE batch_id = $1"
    cohort.service.clock.move(seconds=61)
    cohort.work()
    assert [tuple(row) for row in cohort.service.sql(left, cohort.batch_id)] == [("enrolled",)]
    cohort.service.clock.move(days=31)
    cohort.service.sql("UPDATE batch SET status = 2 WHERE batch_id = $1", cohort.batch_id)
    cohort.work()
    assert [tuple(row) for row in cohort.service.sql(left, cohort.batch_id)] == [("over",)]
    cohort.attach()
    cohort.service.clock.move(hours=2)
    cohort.work()
    assert cohort.service.sql(left, cohort.batch_id) == []
