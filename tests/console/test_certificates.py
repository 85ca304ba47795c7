"""Certificates of a batch over HTTP: given in three fields, counted, tried again, revoked, issued anew."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta
from html import unescape

import pytest

from lernbatch.certificate.sample import typical
from tests.certificate.cohort import Cohort
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import REQUIRED

FIRST = {"title": "Certificate of merit", "signatory": "Meera Nair", "designation": "Director", "percent": ""}


def completed(service: Running, cohort: Cohort, name: str = "Asha") -> Person:
    asha = known_learner(service, name)
    assert enrol(service, asha, cohort.batch_id).status_code == 200
    complete(service, asha, cohort.batch_id, *REQUIRED)
    return asha


def address(cohort: Cohort) -> str:
    return f"/console/batches/{cohort.batch_id}/certificates"


def test_k49_without_a_template_three_fields_give_a_valid_certificate(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    completed(service, cohort)
    visitor = visits(VIKRAM)
    assert "Completion alone gives no certificate here" in text(visitor.get(address(cohort)))
    answer = visitor.send(address(cohort), "attach", FIRST)
    assert "done=attached&count=1" in answer.headers["location"]
    cohort.work()
    (certificate,) = cohort.certificates()
    assert certificate["name"] == "Certificate of merit"
    assert "This certificate is valid." in visitor.get(f"/certs/{certificate['certificate_id']}").text
    page = text(visitor.get(address(cohort)))
    assert "Certificate of merit for learners who complete the course" in page
    assert "valid" in page


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"title": " "}, "title"),
        ({"signatory": ""}, "signatory"),
        ({"percent": "101"}, "percent"),
        ({"percent": "x"}, "percent"),
    ],
)
def test_k40_a_wrong_field_is_named_and_nothing_is_attached(
    cohort: Cohort, visits: Visits, changed: dict[str, str], field: str
) -> None:
    answer = visits(VIKRAM).send(address(cohort), "attach", {**FIRST, **changed})
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert "<title>Error:" in answer.text
    assert "Completion alone" in text(answer)


def test_k46_the_template_is_drawn_with_the_longest_name_and_one_of_each_script(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    names = ("Lalrinzuala Pachuau", "Asha", "கவிதா", "فرحانہ", "ရှင်မင်း")
    people = [known_learner(service, name) for name in names]
    ids = [person.user_id for person in people]
    service.sql("UPDATE sandbox_person SET last_name = '' WHERE user_id = ANY ($1)", ids)
    for person in people:
        assert enrol(service, person, cohort.batch_id).status_code == 200
    visitor = visits(VIKRAM)
    before = visitor.send(address(cohort), "attach", {**FIRST, "do": "look"})
    assert visitor.get(address(cohort)).text.count("<figure>") == 0  # nothing is attached by looking
    assert cohort.attach().status_code == 200
    after = visitor.send(address(cohort), "look", {"template": "default"})
    for page in (before, after):
        assert page.status_code == 200, text(page)
        shown = re.findall(r'<img src="data:image/svg\+xml;base64,[^"]+" alt="The certificate of ([^"]+)"', page.text)
        assert sorted(shown) == sorted({*names} - {"Asha"})
        assert "no font of the certificate draws: ရ" in text(page)


def test_typical_names_are_the_longest_and_one_of_each_script() -> None:
    names = ["Asha", "Lalrinzuala", "कविता", "कविता Yadav-Srinivasan", "செந்தில்", "", "…"]
    assert typical(names) == ["कविता Yadav-Srinivasan", "செந்தில்"]
    assert typical([]) == []


def test_k44_what_became_of_those_who_completed_adds_up(cohort: Cohort, service: Running, visits: Visits) -> None:
    assert cohort.attach(criteria={"enrollment": {"status": 2}}).status_code == 200
    people = [completed(service, cohort) for _ in range(3)]
    cohort.work()
    waiting = completed(service, cohort)
    counts = {
        kind: int(count)
        for count, kind in re.findall(r"<b>(\d+)</b><span>([a-z ]+)", visits(VIKRAM).get(address(cohort)).text)
    }
    assert sum(counts.values()) == len([*people, waiting])
    assert (counts["issued"], counts["being issued"]) == (3, 1)


def test_k16_k45_what_failed_is_named_with_its_reason_and_tried_again(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach().status_code == 200
    asha = completed(service, cohort)
    service.sql(
        "UPDATE certificate_due SET parked = true, error = 'The user service knows no name of this learner.'"
        " WHERE user_id = $1",
        asha.user_id,
    )
    visitor, overview = visits(VIKRAM), f"/console/batches/{cohort.batch_id}"
    page = text(visitor.get(address(cohort)))
    assert "The user service knows no name of this learner." in page
    assert "given up" in page
    assert "could not be issued 1: The user service knows no name of this learner." in text(visitor.get(overview))
    assert "done=retried&count=1" in visitor.send(address(cohort), "retry", {}).headers["location"]
    cohort.work()
    assert len(cohort.certificates(asha)) == 1
    assert "Failed, and why" not in text(visitor.get(address(cohort)))
    assert "could not be issued" not in text(visitor.get(overview))


def test_k47_revoking_needs_a_reason_and_the_public_page_says_so_at_once(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach().status_code == 200
    asha = completed(service, cohort)
    cohort.work()
    (certificate,) = cohort.certificates(asha)
    visitor, one = visits(VIKRAM), f"{address(cohort)}/{certificate['certificate_id']}"
    assert one in visitor.get(address(cohort)).text
    refused = visitor.send(one, "change", {"status": "revoked", "reason": " ", "code": ""})
    assert refused.status_code == 422
    assert '<a href="#reason">' in refused.text
    # What the public reads is never left empty by accident.
    refused = visitor.send(one, "change", {"status": "revoked", "reason": "Wrong person.", "code": ""})
    assert refused.status_code == 422
    assert '<a href="#code">' in refused.text
    assert ("Wrong person." in refused.text, "Change what it is worth" in text(refused)) == (True, True)
    done = visitor.send(one, "change", {"status": "revoked", "reason": "Wrong person.", "code": "issued-in-error"})
    assert done.status_code == 303
    assert "revoked" in visitor.get(f"/certs/{certificate['certificate_id']}").text
    page = text(visitor.get(one))
    assert "Wrong person." in page
    assert "Change what it is worth" not in page
    assert "done=again" in visitor.send(one, "again", {}).headers["location"]
    cohort.work()
    assert [row["status"] for row in cohort.certificates(asha)] == ["revoked", "active"]


def test_a_long_list_is_turned_page_by_page(cohort: Cohort, service: Running, visits: Visits) -> None:
    service.sql(
        """INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status,
                                    status_index, credential, template, decision, earned_at, issued_at, changed_at)
           SELECT 'u' || n, $1::text, 't', 1, $1::text || '-' || n, 'c', 'Merit', 'active',
                  (SELECT coalesce(max(status_index), 0) FROM certificate) + n,
                  '{"credentialSubject": {"identifier": []}}', '{}', '{}', now(), now() - n * interval '1 minute', now()
             FROM generate_series(1, 70) AS n""",
        cohort.batch_id,
    )
    assert cohort.attach().status_code == 200
    visitor = visits(VIKRAM)
    first = visitor.get(address(cohort)).text
    following = re.search(r'href="([^"]+after=[^"]+)"', first)
    assert following is not None
    second = visitor.get(following[1]).text
    ids = [re.findall(rf"/certificates/{cohort.batch_id}-(\d+)", page) for page in (first, second)]
    assert [int(n) for page in ids for n in page] == list(range(1, 71))


def test_issued_certificates_are_found_by_name_id_and_number(cohort: Cohort, service: Running, visits: Visits) -> None:
    assert cohort.attach().status_code == 200
    people = [completed(service, cohort, name) for name in ("Lalrinzuala Pachuau", "கவிதா குமரன்")]
    cohort.work()
    certificates = [cohort.certificates(person)[0]["certificate_id"] for person in people]
    visitor = visits(VIKRAM)
    for typed, number in (
        ("pach", certificates[0]),
        ("கும", certificates[1]),
        (people[0].user_id, certificates[0]),
        (certificates[1].upper(), certificates[1]),
    ):
        page = visitor.send(address(cohort), "find", {"learner": typed})
        assert re.findall(r'<a href="/certs/([^"]+)"', page.text) == [number], typed
    assert "No certificate of that name" in text(visitor.send(address(cohort), "find", {"learner": "Asha"}))
    refused = visitor.send(address(cohort), "find", {"learner": "x"})
    assert (refused.status_code, '<a href="#learner">' in refused.text) == (422, True)


def test_k48_the_zip_holds_the_valid_ones_of_the_days_that_are_shown(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    assert cohort.attach().status_code == 200
    people = [completed(service, cohort, name) for name in ("Asha", "கவிதா குமரன்", "Kavya", "Mohan")]
    cohort.work()
    ids = [cohort.certificates(person)[0]["certificate_id"] for person in people]
    service.sql("UPDATE certificate SET status = 'revoked' WHERE certificate_id = $1", ids[2])
    service.sql("UPDATE certificate SET issued_at = issued_at - interval '9 days' WHERE certificate_id = $1", ids[3])
    visitor, yesterday = visits(VIKRAM), service.clock.today() - timedelta(days=1)
    page = visitor.get(f"{address(cohort)}?from={yesterday}&to=")
    assert set(re.findall(r'<a href="/certs/([^"]+)"', page.text)) == set(ids[:3])
    link = re.search(r'href="([^"]+/list.zip[^"]*)"', page.text)
    assert link is not None
    answer = visitor.get(unescape(link[1]))
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        files = {name.rpartition(".")[0][-len(ids[0]) :]: archive.read(name)[:5] for name in archive.namelist()}
    assert files == dict.fromkeys(ids[:2], b"%PDF-")
    assert "None yet" in text(visitor.get(f"{address(cohort)}?to=2020-01-01"))
    assert visitor.get(f"{address(cohort)}?from=x").status_code == 400
    assert visits(RAVI).get(f"{address(cohort)}/list.zip").status_code == 403


def test_certificates_of_another_batch_are_not_found(cohort: Cohort, service: Running, visits: Visits) -> None:
    assert cohort.attach().status_code == 200
    asha = completed(service, cohort)
    cohort.work()
    (certificate,) = cohort.certificates(asha)
    other = f"/console/batches/{new_batch(service)}/certificates/{certificate['certificate_id']}"
    assert visits(VIKRAM).get(other).status_code == 404
    assert visits(RAVI).get(address(cohort)).status_code == 403


def test_k19_a_rule_that_can_never_be_met_is_flagged_in_list_overview_and_rules(
    cohort: Cohort, service: Running, visits: Visits
) -> None:
    criteria = {"enrollment": {"status": 2}, "assessments": {"contents": {"do_elsewhere": {">=": 50}}}}
    assert cohort.attach(name="Merit", criteria=criteria).status_code == 200
    completed(service, cohort)
    name = f"Never {cohort.batch_id}"
    service.sql("UPDATE batch SET name = $2 WHERE batch_id = $1", cohort.batch_id, name)
    visitor, batch = visits(VIKRAM), f"/console/batches/{cohort.batch_id}"
    assert "rule can never be met" in text(visitor.get(f"/console/batches?view=all&words={cohort.batch_id}"))
    for page in (batch, f"{batch}/rules"):
        assert "can never be met" in text(visitor.get(page))
        assert "No learner can do what it asks for" in text(visitor.get(page))
    assert cohort.attach(name="Merit").status_code == 200
    for page in (batch, f"{batch}/rules"):
        assert "can never be met" not in text(visitor.get(page))
