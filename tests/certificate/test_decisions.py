"""What somebody decided for one learner stays, whatever is done for all: only naming that learner changes it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.certificate.cohort import Cohort
from tests.learning import enrol
from tests.people import ASHA, IMRAN, KAVYA, VIKRAM, Person
from tests.running import Running

CHANGE = "/v1/course/batch/cert/status"
MERGE = "/private/v1/user/account/merge"


def change(cohort: Cohort, person: Person, to: str) -> None:
    (newest,) = [row for row in cohort.certificates(person) if row["status"] in ("active", "suspended")]
    request = {"identifier": newest["certificate_id"], "status": to, "reason": "copied from his brother"}
    assert cohort.service.call("PATCH", CHANGE, VIKRAM, request).status_code == 200


def standings(cohort: Cohort, person: Person) -> list[tuple[str, str]]:
    rows = sorted(cohort.certificates(person), key=lambda row: row["issued_at"])
    return [(row["name"], row["status"]) for row in rows]


def passed_over(answer: Any) -> Any:
    return answer.json()["result"]["result"].get("passedOver")


@pytest.fixture
def decided(cohort: Cohort) -> Cohort:
    """Asha's certificate is revoked, Imran's suspended, Kavya's valid."""
    for person in (ASHA, IMRAN, KAVYA):
        cohort.enrol(person)
    cohort.attach()
    cohort.work()
    change(cohort, ASHA, "revoked")
    change(cohort, IMRAN, "suspended")
    return cohort


def test_a_new_issue_for_all_passes_over_the_revoked_and_the_suspended_and_says_so(decided: Cohort) -> None:
    assert passed_over(decided.ask(again=True)) == {"revoked": 1, "suspended": 1}
    decided.work()
    name = "Certificate of completion"
    assert standings(decided, ASHA) == [(name, "revoked")]
    assert standings(decided, IMRAN) == [(name, "suspended")]
    assert standings(decided, KAVYA) == [(name, "superseded"), (name, "active")]
    assert {row["change_reason"] for row in decided.certificates() if row["status"] != "active"} == {
        "copied from his brother",
        "re-issued",
    }


@pytest.mark.parametrize("person", [ASHA, IMRAN])
def test_naming_brings_back(decided: Cohort, person: Person) -> None:
    assert passed_over(decided.ask(person, again=True)) is None
    decided.work()
    assert standings(decided, person)[-1][1] == "active"


def test_under_a_new_name_and_through_another_template_they_are_passed_over_too(decided: Cohort) -> None:
    decided.attach(name="CERTIFICATE of attendance")
    decided.ask(again=True)
    decided.work()
    assert [status for _, status in standings(decided, ASHA)] == ["revoked"]
    assert [status for _, status in standings(decided, IMRAN)] == ["suspended"]


def add_merit(cohort: Cohort) -> Any:
    """A second template, as one that was attached later; the first one is called so from here on."""
    cohort.service.sql(
        "UPDATE batch SET templates = jsonb_build_object('first', templates -> 'default' || $2) WHERE batch_id = $1",
        cohort.batch_id,
        {"identifier": "first"},
    )
    cohort.service.sql("UPDATE certificate SET template_id = 'first' WHERE batch_id = $1", cohort.batch_id)
    return cohort.attach(name="Merit")


def test_a_template_that_comes_later_does_not_reward_the_revoked_and_says_so(decided: Cohort) -> None:
    (warning,) = add_merit(decided).json()["result"]["warnings"]
    assert warning.startswith("1 learners are passed over, because a certificate of theirs in this batch was revoked")
    decided.work()
    assert [name for name, _ in standings(decided, ASHA)] == ["Certificate of completion"]
    assert standings(decided, KAVYA)[-1] == ("Merit", "active")
    decided.ask()
    decided.work()
    assert len(standings(decided, ASHA)) == 1
    decided.ask(ASHA)
    decided.work()
    assert standings(decided, ASHA) == [("Certificate of completion", "revoked"), ("Merit", "active")]


def test_a_new_issue_that_was_asked_for_before_a_decision_does_not_undo_it(decided: Cohort) -> None:
    decided.ask(KAVYA, again=True)
    change(decided, KAVYA, "revoked")
    decided.work()
    assert [status for _, status in standings(decided, KAVYA)] == ["revoked"]


def merge(service: Running, source: Person, target: Person) -> None:
    edata = {"action": "merge-user-courses-and-cert", "fromAccountId": source.user_id, "toAccountId": target.user_id}
    assert service.http.post(MERGE, json={"edata": edata}).status_code == 200


def account(cohort: Cohort, name: str) -> Person:
    person = Person(f"{name}-{cohort.batch_id}", name, "", ASHA.org_id)
    cohort.service.sql("INSERT INTO sandbox_person (user_id, first_name) VALUES ($1, $2)", person.user_id, name)
    return person


def valid_entries(cohort: Cohort, person: Person) -> list[str]:
    """The valid certificates among those that a learner's list shows, by name."""
    shown = {entry["identifier"] for entry in cohort.entries(person)}
    rows = [row for row in cohort.certificates() if row["certificate_id"] in shown]
    return sorted(row["name"] for row in rows if row["status"] == "active")


def all_valid(cohort: Cohort) -> list[str]:
    return sorted(row["name"] for row in cohort.certificates() if row["status"] == "active")


def test_two_merged_accounts_keep_one_valid_certificate_of_a_name(cohort: Cohort) -> None:
    old, older, new = (account(cohort, name) for name in ("old", "older", "new"))
    for person in (old, older, new):
        cohort.enrol(person)
    cohort.attach()
    cohort.work()
    for _ in range(2):
        merge(cohort.service, old, new)
        merge(cohort.service, older, new)
        assert valid_entries(cohort, new) == all_valid(cohort) == ["Certificate of completion"]
        assert len(cohort.entries(new)) == 1
    (kept,) = [row for row in cohort.certificates() if row["status"] == "active"]
    assert kept["user_id"] == new.user_id


def test_a_new_issue_after_a_merge_replaces_what_came_over(cohort: Cohort) -> None:
    old, between, new = (account(cohort, name) for name in ("old", "between", "new"))
    cohort.enrol(old)
    cohort.attach()
    cohort.work()
    merge(cohort.service, old, between)
    merge(cohort.service, between, new)
    cohort.work()
    assert all_valid(cohort) == valid_entries(cohort, new) == ["Certificate of completion"]
    cohort.ask(again=True)
    cohort.work()
    assert all_valid(cohort) == valid_entries(cohort, new) == ["Certificate of completion"]
    assert {row["user_id"]: row["status"] for row in cohort.certificates()} == {
        old.user_id: "superseded",
        new.user_id: "active",
    }


def test_a_certificate_that_was_revoked_does_not_come_back_by_a_merge(cohort: Cohort) -> None:
    old, new = account(cohort, "old"), account(cohort, "new")
    cohort.enrol(old)
    cohort.enrol(new, status=1)
    cohort.attach()
    cohort.work()
    change(cohort, old, "revoked")
    merge(cohort.service, old, new)
    cohort.ask()
    cohort.work()
    assert all_valid(cohort) == []


def test_a_certificate_of_a_merged_account_can_be_revoked_and_leaves_the_list(cohort: Cohort) -> None:
    old, new = account(cohort, "old"), account(cohort, "new")
    cohort.enrol(old)
    cohort.attach()
    cohort.work()
    merge(cohort.service, old, new)
    assert len(cohort.entries(new)) == 1
    change(cohort, old, "revoked")
    assert cohort.entries(new) == []
    cohort.ask()
    cohort.work()
    assert all_valid(cohort) == []


def test_no_certificate_is_dated_in_the_future(cohort: Cohort) -> None:
    """A phone's clock may be ahead by years; what was earned then was earned by now."""
    cohort.enrol(ASHA)
    ahead = cohort.service.clock.now() + timedelta(days=400)
    cohort.service.sql("UPDATE enrolment SET completed_at = $2 WHERE batch_id = $1", cohort.batch_id, ahead)
    cohort.enrol(KAVYA, status=1)
    cohort.service.sql(
        "UPDATE enrolment SET updated_at = $2 WHERE batch_id = $1 AND status = 1", cohort.batch_id, ahead
    )
    cohort.attach(criteria={"user": {"rootOrgId": ASHA.org_id}}, validity={"days": 10})
    cohort.work()
    issued = cohort.certificates()
    assert len(issued) == 2
    for row in issued:
        assert row["earned_at"] <= row["issued_at"]
        assert row["credential"]["validFrom"] <= row["credential"]["proof"]["created"]
        assert row["expires_at"] <= row["issued_at"] + timedelta(days=10)


@pytest.mark.parametrize("criteria", [{"user": {"rootOrgId": ASHA.org_id}}, {"enrollment": {"status": 0}}])
def test_who_left_before_a_template_came_is_evaluated_on_return(cohort: Cohort, criteria: dict[str, Any]) -> None:
    enrol(cohort.service, ASHA, cohort.batch_id)
    leave = "/v1/course/unenroll"
    request = {"courseId": cohort.course_id, "batchId": cohort.batch_id, "userId": ASHA.user_id}
    cohort.service.clock.move(hours=3)
    assert cohort.service.call("POST", leave, ASHA, request).status_code == 200
    cohort.attach(criteria=criteria)
    cohort.service.clock.move(hours=3)
    cohort.work()
    assert cohort.certificates() == []
    enrol(cohort.service, ASHA, cohort.batch_id)
    cohort.work()
    assert [row["user_id"] for row in cohort.certificates()] == [ASHA.user_id]


def test_only_lists_that_are_begun_exist(cohort: Cohort) -> None:
    for purpose in ("revocation", "suspension"):
        assert cohort.service.call("GET", f"/certs/status/{purpose}/0").status_code == 200
        for number in (1, 17, 999_999_999):
            assert cohort.service.call("GET", f"/certs/status/{purpose}/{number}").status_code == 404
