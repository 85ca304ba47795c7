"""A mentor asks for a report, waits, and opens the file."""

from __future__ import annotations

from tests.people import ASHA, KAVYA
from tests.reporting import Reporting
from tests.seeds import BOOK, QUIZ, REQUIRED, VIDEO


def test_a_report_is_asked_for_listed_and_downloaded(reporting: Reporting) -> None:
    reporting.enrol(ASHA, completed=(VIDEO, BOOK), scores={QUIZ: [3, 4, 2]})
    reporting.enrol(KAVYA, completed=REQUIRED, finished=True, certificates=[{"id": "c1"}])
    asked = reporting.submit().json()["result"]
    assert (asked["status"], asked["downloadUrls"]) == ("SUBMITTED", [])
    reporting.work()
    (job,) = reporting.jobs()
    assert (job["requestId"], job["status"], job["statusMessage"]) == (asked["requestId"], "SUCCESS", "")
    rows = reporting.rows()
    assert [(row["User UUID"], row["Progress"], row["Total Score"]) for row in rows] == [
        (KAVYA.user_id, "100", ""),
        (ASHA.user_id, "50", "75%"),
    ]


def test_the_file_is_named_after_batch_dataset_and_day(reporting: Reporting) -> None:
    reporting.enrol(ASHA)
    (url,) = reporting.made()["downloadUrls"]
    day = reporting.service.clock.today()
    assert (
        f"/progress-exhaust/{reporting.jobs()[0]['requestId']}/{reporting.batch_id}_progress_{day:%Y%m%d}.zip?" in url
    )
