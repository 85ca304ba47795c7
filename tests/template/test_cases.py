"""The numbered cases of the contract's certificate routes: A adds a template, R removes one, I issues (batches §4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.batch.lame import Lame
from tests.certificate.cohort import SIGNATORIES, Cohort, new_cohort, template
from tests.drawing.test_queue import held
from tests.drawing.test_renderer import LAYERS, uses
from tests.drawing.test_svg import document
from tests.people import ASHA, KAVYA, VIKRAM
from tests.running import Running, running, served
from tests.seeds import COURSE
from tests.sunbird.conftest import Script

ADD, REMOVE = "/v1/course/batch/cert/template/add", "/v1/course/batch/cert/template/remove"
ISSUE = "/v1/course/batch/cert/issue"
MISSING, TYPE, PROPERTY = "MANDATORY_PARAMETER_MISSING", "DATA_TYPE_ERROR", "INVALID_PROPERTY_ERROR"
WHOLE_SIGNATORY = [{"name": "N", "id": "N1", "designation": "Head", "image": "https://example.org/s.png"}]


def said(service: Running, path: str, request: Any, method: str = "PATCH") -> tuple[int, str | None, str | None]:
    answer = service.call(method, path, VIKRAM, request)
    params = answer.json()["params"]
    return answer.status_code, params["err"], params["errmsg"]


def missing(name: str) -> tuple[int, str, str]:
    return 400, MISSING, f"Mandatory parameter {name} is missing."


def wrong_type(name: str, expected: str) -> tuple[int, str, str]:
    return 400, TYPE, f"Data type of {name} should be {expected}."


def adding(cohort: Cohort, **changed: Any) -> tuple[int, str | None, str | None]:
    """What is said to a template with these changes; a value of Ellipsis leaves the key out."""
    fields = {key: value for key, value in template(**changed).items() if value is not ...}
    return said(cohort.service, ADD, {"batch": cohort.request(template=fields)})


def around(cohort: Cohort, path: str, **changed: Any) -> tuple[int, str | None, str | None]:
    """What is said when the template fits, but not what stands around it."""
    batch = cohort.request(**{"template": template(), **changed})
    return said(cohort.service, path, {"batch": {key: value for key, value in batch.items() if value is not ...}})


def evaluated(cohort: Cohort, **criteria: Any) -> tuple[int, str | None, str | None]:
    return adding(cohort, criteria=criteria)


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a01_r01_no_batch_is_named(cohort: Cohort, path: str) -> None:
    assert said(cohort.service, path, {}) == missing("batch")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a02_r02_the_course_is_blank(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, courseId=" ") == missing("courseId")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a03_r03_the_batch_id_is_blank(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, batchId=None) == missing("batchId")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a04_r04_there_is_no_template(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, template=...) == missing("template")


@pytest.mark.parametrize("path", [ADD, REMOVE])
@pytest.mark.parametrize("value", [None, "do_1", []])
def test_a05_r05_the_template_is_no_object(cohort: Cohort, path: str, value: Any) -> None:
    assert around(cohort, path, template=value) == wrong_type("template", "Map")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a06_r06_its_identifier_is_blank(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, template=template(" ")) == missing("identifier")


def test_a07_there_are_no_criteria(cohort: Cohort) -> None:
    assert adding(cohort, criteria=...) == missing("criteria")


def test_a08_criteria_are_no_object(cohort: Cohort) -> None:
    assert adding(cohort, criteria="completed") == wrong_type("criteria", "Map")


def test_a09_criteria_ask_for_nothing(cohort: Cohort) -> None:
    assert evaluated(cohort) == missing("Enrollment or Status")


def test_a10_enrolment_criteria_are_no_object(cohort: Cohort) -> None:
    assert evaluated(cohort, enrollment=2) == wrong_type("enrollment", "Map")


def test_a11_enrolment_criteria_lack_a_status(cohort: Cohort) -> None:
    assert evaluated(cohort, enrollment={}) == missing("status")


def test_a12_enrolment_criteria_have_more_than_a_status(cohort: Cohort) -> None:
    refusal = 400, PROPERTY, "Invalid property for Enrollment."
    assert evaluated(cohort, enrollment={"status": 2, "progress": 100}) == refusal


def test_a13_assessment_criteria_are_no_object(cohort: Cohort) -> None:
    assert evaluated(cohort, assessment=70) == wrong_type("assessment", "Map")


def test_a14_assessment_criteria_lack_a_score(cohort: Cohort) -> None:
    assert evaluated(cohort, assessment={}) == missing("score")


def test_a15_assessment_criteria_have_more_than_a_score(cohort: Cohort) -> None:
    refusal = 400, PROPERTY, "Invalid property for Assessment."
    assert evaluated(cohort, assessment={"score": {">=": 70}, "attempts": 1}) == refusal


def test_a16_the_score_is_no_object(cohort: Cohort) -> None:
    assert evaluated(cohort, assessment={"score": 70}) == wrong_type("score", "Map")


def test_a17_the_score_has_no_known_comparison(cohort: Cohort) -> None:
    assert evaluated(cohort, assessment={"score": {"~": 70}}) == (400, PROPERTY, "Invalid property for Score.")


def test_a18_user_criteria_are_no_object(cohort: Cohort) -> None:
    assert evaluated(cohort, enrollment={"status": 2}, user="org") == wrong_type("user", "Map")


def test_a19_user_criteria_lack_an_organisation(cohort: Cohort) -> None:
    assert evaluated(cohort, enrollment={"status": 2}, user={"state": "Kerala"}) == missing("rootOrgId")


def test_a20_the_issuer_is_no_object(cohort: Cohort) -> None:
    assert adding(cohort, issuer="Board") == wrong_type("issuer", "Map")


def test_a21_the_signatories_are_no_array(cohort: Cohort) -> None:
    assert adding(cohort, signatoryList={"name": "N"}) == wrong_type("signatoryList", "List")


@pytest.mark.parametrize("key", ["name", "id", "designation", "image"])
def test_a22_a_signatory_lacks_something(cohort: Cohort, key: str) -> None:
    signatory = {**WHOLE_SIGNATORY[0], key: " "}
    refusal = 400, "INVALID_DATA", "Signatory list missing attribute"
    assert adding(cohort, identifier="do_any", signatoryList=[signatory]) == refusal


def test_a23_additional_properties_are_no_object(cohort: Cohort) -> None:
    assert adding(cohort, additionalProps=["state"]) == wrong_type("additionalProps", "Map")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a24_r07_there_is_no_such_batch(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, batchId="0140") == (400, None, "No such batchId exists")


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a25_r08_the_batch_is_of_another_course(cohort: Cohort, path: str) -> None:
    assert around(cohort, path, courseId="do_2") == (400, None, "batchId is not linked with courseId")


def test_a26_no_service_knows_the_template(cohort: Cohort) -> None:
    refusal = 400, None, "Given cert template not found: do_nowhere"
    assert adding(cohort, identifier="do_nowhere", signatoryList=WHOLE_SIGNATORY) == refusal


class Far:
    """A batch of a service whose content and certificate services answer by a script."""

    def __init__(self, service: Running, script: Script) -> None:
        self.script = script
        self.cohort = Cohort(service, "0140000000000000001")
        service.sql(
            """INSERT INTO batch (batch_id, course_id, name, enrolment_type, created_by, start_date, status, created_at)
               VALUES ($1, $2, 'Far', 'open', $3, now(), 1, now())""",
            self.cohort.batch_id,
            COURSE,
            VIKRAM.user_id,
        )

    def add(self, *answers: Any, **changed: Any) -> tuple[int, str | None, str | None]:
        self.script.answer(*answers)
        return adding(self.cohort, **{"identifier": "do_9", "signatoryList": WHOLE_SIGNATORY, **changed})


def asset(**fields: Any) -> tuple[int, dict[str, Any]]:
    content = {"identifier": "do_9", "name": "Merit", "artifactUrl": "", "data": {"title": "Merit"}, **fields}
    return 200, {"responseCode": "OK", "result": {"content": content}}


@pytest.fixture(scope="module")
def far(module_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Far]:
    script = Script()
    with served(script) as url:
        settings: dict[str, Any] = {"content_url": url, "certificate_service_url": url, "upstream_attempts": 1}
        settings["certificate_drawing_seconds"] = 1
        home = tmp_path_factory.mktemp("far")
        with running(home, module_dsn, upstream_failures=1000, upstream_timeout_seconds=2, **settings) as service:
            yield Far(service, script)


def test_a27_the_templates_service_answers_nothing(far: Far) -> None:
    assert far.add((200, b"")) == (500, None, "Something went wrong while Processing Request")


def test_a28_the_templates_service_refuses_in_words_that_are_passed_on(far: Far) -> None:
    body = {"responseCode": "CLIENT_ERROR", "params": {"err": "ERR_ASSET", "errmsg": "not yours"}, "result": {}}
    status, _, text = far.add((400, body))
    assert (status, text) == (400, "not yours")


def test_a29_the_templates_service_cannot_be_read(far: Far) -> None:
    assert far.add((200, b"<html>")) == (500, None, "Exception while validating template with cert service")


@pytest.mark.parametrize("answer", [asset(identifier="do_other"), (200, {"responseCode": "OK", "result": {}})])
def test_a30_what_comes_back_is_no_such_template(far: Far, answer: Any) -> None:
    assert far.add(answer) == (400, None, "Invalid template Id: do_9")


def test_a31_issuer_and_signatories_are_complete_nowhere(far: Far) -> None:
    refusal = 400, None, "Issuer or signatoryList is empty. Invalid template Id: do_9"
    assert far.add(asset(), issuer=...) == refusal


@pytest.mark.parametrize(
    ("picture", "refusal"),
    [
        (b"<svg", "The SVG is broken: unclosed token: line 1, column 0."),
        (document("<text>{{#if a}}</text>"), "The SVG asks for {{#if a}}, which is neither a name nor dateFormat."),
        (uses(9, 10), "The SVG draws more than 20000 elements, those used again included."),
        (
            LAYERS,
            "The picture cannot be drawn: it takes more than 2 GB of memory, or breaks the program that draws it.",
        ),
    ],
)
def test_a_template_whose_picture_cannot_be_drawn_is_refused_with_the_reason(
    far: Far, picture: bytes, refusal: str
) -> None:
    drawn = asset(artifactUrl="/t.svg", issuer={"name": "Board", "url": "https://board.example"})
    assert far.add(drawn, (200, picture), issuer=...) == (400, "INVALID_DATA", refusal)
    assert far.cohort.service.sql("SELECT templates FROM batch WHERE batch_id = $1", far.cohort.batch_id) == [({},)]


def test_a_template_waits_for_its_turn_to_be_looked_at_as_pictures_do(far: Far) -> None:
    """Looking at one takes up to ten seconds: nobody's picture waits for all that one mentor attaches."""
    drawn = asset(artifactUrl="/t.svg", issuer={"name": "Board", "url": "https://board.example"})
    with held(far.cohort.service):
        assert far.add(drawn, (200, document("<text>a</text>")), issuer=...)[0] == 503
    assert far.cohort.service.sql("SELECT templates FROM batch WHERE batch_id = $1", far.cohort.batch_id) == [({},)]
    assert far.add(drawn, (200, document("<text>a</text>")), issuer=...)[0] == 200


def test_a32_whatever_json_can_say_of_a_template_can_be_written_down(cohort: Cohort) -> None:
    """The reference's refusal cannot happen here: a template that was read as JSON can be written as JSON."""
    odd = [{"name": 'Ø Ý \\ " 𝄞', "id": "N1", "designation": "शिक्षक", "image": "https://example.org/s.png"}]
    assert adding(cohort, signatoryList=odd)[0] == 200


@pytest.mark.parametrize("value", ["subject", [], 1])
def test_a33_the_mail_template_is_no_object(cohort: Cohort, value: Any) -> None:
    assert adding(cohort, notifyTemplate=value)[:2] == (500, "INTERNAL_ERROR")


@pytest.mark.parametrize(
    "changed", [{"previewUrl": 7}, {"mine": ["x"]}, {"additionalProps": {}}, {"notifyTemplate": {}}]
)
def test_a34_another_attribute_is_no_text(cohort: Cohort, changed: dict[str, Any]) -> None:
    assert adding(cohort, **changed) == (500, None, None)


@pytest.fixture(scope="module")
def held_up(new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lame]:
    """A service whose statements run into their timeout when a test locks a table."""
    dsn, home = new_dsn(), Path(tmp_path_factory.mktemp("held"))
    with running(home, dsn, statement_timeout_seconds=0.5) as service:
        yield Lame(service, set(), dsn)


@pytest.mark.parametrize("path", [ADD, REMOVE])
def test_a34_r14_the_database_fails(held_up: Lame, path: str) -> None:
    cohort = new_cohort(held_up.service)
    with held_up.database_locked("batch"):
        assert around(cohort, path)[0] == 500
    assert around(cohort, path)[0] == 200


@pytest.mark.parametrize("answer", [(404, {}), (200, b""), (400, {}), (200, b"<html>"), asset(identifier="do_other")])
def test_r09a_r10a_r11a_r12a_r13a_what_is_attached_is_detached_whatever_its_service_says(far: Far, answer: Any) -> None:
    far.cohort.service.sql(
        "UPDATE batch SET templates = jsonb_build_object('do_gone', '{}'::jsonb) WHERE batch_id = $1",
        far.cohort.batch_id,
    )
    far.script.answer(answer)
    request = {"batch": far.cohort.request(template={"identifier": "do_gone"})}
    assert far.cohort.service.call("PATCH", REMOVE, VIKRAM, request).json()["result"] == {"response": "SUCCESS"}
    assert far.script.requests == []


@pytest.mark.parametrize(
    ("answers", "refusal"),
    [
        ([(404, {}), (404, {})], (400, None, "Given cert template not found: do_gone")),
        ([(200, b"")], (500, None, "Something went wrong while Processing Request")),
        ([(200, b"<html>")], (500, None, "Exception while validating template with cert service")),
        ([asset(identifier="do_other")], (400, None, "Invalid template Id: do_gone")),
    ],
)
def test_r09b_r10b_r12b_r13b_what_was_never_attached_must_at_least_be_a_template(
    far: Far, answers: list[Any], refusal: Any
) -> None:
    far.script.answer(*answers)
    assert (
        said(far.cohort.service, REMOVE, {"batch": far.cohort.request(template={"identifier": "do_gone"})}) == refusal
    )


def test_r11b_the_refusal_of_the_templates_service_is_passed_on(far: Far) -> None:
    body = {"responseCode": "CLIENT_ERROR", "params": {"err": "ERR_ASSET", "errmsg": "not yours"}, "result": {}}
    far.script.answer((400, body))
    request = {"batch": far.cohort.request(template={"identifier": "do_gone"})}
    assert said(far.cohort.service, REMOVE, request)[::2] == (400, "not yours")


def test_detaching_a_known_template_that_is_not_attached_succeeds(far: Far) -> None:
    far.script.answer(asset())
    request = {"batch": far.cohort.request(template={"identifier": "do_9"})}
    assert far.cohort.service.call("PATCH", REMOVE, VIKRAM, request).json()["result"] == {"response": "SUCCESS"}


def issuing(cohort: Cohort, **changed: Any) -> tuple[int, str | None, str | None]:
    request = {key: value for key, value in cohort.request(**changed).items() if value is not ...}
    return said(cohort.service, ISSUE, request, "POST")


def test_i01_the_course_is_blank(cohort: Cohort) -> None:
    assert issuing(cohort, courseId=...) == missing("courseId/collectionId")
    assert issuing(cohort, courseId="", collectionId=COURSE) == missing("courseId/collectionId")


def test_i02_the_batch_id_is_blank(cohort: Cohort) -> None:
    assert issuing(cohort, batchId=" ") == missing("batchId")


def test_i03_user_ids_are_no_array(cohort: Cohort) -> None:
    assert issuing(cohort, userIds=ASHA.user_id)[:2] == (500, "INTERNAL_ERROR")


def test_i04_there_is_no_such_batch(cohort: Cohort) -> None:
    assert issuing(cohort, batchId="0140") == (400, None, "No such batchId exists")


def test_i05_the_batch_is_of_another_course(cohort: Cohort) -> None:
    assert issuing(cohort, courseId="do_2") == (400, None, "batchId is not linked with courseId")


def test_i06_the_batch_has_no_templates(cohort: Cohort) -> None:
    assert issuing(cohort) == (400, None, f"No certificate templates associated with {cohort.batch_id}")


def test_i07_i08_without_kafka_every_named_learner_is_judged_all_the_same(cohort: Cohort) -> None:
    for learner in (ASHA, KAVYA):
        cohort.enrol(learner)
    cohort.attach(signatoryList=SIGNATORIES)
    cohort.work()
    answer = cohort.service.call("POST", ISSUE, VIKRAM, cohort.request(userIds=[ASHA.user_id, KAVYA.user_id]))
    status = f"Certificates issue action for Course Batch Id {cohort.batch_id} submitted Successfully!"
    assert answer.json()["result"]["result"]["status"] == status
    assert len(cohort.due()) == 2
