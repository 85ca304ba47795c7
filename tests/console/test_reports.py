"""Reports over HTTP: asking, watching, loading, and what is refused."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from html import unescape

import pytest

from lernbatch.console.reports.view import size_text
from tests.console.conftest import Visits
from tests.console.test_my import ENGLISH, text
from tests.learning import enrol, known_learner, new_batch
from tests.people import ASHA, MEERA, RAVI, VIKRAM
from tests.reporting import Reporting
from tests.running import Running

ASKED = {"dataset": "progress-exhaust", "format": "csv-excel", "since": "", "key": "", "again": ""}


def work(service: Running) -> None:
    Reporting(service).work()


def test_k51_k54_a_report_is_asked_for_watched_and_loaded(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service, name="Reported cohort")
    assert enrol(service, known_learner(service), batch_id).status_code == 200
    visitor, address = visits(VIKRAM), f"/console/batches/{batch_id}/reports"
    before = text(visitor.get(address))
    assert "1 learner is in the batch: so many rows of progress at most." in before
    assert "Progress and answers have no names in them." in before
    answer = visitor.send(address, "ask", ASKED)
    assert answer.status_code == 303, answer.text
    page = visitor.get(answer.headers["location"])
    assert "waiting" in text(page)
    # With a script the bar moves by itself, without one the page is loaded again.
    assert 'data-live="2"' in page.text
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page.text
    work(service)
    page = visitor.get(answer.headers["location"])
    assert ("data-live" in page.text, 'http-equiv="refresh"' in page.text) == (False, False)
    assert "1 row" in text(page)
    link = re.search(r'href="([^"]+/v1/exhaust/files/[^"]+progress[^"]*)"', page.text)
    checksum = re.search(r"<code>([0-9a-f]{64})</code>", page.text)
    assert link is not None
    assert checksum is not None
    content = visitor.get(unescape(link[1]).replace(service.config.public_url, "")).content
    assert hashlib.sha256(content).hexdigest() == checksum[1]
    manifest = re.search(r'href="([^"]+manifest[^"]+)"', page.text)
    assert manifest is not None
    told = visitor.get(unescape(manifest[1]).replace(service.config.public_url, "")).json()
    assert [(file["rowCount"], file["sha256"]) for file in told["files"]] == [(1, checksum[1])]
    assert told["leftOut"] == []
    assert "Reported cohort" in text(visitor.get("/console/reports"))
    assert "ready" in text(visitor.get(address))


@pytest.mark.parametrize("filters", [[1], "all", {"blocks": 7}, {"blocks": [7]}, {"village": ["A"]}])
def test_a_report_whose_filters_are_wrong_is_shown_with_the_reason(
    service: Running, visits: Visits, filters: object
) -> None:
    batch_id = new_batch(service)
    config = {"batchId": batch_id, "filters": filters}
    request = {"tag": "wrong", "dataset": "progress-exhaust", "datasetConfig": config}
    assert service.call("POST", "/v1/jobrequest/submit", VIKRAM, request).status_code == 200
    work(service)
    page = visits(VIKRAM).get(f"/console/batches/{batch_id}/reports")
    assert (page.status_code, "failed" in text(page)) == (200, True)
    assert visits(VIKRAM).get("/console/reports").status_code == 200


def test_k53_it_may_be_asked_for_again_at_once_and_a_double_press_asks_once(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service)
    visitor, address = visits(VIKRAM), f"/console/batches/{batch_id}/reports"
    form = {**visitor.hidden(address, "ask"), **ASKED}
    first, again = visitor.post(address, form), visitor.post(address, form)
    assert first.headers["location"] == again.headers["location"]
    assert visitor.send(address, "ask", ASKED).headers["location"] != first.headers["location"]


def test_only_what_changed_since_an_earlier_report_may_be_asked_for(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service)
    visitor, address = visits(VIKRAM), f"/console/batches/{batch_id}/reports"
    earlier = visitor.send(address, "ask", ASKED).headers["location"].rpartition("/")[2]
    work(service)
    assert f'<option value="{earlier}">' in visitor.get(address).text
    answer = visitor.send(address, "ask", {**ASKED, "since": earlier})
    work(service)
    assert "ready" in text(visitor.get(answer.headers["location"]))


def test_last_month_s_progress_of_one_block_is_asked_for_in_the_form(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service)
    for name, block, days in (
        ("Of last month", "Haveli", 3),
        ("Of long ago", "Haveli", 99),
        ("Elsewhere", "Mulshi", 3),
    ):
        person = known_learner(service, name)
        enrol(service, person, batch_id)
        service.sql("UPDATE enrolment SET updated_at = $1 WHERE user_id = $2", ago(service, days), person.user_id)
        service.sql(
            "INSERT INTO profile (user_id, block, fetched_at) VALUES ($1, $2, $3)",
            person.user_id,
            block,
            service.clock.now(),
        )
    visitor, address = visits(VIKRAM), f"/console/batches/{batch_id}/reports"
    page = visitor.get(address).text
    _, _this_month, last_month = re.findall(r'<option value="(|\d{4}-\d\d-\d\d)"', page)
    assert "CSV for spreadsheets, in a zip" in page
    answer = visitor.send(address, "ask", {**ASKED, "since": last_month, "blocks": "Haveli, "})
    work(service)
    assert "1 row " in text(visitor.get(answer.headers["location"]))
    assert "block Haveli" in text(visitor.get(address))
    for typed in ({"since": last_month}, {"blocks": "Haveli"}):
        refused = visitor.send(address, "ask", {**ASKED, **typed, "dataset": "collection-summary-report-v2"})
        assert refused.status_code == 422
        assert "The summary counts everybody by place" in text(refused)


def ago(service: Running, days: int) -> datetime:
    return service.clock.now() - timedelta(days=days)


@pytest.mark.parametrize(
    ("changed", "field", "words"),
    [
        ({"dataset": "userinfo-exhaust"}, "key", "Choose a password"),
        ({"key": "secret-enough", "again": "another"}, "again", "The two passwords differ"),
        ({"key": "short", "again": "short"}, None, "8"),
        ({"dataset": "nothing"}, None, "nothing"),
        ({"format": "pdf"}, None, "pdf"),
    ],
)
def test_k40_what_is_wrong_is_said_and_the_rest_is_kept(
    service: Running, visits: Visits, changed: dict[str, str], field: str | None, words: str
) -> None:
    batch_id = new_batch(service)
    answer = visits(VIKRAM).send(f"/console/batches/{batch_id}/reports", "ask", {**ASKED, **changed})
    assert answer.status_code in (400, 422)
    assert "<title>Error:" in answer.text
    assert words in text(answer)
    if field is not None:
        assert f'<a href="#{field}">' in answer.text
    assert "secret-enough" not in answer.text


def test_k55_a_report_of_somebody_else_is_not_there(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service)
    location = visits(VIKRAM).send(f"/console/batches/{batch_id}/reports", "ask", ASKED).headers["location"]
    assert visits(RAVI).get(location).status_code == 404
    assert visits(RAVI).get(f"/console/batches/{batch_id}/reports").status_code == 403
    assert visits(ASHA).get(location).status_code == 403
    assert visits(VIKRAM).get("/console/reports/nothing").status_code == 404
    assert visits(MEERA).get("/console/reports").status_code == 200


def test_k55_a_link_works_for_half_an_hour_and_the_page_has_a_new_one(service: Running, visits: Visits) -> None:
    batch_id, visitor = new_batch(service), visits(VIKRAM)
    assert enrol(service, known_learner(service), batch_id).status_code == 200
    location = visitor.send(f"/console/batches/{batch_id}/reports", "ask", ASKED).headers["location"]
    work(service)

    def status() -> int:
        link = unescape(re.findall(r'href="([^"]+/v1/exhaust/files/[^"]+)"', page.text)[0])
        return visitor.get(link.replace(service.config.public_url, "")).status_code

    page = visitor.get(location)
    assert status() == 200
    service.clock.move(minutes=31)
    assert status() in (403, 404)
    page = visitor.get(location)
    assert status() == 200


@pytest.mark.parametrize(
    ("size", "expected"), [(0, "0 B"), (900, "900 B"), (1536, "1.5 kB"), (20_000, "20 kB"), (1_468_006, "1.4 MB")]
)
def test_sizes_are_said_in_the_unit_that_fits(size: int, expected: str) -> None:
    assert size_text(size, ENGLISH).replace("\N{NO-BREAK SPACE}", " ") == expected
