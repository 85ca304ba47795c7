"""Reports over HTTP: asking, watching, loading, and what is refused."""

from __future__ import annotations

import hashlib
import re
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


def test_a_report_is_asked_for_watched_and_loaded(service: Running, visits: Visits) -> None:
    batch_id = new_batch(service, name="Reported cohort")
    assert enrol(service, known_learner(service), batch_id).status_code == 200
    visitor, address = visits(VIKRAM), f"/console/batches/{batch_id}/reports"
    answer = visitor.send(address, "ask", ASKED)
    assert answer.status_code == 303, answer.text
    page = visitor.get(answer.headers["location"])
    assert (page.headers["refresh"], "waiting" in text(page)) == ("2", True)
    work(service)
    page = visitor.get(answer.headers["location"])
    assert "refresh" not in page.headers
    assert "1 row" in text(page)
    link = re.search(r'href="([^"]+/v1/exhaust/files/[^"]+progress[^"]*)"', page.text)
    checksum = re.search(r"<code>([0-9a-f]{64})</code>", page.text)
    assert link is not None
    assert checksum is not None
    content = visitor.get(unescape(link[1]).replace(service.config.public_url, "")).content
    assert hashlib.sha256(content).hexdigest() == checksum[1]
    assert "Reported cohort" in text(visitor.get("/console/reports"))
    assert "ready" in text(visitor.get(address))


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


@pytest.mark.parametrize(
    ("size", "expected"), [(0, "0 B"), (900, "900 B"), (1536, "1.5 kB"), (20_000, "20 kB"), (1_468_006, "1.4 MB")]
)
def test_sizes_are_said_in_the_unit_that_fits(size: int, expected: str) -> None:
    assert size_text(size, ENGLISH).replace("\N{NO-BREAK SPACE}", " ") == expected
