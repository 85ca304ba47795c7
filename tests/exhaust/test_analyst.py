"""The views that analysts read."""

from __future__ import annotations

from tests.people import ASHA, KAVYA
from tests.reporting import Reporting
from tests.seeds import BOOK, COURSE, QUIZ, VIDEO

VIEWS = ("batch", "enrolment", "content_state", "score", "attempt", "answer", "learner")


def test_the_views_spread_what_the_tables_hold(reporting: Reporting) -> None:
    reporting.enrol(ASHA, completed=(VIDEO, BOOK), scores={QUIZ: [3, 4, 2]})
    reporting.enrol(KAVYA)
    reporting.attempt(ASHA, QUIZ, "a1", [{"id": "q1", "score": 1.0, "max_score": 2.0, "duration": 2.5}])
    reporting.made()

    def read(what: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in reporting.service.sql(f"{what} ORDER BY 1", reporting.batch_id)]

    assert read("SELECT course_id, course_name FROM analyst.batch WHERE batch_id = $1") == [
        (COURSE, "Early mathematics")
    ]
    assert len(read("SELECT user_id FROM analyst.enrolment WHERE batch_id = $1")) == 2
    states = read("SELECT content_id, status, percentage, views FROM analyst.content_state WHERE batch_id = $1")
    assert states == [(VIDEO, 2, 100, 1), (BOOK, 2, 100, 1)]
    assert read("SELECT best_score, max_score, attempts FROM analyst.score WHERE batch_id = $1") == [(3.0, 4.0, 2)]
    answers = "SELECT question_id, score, duration_seconds FROM analyst.answer WHERE batch_id = $1"
    assert read(answers) == [("q1", 1.0, 2.5)]


def test_the_views_hold_no_personal_data(reporting: Reporting) -> None:
    rows = reporting.service.sql("SELECT column_name FROM information_schema.columns WHERE table_schema = 'analyst'")
    columns = {row["column_name"] for row in rows}
    assert columns.isdisjoint({"sealed", "email", "phone", "first_name", "last_name", "external_id"})
