"""From a learner's last content to certificates: over HTTP alone, two templates with different criteria."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from uuid import uuid4

import pytest

from sandbox import importing
from tests.certificate.cohort import MERIT, Cohort
from tests.credential import verifier
from tests.learning import complete, enrol, item, new_batch, report
from tests.people import ASHA, HOME_ORG, KAVYA, VIKRAM, Person
from tests.running import Running
from tests.seeds import COURSE, QUIZ, REQUIRED, answer

COMPLETION_ID, MERIT_ID = "do_21400000000000900", "do_21400000000000901"
ADD = "/api/course/batch/cert/v1/template/add"


@pytest.fixture
def cohort(service: Running, nothing_due: None) -> Cohort:
    """A running batch with the two bundled templates, attached through the gateway's path."""

    async def templates() -> None:
        async with service.services.pool.acquire() as conn:
            for file in ("completion", "merit"):
                with resources.as_file(resources.files("sandbox").joinpath(f"data/templates/{file}.json")) as path:
                    await importing.template(conn, Path(path))

    service.run(templates())
    cohort = Cohort(service, new_batch(service))
    for template_id, criteria in ((COMPLETION_ID, {"enrollment": {"status": 2}}), (MERIT_ID, MERIT)):
        request = {"batch": cohort.request(template={"identifier": template_id, "criteria": criteria})}
        assert service.call("PATCH", ADD, VIKRAM, request).json()["result"] == {"response": "SUCCESS"}
    return cohort


def attempt(cohort: Cohort, person: Person, right: int) -> None:
    """An attempt at the quiz with so many of four answers right."""
    assessment = {
        "courseId": COURSE,
        "batchId": cohort.batch_id,
        "contentId": QUIZ,
        "userId": person.user_id,
        "attemptId": str(uuid4()),
        "assessmentTs": cohort.service.clock.now_ms(),
        "events": [answer(number, float(number < right)) for number in range(4)],
    }
    assert report(cohort.service, person, assessments=[assessment]).status_code == 200


def names(cohort: Cohort, person: Person) -> set[str]:
    """The certificates that the learner's list of courses shows."""
    path = f"/v1/user/courses/list/{person.user_id}"
    listed = cohort.service.call("GET", path, person).json()["result"]["courses"]
    (mine,) = [course for course in listed if course["batchId"] == cohort.batch_id]
    return {entry["name"] for entry in mine["issuedCertificates"]}


def test_each_learner_gets_what_was_earned_and_it_verifies(cohort: Cohort) -> None:
    for person, right in ((ASHA, 4), (KAVYA, 1)):
        enrol(cohort.service, person, cohort.batch_id)
        attempt(cohort, person, right)
        complete(cohort.service, person, cohort.batch_id, *REQUIRED)
    cohort.work()
    assert names(cohort, ASHA) == {"Certificate of completion", "Certificate of merit"}
    assert names(cohort, KAVYA) == {"Certificate of completion"}
    did = cohort.service.call("GET", "/.well-known/did.json").json()
    jwks = cohort.service.call("GET", "/.well-known/jwks.json").json()
    for entry in cohort.entries(ASHA):
        url = f"/certs/{entry['identifier']}"
        assert verifier.proof_holds(cohort.service.call("GET", f"{url}.json").content, did)
        assert verifier.jwt_holds(cohort.service.call("GET", f"{url}.jwt").text, jwks)
        assert cohort.service.call("GET", url, headers={"Accept": "application/json"}).json()["valid"]


def test_a_better_score_after_completion_earns_the_second_one(cohort: Cohort) -> None:
    enrol(cohort.service, KAVYA, cohort.batch_id)
    attempt(cohort, KAVYA, 2)
    complete(cohort.service, KAVYA, cohort.batch_id, *REQUIRED)
    cohort.work()
    assert names(cohort, KAVYA) == {"Certificate of completion"}
    cohort.service.clock.move(minutes=1)
    attempt(cohort, KAVYA, 3)
    cohort.work()
    assert names(cohort, KAVYA) == {"Certificate of completion", "Certificate of merit"}


def test_the_templates_own_picture_is_filled(cohort: Cohort) -> None:
    enrol(cohort.service, ASHA, cohort.batch_id)
    complete(cohort.service, ASHA, cohort.batch_id, *REQUIRED, item(cohort.batch_id)["contentId"])
    cohort.work()
    (entry,) = cohort.entries(ASHA)
    picture = cohort.service.call("GET", f"/certs/{entry['identifier']}.svg")
    assert 'aria-label="Asha K"' in picture.text
    assert "This certificate is awarded to" in picture.text
    assert "{{" not in picture.text
    assert "${" not in picture.text
    assert "sandbox" in picture.headers["content-security-policy"]
    assert HOME_ORG not in picture.text
