"""A batch in the middle of its term, with learners of every kind, and those who look at it."""

from __future__ import annotations

from datetime import timedelta

from tests.certificate.cohort import MERIT, Cohort, new_cohort
from tests.learning import complete, enrol, known_learner
from tests.people import PLATFORM, Person
from tests.running import Running
from tests.seeds import QUIZ, REQUIRED, VIDEO

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


def term_of(service: Running) -> Term:
    """The batch of that service, made when it is first asked for."""
    if service.url not in _terms:
        _terms[service.url] = Term(service)
    return _terms[service.url]
