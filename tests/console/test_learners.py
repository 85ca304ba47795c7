"""The learners of a batch, one of them, and the mentor's list, over HTTP."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from lernbatch.console.learners.view import step
from tests.certificate.cohort import MERIT, new_cohort
from tests.console.conftest import Visits
from tests.console.test_my import text
from tests.learning import complete, enrol, known_learner, new_batch
from tests.people import ASHA, MEERA, RAVI, VIKRAM, Person
from tests.running import Running
from tests.seeds import BOOK, REQUIRED, VIDEO


@pytest.fixture
def batch_id(service: Running) -> str:
    return new_batch(service, name="Helped cohort", mentors=[MEERA.user_id])


def joined(service: Running, batch_id: str, *content_ids: str, name: str = "Asha") -> Person:
    learner = known_learner(service, name)
    assert enrol(service, learner, batch_id).status_code == 200
    if content_ids:
        complete(service, learner, batch_id, *content_ids)
    return learner


def learners(batch_id: str) -> str:
    return f"/console/batches/{batch_id}/learners"


def test_k13_every_count_of_the_chips_is_the_count_of_its_list(service: Running, visits: Visits, batch_id: str) -> None:
    joined(service, batch_id)
    joined(service, batch_id, VIDEO)
    joined(service, batch_id, *REQUIRED)
    visitor = visits(MEERA)
    page = visitor.get(learners(batch_id)).text
    chips = re.findall(r'<a href="(\?[^"]*)"[^>]*>[^<]+<span class="n">(\d+)</span>', page)
    assert len(chips) == 11
    for link, count in chips:
        listed = visitor.get(learners(batch_id) + link).text
        assert listed.count('<th role="rowheader" scope="row"><a href') == int(count), link


def test_k10_k08_a_filter_is_in_the_address_and_says_how_many_it_leaves_out(
    service: Running, visits: Visits, batch_id: str
) -> None:
    started = joined(service, batch_id, VIDEO)
    for _ in range(2):
        joined(service, batch_id)
    address = f"{learners(batch_id)}?standings=never-started"
    page = text(visits(VIKRAM).get(address))
    assert "Never started" in page
    assert "1 are left out." in page
    assert started.user_id not in visits(VIKRAM).get(address).text
    assert visits(VIKRAM).get(address).text.count('scope="row"><a') == 2
    broken = visits(VIKRAM).get(f"{learners(batch_id)}?unit=many")
    assert "could not be read" in text(broken)
    assert started.user_id in broken.text


def test_k09_the_file_has_exactly_the_rows_of_the_list(service: Running, visits: Visits, batch_id: str) -> None:
    people = [joined(service, batch_id, VIDEO) for _ in range(3)]
    joined(service, batch_id)
    answer = visits(VIKRAM).get(f"{learners(batch_id)}/list.csv?reached=started")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:2] == ["Learner", "Percent"]
    assert {row[0] for row in rows[1:]} == {person.user_id for person in people}
    assert {row[1] for row in rows[1:]} == {"25"}


def test_k25_each_cell_says_its_value(service: Running, visits: Visits, batch_id: str) -> None:
    joined(service, batch_id, VIDEO, BOOK)
    page = visits(VIKRAM).get(learners(batch_id)).text
    assert re.findall(r'class="u"><span(?: class="a\d")?>([^<]+)</span>', page) == ["✓", "–"]
    assert [step(percent) for percent in (0, 1, 33, 34, 67, 99, 100)] == [0, 1, 1, 2, 3, 3, 4]


def test_pages_of_learners_are_for_who_runs_the_batch(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id)
    for path in (learners(batch_id), f"{learners(batch_id)}/list.csv", f"{learners(batch_id)}/{learner.user_id}"):
        assert visits(MEERA).get(path).status_code == 200
        assert visits(RAVI).get(path).status_code == 403
        assert visits(ASHA).get(path).status_code == 403
    assert visits(VIKRAM).get(f"{learners(batch_id)}/nobody").status_code == 404


def test_k28_one_learner_is_shown_with_the_reason_and_what_happened(service: Running, visits: Visits) -> None:
    cohort = new_cohort(service)
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    learner = joined(service, cohort.batch_id, VIDEO)
    page = text(visits(VIKRAM).get(f"{learners(cohort.batch_id)}/{learner.user_id}"))
    assert "No certificate yet: 3 parts are missing." in page
    assert "What Certificate of merit asks for" in page
    assert "1 of 4 done" in page
    assert "joined" in page


def test_k30_k57_a_contact_is_noted_seen_and_taken_back(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id)
    visitor, address = visits(MEERA), f"{learners(batch_id)}/{learner.user_id}"
    refused = visitor.send(address, "contact", {"note": "Rang twice."})
    assert refused.status_code == 422
    assert '<a href="#how">' in refused.text
    assert "Rang twice." in refused.text
    assert visitor.send(address, "contact", {"how": "phone", "note": "Rang twice."}).status_code == 303
    page = text(visitor.get(address))
    assert "Rang twice." in page
    assert "was spoken to" in page
    contact = re.search(r'name="contact" value="([^"]+)"', visitor.get(address).text)
    assert contact is not None
    assert visitor.send(address, "undo", {"contact": contact[1]}).status_code == 303
    assert "Rang twice." not in text(visitor.get(address))


def test_a_learner_is_removed_and_the_history_says_so(service: Running, visits: Visits, batch_id: str) -> None:
    learner = joined(service, batch_id, VIDEO)
    visitor, address = visits(VIKRAM), f"{learners(batch_id)}/{learner.user_id}"
    assert visitor.send(address, "remove", {}).headers["location"].endswith("?done=removed")
    assert "Has left this batch." in text(visitor.get(address))
    rows = service.sql("SELECT active FROM enrolment WHERE user_id = $1 AND batch_id = $2", learner.user_id, batch_id)
    assert [row["active"] for row in rows] == [False]


def test_k56_the_mentor_s_list_is_left_by_whom_one_spoke_to_and_undo_brings_back(
    service: Running, visits: Visits
) -> None:
    mentor = known_learner(service, "Mentor")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", mentor.user_id, ["PUBLIC", "COURSE_MENTOR"])
    batch_id = new_batch(service, name="Mentored", mentors=[mentor.user_id])
    learner = joined(service, batch_id, VIDEO, name="Bidisha")
    service.clock.move(days=9)
    visitor = visits(mentor)
    page = visitor.get("/console/mentor")
    assert "Bidisha" in text(page)
    assert "not seen for 9 days" in text(page)
    done = visitor.send("/console/mentor", "contact", {"who": f"{batch_id} {learner.user_id}", "how": "phone"})
    assert done.status_code == 303
    page = visitor.get(done.headers["location"])
    assert "Nobody needs you today." in text(page)
    assert "not known yet" in text(page)
    which = re.search(r'name="which" value="([^"]+)"', page.text)
    assert which is not None
    assert visitor.send("/console/mentor", "undo", {"which": which[1]}).status_code == 303
    assert "not seen for 9 days" in text(visitor.get("/console/mentor"))
    visitor.send("/console/mentor", "contact", {"who": f"{batch_id} {learner.user_id}", "how": "phone"})
    service.clock.ahead += timedelta(days=1)
    complete(service, learner, batch_id, BOOK)
    service.clock.ahead += timedelta(days=3)
    assert "came back" in text(visits(mentor).get("/console/mentor"))


def test_how_the_order_is_made_is_said(visits: Visits) -> None:
    assert "One step from a certificate." in text(visits(MEERA).get("/console/mentor/order"))
    assert visits(ASHA).get("/console/mentor").status_code == 403
