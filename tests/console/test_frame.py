"""What every page has: headers, languages, themes, static files, pages for failures."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from lernbatch.console.rendering import FILES
from tests.console.conftest import Visits
from tests.ops.test_health import away
from tests.people import ASHA, MEERA, VIKRAM, Person
from tests.running import running

OPEN = ["/console/sign-in", "/console/nowhere", "/console/batches/1/2/3/4"]


@pytest.mark.parametrize("path", [*OPEN, "/console/sessions", "/console/sign-out", "/console/"])
def test_every_page_has_the_policy_and_is_kept_by_no_cache(visits: Visits, path: str) -> None:
    headers = visits(VIKRAM).get(path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;")
    assert "frame-ancestors 'none'" in policy
    assert (headers["referrer-policy"], headers["x-content-type-options"]) == ("same-origin", "nosniff")
    assert (headers["cross-origin-opener-policy"], headers["cache-control"]) == ("same-origin", "no-store")


@pytest.mark.parametrize("path", [*OPEN, "/console/sessions", "/console/sign-out", "/console/"])
def test_k05_no_page_has_inline_script_or_style(visits: Visits, path: str) -> None:
    html = visits(VIKRAM).get(path).text
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", html)


@pytest.mark.parametrize("path", ["/console/nowhere", "/console/batches/../../x", "/console/static/none.css"])
def test_an_unknown_page_is_404_with_a_way_on(visits: Visits, path: str) -> None:
    answer = visits(VIKRAM).get(path)
    assert answer.status_code == 404


def test_a_page_of_a_failure_names_the_request(visits: Visits) -> None:
    answer = visits(VIKRAM).get("/console/nowhere")
    assert answer.headers["x-request-id"] in answer.text
    assert '<a class="button" href="/console/">' in answer.text


def test_a_form_that_no_page_has_is_404(visits: Visits) -> None:
    visitor = visits(VIKRAM)
    form = {**visitor.hidden("/console/sign-out", "sign-out"), "do": "something"}
    assert visitor.post("/console/sign-out", form).status_code == 404
    assert visitor.post("/console/nowhere", form).status_code == 404


@pytest.mark.parametrize(("person", "first"), [(VIKRAM, "/console/batches"), (MEERA, None)])
def test_the_first_page_leads_on_by_role(visits: Visits, person: Person, first: str | None) -> None:
    answer = visits(person).get("/console/")
    assert answer.status_code == 303
    assert first is None or answer.headers["location"] == first


def test_k80_without_the_database_a_page_is_one_sentence_and_comes_back_with_it(
    new_dsn: Callable[[], str], tmp_path: Path, visits: Visits
) -> None:
    dsn = new_dsn()
    with running(tmp_path, dsn) as service:
        visitor = visits(VIKRAM, at=service)
        with away(dsn):
            answer = visitor.get("/console/batches")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "Its database does not answer." in answer.text
            assert answer.headers["x-request-id"] in answer.text
            assert visitor.post("/console/sign-in", {"do": "choose", "user": ASHA.user_id}).status_code == 503
        assert visitor.get("/console/batches").status_code == 200


@pytest.mark.parametrize("name", FILES.files)
def test_a_static_file_is_kept_for_ever_under_the_hash_of_its_content(visits: Visits, name: str) -> None:
    visitor = visits()
    answer = visitor.get(FILES.url(name))
    assert answer.content == FILES.files[name].content
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    plain = visitor.get(FILES.url(name), **{"accept-encoding": "identity"})
    assert (plain.content, "content-encoding" in plain.headers) == (answer.content, False)


def test_a_link_chooses_language_and_theme_and_leads_back(visits: Visits) -> None:
    visitor = visits()
    answer = visitor.get("/console/sign-in?next=%2Fconsole%2Fsessions&theme=dark")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/sign-in?next=%2Fconsole%2Fsessions")
    assert 'data-theme="dark"' in visitor.get("/console/sign-in").text
    visitor.get("/console/sign-in?theme=system")
    assert "data-theme" not in visitor.get("/console/sign-in").text


def test_a_language_that_there_is_not_is_english(visits: Visits) -> None:
    visitor = visits(**{"accept-language": "xx, de;q=0.9"})
    assert '<html lang="en" dir="ltr">' in visitor.get("/console/sign-in").text
    visitor.get("/console/sign-in?language=xx")
    assert '<html lang="en" dir="ltr">' in visitor.get("/console/sign-in").text


def test_a_page_is_compressed_where_the_browser_takes_it(visits: Visits) -> None:
    visitor = visits()
    assert visitor.get("/console/sign-in").headers["content-encoding"] == "gzip"
    plain = visitor.get("/console/sign-in", **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
