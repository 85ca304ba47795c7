"""A learner's pages over HTTP: joining, what is missing, leaving, the certificate; no script anywhere."""

from __future__ import annotations

import gzip
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from lernbatch.template.wire import read_template
from lernbatch.wording import awards
from lernbatch.wording.words import Words
from tests.certificate.cohort import MERIT, Cohort, template
from tests.console.browsing import Visitor
from tests.console.conftest import Visits
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import OTHER_ORG
from tests.running import Running
from tests.seeds import QUIZ, REQUIRED, VIDEO

ENGLISH = Words("en", datetime(2026, 6, 15, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
LEARNERS_PAGE_BYTES = 15 * 1024


def text(answer: httpx.Response) -> str:
    """What a page says, without its marks."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def test_k65_the_public_page_shows_its_button_to_nobody_and_to_somebody(service: Running, visits: Visits) -> None:
    batch_id, asha = new_batch(service, capacity=2), known_learner(service)
    address = f"/console/b/{batch_id}"
    anonymous = visits().get(address)
    assert "Sign in to join" in text(anonymous)
    assert "2 of 2 are free" in text(anonymous)
    assert anonymous.headers["cache-control"] == "public, max-age=30"
    assert visits().get(f"/b/{batch_id}").headers["location"] == address
    visitor = visits(asha)
    assert "Join" in text(visitor.get(address))
    assert visitor.get(address).headers["cache-control"] == "no-store"
    assert visitor.send(address, "join", {}).headers["location"] == f"/console/my/{batch_id}?joined=1"
    assert "You are in: go on" in text(visitor.get(address))
    assert "1 of 2 are free" in text(visits().get(address))
    invited = new_batch(service, enrollmentType="invite-only")
    page = visitor.get(f"/console/b/{invited}")
    assert "By invitation" in text(page)
    assert page.headers["x-robots-tag"] == "noindex"
    assert visits().get("/console/b/nowhere").status_code == 404


def test_k66_a_double_press_joins_once_and_the_back_key_repeats_nothing(service: Running, visits: Visits) -> None:
    batch_id, asha = new_batch(service), known_learner(service)
    visitor, address = visits(asha), f"/console/b/{batch_id}"
    form = visitor.hidden(address, "join")
    answers = [visitor.post(address, form) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [303, 303, 303]
    rows = service.sql("SELECT active FROM enrolment WHERE user_id = $1 AND batch_id = $2", asha.user_id, batch_id)
    assert [row["active"] for row in rows] == [True]
    visitor.send(f"/console/my/{batch_id}", "leave", {})
    assert "You have left the batch" in text(visitor.get(f"/console/b/{batch_id}?left=1"))


def test_joining_is_refused_with_the_reason_on_the_page(service: Running, visits: Visits) -> None:
    batch_id, asha = new_batch(service, capacity=1), known_learner(service)
    visitor, address = visits(asha), f"/console/b/{batch_id}"
    form = visitor.hidden(address, "join")
    assert enrol(service, known_learner(service), batch_id).status_code == 200
    answer = visitor.post(address, form)
    assert answer.status_code == 400
    assert "No seat is left in this batch." in text(answer)
    assert "All seats are taken" in text(answer)
    for _ in range(5):
        answer = visitor.post(address, form)
    assert answer.status_code == 429


@pytest.mark.parametrize("path", ["/console/my", "/console/my/certificates"])
def test_k61_k62_pages_of_a_learner_are_small_and_have_no_script(service: Running, visits: Visits, path: str) -> None:
    asha = known_learner(service)
    for _ in range(6):
        assert enrol(service, asha, new_batch(service)).status_code == 200
    answer = visits(asha).get(path)
    assert answer.status_code == 200
    assert "<script" not in answer.text
    sheet = re.search(r'rel="stylesheet" href="([^"]+)"', answer.text)
    assert sheet is not None
    compressed = [gzip.compress(visits().get(sheet[1]).content), gzip.compress(answer.content)]
    assert sum(map(len, compressed)) <= LEARNERS_PAGE_BYTES


def test_home_says_how_far_each_course_is_and_what_comes_next(service: Running, visits: Visits) -> None:
    asha = known_learner(service)
    batch_id = new_batch(service, name="June cohort")
    assert enrol(service, asha, batch_id).status_code == 200
    visitor = visits(asha)
    assert "Begin with" in text(visitor.get("/console/my"))
    assert complete(service, asha, batch_id, VIDEO).status_code == 200
    page = text(visitor.get("/console/my"))
    assert f"1 of {len(REQUIRED)} done" in page
    assert "Next:" in page
    assert "30 days left" in page
    complete(service, asha, batch_id, *REQUIRED)
    assert "You have completed the course." in text(visitor.get("/console/my"))
    service.clock.move(days=40)
    page = text(visits(asha).get("/console/my"))
    assert "1 course that has ended" in page


def test_an_open_batch_of_ones_organisation_is_offered_and_a_foreign_one_is_not(
    service: Running, visits: Visits
) -> None:
    name, asha = f"Offered {new_batch(service)}", known_learner(service)
    new_batch(service, name=name)
    assert name in text(visits(asha).get("/console/my"))
    assert name not in text(visits(known_learner(service, org_id=OTHER_ORG)).get("/console/my"))


def test_k28_the_sentence_says_what_is_missing_as_explain_does(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    asha = known_learner(service)
    assert enrol(service, asha, cohort.batch_id).status_code == 200
    visitor, address = visits(asha), f"/console/my/{cohort.batch_id}"
    assert "No certificate yet: 4 parts are missing." in text(visitor.get(address))
    complete(service, asha, cohort.batch_id, *REQUIRED)
    assert "has no score yet, it needs 70\N{NO-BREAK SPACE}% or more" in visitor.get(address).text
    cohort.put(asha.user_id, 2, {QUIZ: [6.2, 10, 1]})
    page = text(visitor.get(address))
    assert "stands at 62\N{NO-BREAK SPACE}%" in visitor.get(address).text
    assert "Not met:" in page
    explained = service.call(
        "GET", f"/v1/course/enrollment/explain?batchId={cohort.batch_id}&userId={asha.user_id}", asha
    ).json()["result"]
    assert explained["certificates"]["templates"][0]["decision"]["because"] == "below 70 %"


def test_k50_a_certificate_is_on_the_page_when_it_is_issued(cohort: Cohort, service: Running, visits: Visits) -> None:
    assert cohort.attach(name="Certificate of completion").status_code == 200
    asha = known_learner(service)
    assert enrol(service, asha, cohort.batch_id).status_code == 200
    complete(service, asha, cohort.batch_id, *REQUIRED)
    cohort.work()
    (certificate,) = cohort.certificates(asha)
    visitor = visits(asha)
    for path in ("/console/my", f"/console/my/{cohort.batch_id}", "/console/my/certificates"):
        assert f"/certs/{certificate['certificate_id']}" in visitor.get(path).text, path
    assert "You have your certificate." in text(visitor.get(f"/console/my/{cohort.batch_id}"))
    service.sql("UPDATE certificate SET status = 'revoked' WHERE certificate_id = $1", certificate["certificate_id"])
    page = visitor.get("/console/my/certificates").text
    assert "revoked" in page
    assert f"/certs/{certificate['certificate_id']}.pdf" not in page


def test_a_course_of_somebody_else_is_not_found(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service)
    assert visits(known_learner(service)).get(f"/console/my/{batch_id}").status_code == 404
    assert visits(known_learner(service)).get("/console/my/nowhere").status_code == 404


def test_who_has_completed_cannot_leave_and_has_no_button_for_it(service: Running, visits: Visits) -> None:
    asha, batch_id = known_learner(service), new_batch(service)
    assert enrol(service, asha, batch_id).status_code == 200
    visitor, address = visits(asha), f"/console/my/{batch_id}"
    form = visitor.hidden(address, "leave")
    complete(service, asha, batch_id, *REQUIRED)
    assert "Leave this batch" not in text(visitor.get(address))
    answer = visitor.post(address, form)
    assert answer.status_code == 400
    assert "The batch has ended" in text(answer)


@pytest.mark.parametrize(
    ("criteria", "expected"),
    [
        ({"enrollment": {"status": 2}}, ["complete the course"]),
        ({"enrollment": {"status": 1}}, ["begin the course"]),
        (MERIT, ["complete the course", "score 70\N{NO-BREAK SPACE}% or more in an assessment"]),
        ({"assessment": {"score": {">": 50}}}, ["score more than 50\N{NO-BREAK SPACE}% in an assessment"]),
        ({"assessment": {"score": {"<=": 50}}}, ["score at most 50\N{NO-BREAK SPACE}% in an assessment"]),
        ({"assessment": {"score": {"EQ": 100}}}, ["score exactly 100\N{NO-BREAK SPACE}% in an assessment"]),
        ({"user": {"rootOrgId": "0126"}}, ["belong to the organisation that is asked for"]),
        ({}, ["are in the batch"]),
    ],
)
def test_k42_a_rule_is_a_sentence(criteria: dict[str, object], expected: list[str]) -> None:
    assert awards.rule(read_template("t", template(criteria=criteria)), None, ENGLISH) == expected


def test_k50_in_the_demo_a_learner_earns_a_certificate_in_the_browser_alone(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    asha = known_learner(service)
    visitor, batch_id = visits(asha), cohort.batch_id
    assert visitor.get(f"/console/my/{batch_id}/course").status_code == 404
    visitor.send(f"/console/b/{batch_id}", "join", {})
    mine, course = f"/console/my/{batch_id}", f"/console/my/{batch_id}/course"
    assert f'href="{course}"' in visitor.get(mine).text
    while "finish" in (page := visitor.get(course).text):
        contents = Visitor.values(page, "content")
        open_ones = [content for content in contents if content != QUIZ]
        content = (open_ones or contents)[0]
        form = {**Visitor.fields(page, "finish"), "content": content, **({"right": "4"} if content == QUIZ else {})}
        assert [visitor.post(course, form).status_code for _ in range(2)] == [303, 303]
        if content == QUIZ:
            break
    cohort.work()
    earned = visitor.get(mine)
    assert "Certificate of merit" in text(earned)
    (certificate,) = cohort.certificates(asha)
    assert f'/certs/{certificate["certificate_id"]}"' in earned.text
    attempts = service.sql("SELECT score FROM attempt WHERE user_id = $1 AND batch_id = $2", asha.user_id, batch_id)
    assert [row["score"] for row in attempts] == [4.0]
    assert visitor.post(course, {**form, "content": "do_nothing"}).status_code == 404
