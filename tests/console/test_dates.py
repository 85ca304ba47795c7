"""Dates and rules over HTTP: what is typed becomes the API's request, two people do not lose each other's changes."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from lernbatch.console.dates import view
from lernbatch.console.dates.award import RuleForm, criteria_of, form_of
from lernbatch.template.wire_criteria import read_criteria
from lernbatch.wording.words import Words
from tests.certificate.cohort import MERIT, Cohort
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import enrolled, known_learner, new_batch
from tests.people import ADMIN, ASHA, HOME_ORG, MEERA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE, QUIZ


@pytest.mark.parametrize(
    ("typed", "stored", "request_"),
    [
        ({"capacity": "15,000"}, {"capacity": ""}, {"capacity": 15_000}),
        ({"capacity": "1 50 000"}, {"capacity": ""}, {"capacity": 150_000}),
        ({"capacity": ""}, {"capacity": "40"}, {"capacity": None}),
        ({"capacity": "40"}, {"capacity": "40"}, {}),
        ({"mentors": "u-1, u-2\nu-1"}, {"mentors": "u-1"}, {"mentors": ["u-1", "u-2"]}),
        ({"mentors": ""}, {"mentors": "u-1"}, {"mentors": []}),
        ({"leavePolicy": ""}, {"leavePolicy": "never"}, {"leavePolicy": None}),
        ({"enrollmentStartDate": ""}, {"enrollmentStartDate": "2026-06-01"}, {"enrollmentStartDate": None}),
        ({"name": "  June  "}, {"name": "May"}, {"name": "June"}),
    ],
)
def test_what_is_typed_becomes_the_request_of_the_api(
    typed: dict[str, str], stored: dict[str, str], request_: dict[str, object], words: Words
) -> None:
    before = {**dict.fromkeys(view.FIELDS, ""), "name": "June", "startDate": "2026-06-01", **stored}
    assert view.read_form({**before, **typed}, before, words).request == request_


@pytest.mark.parametrize(
    ("typed", "stored", "field"),
    [
        ({"capacity": "many"}, {}, "capacity"),
        ({"name": " "}, {}, "name"),
        ({"endDate": ""}, {"endDate": "2026-07-01"}, "endDate"),
        ({"startDate": ""}, {}, "startDate"),
    ],
)
def test_what_cannot_be_read_is_a_problem_of_its_field(
    typed: dict[str, str], stored: dict[str, str], field: str, words: Words
) -> None:
    before = {**dict.fromkeys(view.FIELDS, ""), "name": "June", "startDate": "2026-06-01", **stored}
    assert list(view.read_form({**before, **typed}, before, words).problems) == [field]


def test_k41_the_second_of_two_who_save_sees_both_versions_and_keeps_what_was_typed(
    visits: Visits, service: Running
) -> None:
    batch_id = new_batch(service, mentors=[MEERA.user_id])
    path = f"/console/batches/{batch_id}/rules"
    vikram, meera = visits(VIKRAM), visits(MEERA)
    hers = meera.hidden(path, "save")
    assert vikram.send(path, "save", {"capacity": "40"}).status_code == 303
    answer = meera.post(path, {**hers, "capacity": "50", "name": "June, anew"})
    assert answer.status_code == 412
    assert "Somebody else has changed this batch" in answer.text
    assert "<td><bdi>40</bdi></td><td><bdi>50</bdi></td>" in answer.text
    assert 'value="June, anew"' in answer.text
    again = {**meera.fields(answer.text, "save"), "capacity": "50", "name": "June, anew"}
    assert meera.post(path, again).status_code == 303
    (row,) = service.sql("SELECT name, capacity FROM batch WHERE batch_id = $1", batch_id)
    assert (row["name"], row["capacity"]) == ("June, anew", 50)


def test_who_administers_sees_the_rules_but_no_button_that_the_api_would_refuse(
    visits: Visits, service: Running
) -> None:
    batch_id = new_batch(service)
    path = f"/console/batches/{batch_id}/rules"
    html = visits(ADMIN).get(path).text
    assert 'value="save"' not in html
    assert '<fieldset class="stackv" disabled>' in html


@pytest.mark.parametrize(("person", "status"), [(RAVI, 403), (ASHA, 403), (ADMIN, 200), (VIKRAM, 200)])
@pytest.mark.parametrize("page", ["", "/rules"])
def test_k07_a_batch_is_seen_by_who_manages_it(
    visits: Visits, service: Running, person: Person, status: int, page: str
) -> None:
    batch_id = new_batch(service)
    assert visits(person).get(f"/console/batches/{batch_id}{page}").status_code == status
    assert visits(person).get(f"/console/batches/0{page}").status_code in (404, 403)


def test_a_new_batch_is_made_once_however_often_its_form_is_sent(visits: Visits, service: Running) -> None:
    visitor = visits(VIKRAM)
    form = {
        **visitor.hidden("/console/batches/new", "create"),
        "courseId": COURSE,
        "name": "Made in the console",
        "startDate": service.clock.today().isoformat(),
        "enrollmentType": "open",
        "createdFor": HOME_ORG,
    }
    answers = [visitor.post("/console/batches/new", form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert len({answer.headers["location"] for answer in answers}) == 1
    assert "Made in the console" in visitor.get(answers[0].headers["location"]).text


def test_a_new_batch_with_a_wrong_field_keeps_what_was_typed(visits: Visits, service: Running) -> None:
    form = {"courseId": COURSE, "name": "Too early", "startDate": "2020-01-01", "enrollmentType": "open"}
    answer = visits(VIKRAM).send("/console/batches/new", "create", form)
    assert answer.status_code == 400
    assert 'id="startDate-error"' in answer.text
    assert 'value="Too early"' in answer.text


def test_k79_a_change_leaves_a_line_in_the_audit_trail(visits: Visits, service: Running) -> None:
    batch_id = new_batch(service)
    answer = visits(VIKRAM).send(f"/console/batches/{batch_id}/rules", "save", {"name": "July"})
    assert answer.status_code == 303
    (row,) = service.sql(
        "SELECT * FROM audit WHERE what = 'batch.update' AND request_id = $1", answer.headers["x-request-id"]
    )
    assert (row["who"], row["outcome"], row["about"]) == (VIKRAM.user_id, "done", batch_id)


@pytest.mark.parametrize(("days", "learners"), [(30, 0), (44, 2), (16, 2)])
def test_another_last_day_says_how_many_have_not_completed(
    visits: Visits, service: Running, days: int, learners: int
) -> None:
    batch_id = new_batch(service, days=30)
    for _ in range(2):
        enrolled(service, batch_id)
    last_day = service.clock.today() + timedelta(days=days)
    vikram, path = visits(VIKRAM), f"/console/batches/{batch_id}/rules"
    html = vikram.post(path, {**vikram.hidden(path, "save"), "do": "check", "endDate": last_day.isoformat()}).text
    assert (f"{learners}</span><p>have not completed the course" in html) == bool(learners)
    assert ("learners notice anything" in html) == (not learners)


def test_k39_who_gains_by_another_rule_is_named_and_gets_it_after_saving(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach(name="Merit", criteria=MERIT).status_code == 200
    people = {percent: known_learner(service, f"With {percent}") for percent in (55, 62, 71, 90)}
    for percent, person in people.items():
        cohort.enrol(person, percent=percent)
    assert cohort.ask(people[90]).status_code == 200
    cohort.work()
    held = {row["user_id"] for row in cohort.certificates()}
    visitor, address = visits(VIKRAM), f"/console/batches/{cohort.batch_id}/rules"

    def named(page: httpx.Response) -> set[str]:
        return set(re.findall(rf"{cohort.batch_id}/learners/([^\"]+)\"", page.text)) & {
            person.user_id for person in people.values()
        }

    page = visitor.send(address, "save-rule", {"do": "check-rule", "percent": "60"})
    assert page.status_code == 200
    assert "would get one at once" in text(page)
    gaining = named(page)
    assert gaining == {people[62].user_id}
    assert "nothing saved" in text(page)
    harder = visitor.send(address, "save-rule", {"do": "check-rule", "percent": "80", "attempts": "3"})
    assert named(harder) == {people[71].user_id}
    assert "would get none" in text(harder)
    for typed in ({"percent": "101"}, {"percent": "many"}, {"percent": "60", "attempts": "-1"}):
        refused = visitor.send(address, "save-rule", typed)
        assert refused.status_code == 422
        assert "<title>Error:" in refused.text
    done = visitor.send(address, "save-rule", {"percent": "60"})
    assert done.status_code == 303
    cohort.work()
    after = {row["user_id"] for row in cohort.certificates()}
    assert after - held - {people[71].user_id} == gaining
    assert "score 60 % or more" in text(visitor.get(address))
    # One assessment by name, and only people of an organisation.
    page = visitor.send(address, "save-rule", {"percent": "50", "which": QUIZ, "organisation": "nobody's"})
    assert page.status_code == 303
    page = visitor.get(address)
    assert "score 50 % or more in" in text(page)
    assert "belong to the organisation that is asked for" in text(page)
    assert f'<option value="{QUIZ}" selected>' in page.text
    checked = visitor.send(address, "save-rule", {"do": "check-rule", "percent": "50", "which": QUIZ})
    assert named(checked) == {people[55].user_id}  # the others hold theirs already


@pytest.mark.parametrize(
    ("criteria", "form"),
    [
        ({}, RuleForm(None, None)),
        ({"assessment": {"score": {">=": 70}}}, RuleForm(70, None)),
        ({"assessments": {"attempts": {"<=": 3}}}, RuleForm(None, 3)),
        ({"assessments": {"score": {">=": 50}, "attempts": {"<=": 1}}}, RuleForm(50, 1)),
        ({"assessments": {"score": {">=": 70}, "mode": "all"}}, RuleForm(70, None, "all")),
        ({"assessments": {"score": {">=": 0}, "mode": "average"}}, RuleForm(0, None, "average")),
        ({"assessments": {"contents": {"do_1": {">=": 70}}}}, RuleForm(70, None, "do_1")),
        ({"assessments": {"contents": {"do_1": {">=": 70}}, "attempts": {"<=": 2}}}, RuleForm(70, 2, "do_1")),
        ({"user": {"rootOrgId": "0126"}}, RuleForm(None, None, organisation_id="0126")),
    ],
)
def test_a_rule_that_the_form_knows_is_read_and_written_the_same(criteria: dict[str, Any], form: RuleForm) -> None:
    for status in (2, "2"):
        read = read_criteria({"enrollment": {"status": status}, **criteria})
        assert form_of(read) == form
        assert read_criteria(criteria_of(form)) == read


@pytest.mark.parametrize(
    "criteria",
    [
        {},
        {"enrollment": {"status": 1}},
        {"enrollment": {"status": 2}, "assessment": {"score": {"<=": 70}}},
        {"enrollment": {"status": 2}, "assessment": {"score": {">=": 70.5}}},
        {"enrollment": {"status": 2}, "assessments": {"contents": {"do_1": {">=": 70}, "do_2": {">=": 70}}}},
        {"enrollment": {"status": 2}, "assessments": {"score": {">=": 70}, "contents": {"do_1": {">=": 70}}}},
        {"enrollment": {"status": 2}, "assessments": {"contents": {"do_1": {"<=": 70}}}},
        {"enrollment": {"status": 2}, "assessment": {"score": {">=": 70}}, "assessments": {"attempts": {"<=": 3}}},
        {"enrollment": {"status": 2}, "user": {"rootOrgId": "1", "userType": "teacher"}},
    ],
)
def test_a_rule_that_the_form_does_not_know_is_left_alone(criteria: dict[str, Any]) -> None:
    assert form_of(read_criteria(criteria)) is None


def test_changes_so_far_say_who_changed_what_and_when(cohort: Cohort, service: Running, visits: Visits) -> None:
    visitor, address = visits(VIKRAM), f"/console/batches/{cohort.batch_id}/rules"
    assert "Changes so far" not in text(visitor.get(address))
    last = service.sql("SELECT end_date FROM batch WHERE batch_id = $1", cohort.batch_id)[0]["end_date"]
    later = last + timedelta(days=14)
    assert visitor.send(address, "save", {"endDate": later.isoformat(), "capacity": "40"}).status_code == 303
    assert visitor.send(address, "save", {"mentors": MEERA.user_id}).status_code == 303
    assert visitor.send(address, "save", {}).status_code == 303  # nothing is changed, so nothing is noted
    assert cohort.attach(name="Merit", criteria=MERIT).status_code == 200
    page = text(visitor.get(address)).partition("Changes so far")[2]
    places = [page.index(words) for words in ("Rule of a certificate", "Mentors", f"Last day: {last} → {later}")]
    assert places == sorted(places)
    assert "Seats: – → 40" in page
    assert page.count("by Vikram") == 3
    assert MEERA.user_id not in page
