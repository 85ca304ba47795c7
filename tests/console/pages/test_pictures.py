"""The pictures of docs/console.md: `make pictures` writes them anew, and every run opens their pages."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificate.cohort import MERIT, Cohort, new_cohort
from tests.console.chromium import PHONE, WIDE
from tests.console.pages.conftest import Readers
from tests.learning import complete, enrol, known_learner
from tests.people import PLATFORM, Person
from tests.running import Running
from tests.seeds import QUIZ, REQUIRED, VIDEO

DOCS = Path(__file__).parents[3] / "docs"
WRITTEN_TO = os.environ.get("LERNBATCH_PICTURES")
NAMES = (
    "Lalrinzuala Pachuau",
    "कविता यादव",
    "செந்தில் குமரன்",
    "فرحانہ انصاری",
    "Bidisha Sarkar",
    "Arjun Nair",
    "Meenakshi Iyer",
    "Imran Shaikh",
    "Sunita Devi",
    "Rakesh Kumar",
    "Anjali Menon",
    "Tenzin Dolma",
    "Gurpreet Kaur",
    "Nilufar Begum",
    "Joseph Mathew",
    "Pooja Patil",
    "Ramesh Naik",
    "Deepa Krishnan",
    "Zoramthanga Ralte",
    "Harish Rao",
    "Kavya Shetty",
    "Mohan Lal",
    "Fatima Sheikh",
    "Suresh Babu",
)
# Name of the picture → whose page it is, how wide, and its address.
PICTURES = {
    "overview": ("creator", WIDE, "/console/batches/{batch}"),
    "learners": ("creator", WIDE, "/console/batches/{batch}/learners"),
    "learner": ("creator", WIDE, "/console/batches/{batch}/learners/{near}"),
    "mentor": ("creator", WIDE, "/console/mentor"),
    "rules": ("creator", WIDE, "/console/batches/{batch}/rules"),
    "certificates": ("creator", WIDE, "/console/batches/{batch}/certificates"),
    "my-course": ("learner", PHONE, "/console/my/{batch}"),
    "operation": ("operator", WIDE, "/console/operation"),
}


class Term:
    """A batch in the middle of its term, and those who look at it."""

    def __init__(self, service: Running) -> None:
        creator = known_learner(service, "Vikram")
        roles = ["PUBLIC", "COURSE_MENTOR", "CONTENT_CREATOR"]
        service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", creator.user_id, roles)
        service.sql(
            "INSERT INTO sandbox_person (user_id, first_name, last_name, roles) VALUES ($1, 'Prabha', 'Rao', $2)"
            " ON CONFLICT DO NOTHING",
            PLATFORM.user_id,
            list(PLATFORM.roles),
        )
        self.cohort: Cohort = new_cohort(service)
        batch_id = self.cohort.batch_id
        assert self.cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
        self.learners = [known_learner(service, name) for name in NAMES]
        service.sql("UPDATE sandbox_person SET last_name = '' WHERE first_name = ANY ($1)", list(NAMES))
        for number, learner in enumerate(self.learners):
            assert enrol(service, learner, batch_id).status_code == 200
            if number % 4:
                complete(service, learner, batch_id, *(REQUIRED if number % 4 == 3 else (VIDEO,)))
        # Half of those who completed passed; of the others one is a quiz away.
        service.sql(
            "UPDATE enrolment SET scores = jsonb_build_object($2::text, jsonb_build_array(score, 100, 1)),"
            " revision = revision + 1 FROM (SELECT user_id, 52 + 8 * row_number() OVER (ORDER BY user_id) AS score"
            " FROM enrolment WHERE batch_id = $1 AND status = 2) AS o"
            " WHERE enrolment.user_id = o.user_id AND batch_id = $1",
            batch_id,
            QUIZ,
        )
        days = timedelta(days=21)
        service.sql(
            "UPDATE enrolment SET enrolled_at = enrolled_at - $2::interval * random(), revision = revision + 1"
            " WHERE batch_id = $1",
            batch_id,
            days,
        )
        service.sql(
            "UPDATE batch SET name = 'Foundations of numeracy, term 2', start_date = start_date - 21,"
            " created_by = $2, mentors = ARRAY[$2] WHERE batch_id = $1",
            batch_id,
            creator.user_id,
        )
        service.sql("INSERT INTO certificate_due (user_id, batch_id, reason, due_at)"
                    " SELECT user_id, batch_id, 'template', now() FROM enrolment WHERE batch_id = $1 AND status = 2"
                    " ON CONFLICT DO NOTHING", batch_id)  # fmt: skip
        self.cohort.work()
        self.people: dict[str, Person | None] = {
            "creator": creator, "learner": self.learners[1], "operator": PLATFORM, "nobody": None
        }  # fmt: skip

    def address(self, path: str) -> str:
        return path.replace("{batch}", self.cohort.batch_id).replace("{near}", self.learners[1].user_id)


_terms: dict[str, Term] = {}  # by the address of the service: one serves all tests of a run


@pytest.fixture
def term(service: Running) -> Term:
    if service.url not in _terms:
        _terms[service.url] = Term(service)
    return _terms[service.url]


def test_the_guide_shows_each_picture_that_is_made_and_no_other() -> None:
    shown = re.findall(r"\(pictures/console/([\w-]+)\.png\)", (DOCS / "console.md").read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(PICTURES)
    assert sorted(path.stem for path in (DOCS / "pictures" / "console").glob("*.png")) == sorted(PICTURES)


@pytest.mark.parametrize("who", ["creator", "learner", "operator", "nobody"])
def test_the_pages_of_the_pictures_open_without_complaint(readers: Readers, term: Term, who: str) -> None:
    reader = readers(term.people[who])
    for name, (whose, width, path) in PICTURES.items():
        if whose == who:
            reader.page.set_viewport_size({"width": width, "height": 800})
            answer = reader.page.goto(term.address(path))
            assert answer is not None
            assert answer.status == 200, name
            assert not reader.scrolls_sideways(), name
            if WRITTEN_TO:
                reader.page.screenshot(path=Path(WRITTEN_TO, f"{name}.png"))
    assert reader.complaints == []
