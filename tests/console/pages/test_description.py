"""The page at /docs in a browser: the search, a call that is tried with a token, axe-core, a phone, the dark."""

from __future__ import annotations

import hashlib
import json
from importlib import resources

import pytest
from playwright.sync_api import Page

from lernbatch.routes import ROUTES
from tests.batch.calls import creation_request
from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.console.pages.test_accessible import AXE, RUN, TAGS
from tests.people import VIKRAM
from tests.running import Running

PUBLISHED = {
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_swagger_ui_is_the_file_that_its_makers_published(name: str) -> None:
    content = resources.files("lernbatch.ops").joinpath("static", name).read_bytes()
    assert hashlib.sha256(content).hexdigest() == PUBLISHED[name]


def search(page: Page, words: str) -> list[str]:
    """The paths of the calls that the search leaves."""
    page.get_by_label("Search the calls").fill(words)
    return [path.replace("\u200b", "") for path in page.locator(".opblock-summary-path").all_inner_texts()]


def test_a_search_leaves_the_calls_that_have_every_word(readers: Readers) -> None:
    reader = readers()
    page = reader.page
    page.goto("/docs")
    page.locator(".opblock").first.wait_for()
    assert page.get_by_role("status").inner_text() == f"{len(ROUTES)} calls"
    assert search(page, "revoke SUSPEND") == ["/v1/course/batch/cert/status"]
    assert search(page, "/api/course/v1/enrol") == ["/v1/course/enroll"]  # the gateway's path of a call finds it
    assert search(page, "no such call") == []
    assert page.get_by_role("status").inner_text() == "0 calls"
    assert reader.complaints == []


def test_a_call_is_tried_with_a_token(readers: Readers, service: Running) -> None:
    reader = readers()
    page = reader.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/docs")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.locator("#api_key_value").first.fill(service.token(VIKRAM))
    page.get_by_role("button", name="Apply credentials").first.click()
    page.get_by_role("button", name="Close").last.click()
    search(page, "create batch becomes its creator")
    page.locator(".opblock-summary-control").first.click()
    body = page.get_by_label("Body of the request")
    assert list(json.loads(body.input_value())["request"]) == ["courseId", "name", "enrollmentType", "startDate"]
    body.fill(json.dumps({"request": creation_request(service, name="Made on the page")}))
    page.get_by_role("button", name="Execute").click()
    shown = page.locator(".live-responses-table .response-col_description pre").first
    batch_id = json.loads(shown.inner_text())["result"]["batchId"]
    assert service.sql("SELECT name FROM batch WHERE batch_id = $1", batch_id)[0]["name"] == "Made on the page"
    assert [url for url in asked if not url.startswith((service.url, "data:"))] == []
    assert reader.complaints == []


@pytest.mark.real
@pytest.mark.parametrize(("theme", "width"), [("light", WIDE), ("dark", PHONE)])
def test_axe_finds_nothing_on_it_and_nothing_scrolls_sideways(readers: Readers, theme: Theme, width: int) -> None:
    reader = readers(theme=theme, width=width)
    page = reader.page
    page.goto("/docs")
    page.locator(".opblock").first.wait_for()
    page.evaluate(AXE.read_text(encoding="utf-8"))
    complaints = {"all calls": page.evaluate(RUN, TAGS)}
    search(page, "batch")
    for method in ("get", "post", "patch"):
        page.locator(f".opblock-{method} .opblock-summary-control").first.click()
    page.get_by_label("Body of the request").nth(1).wait_for()
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.locator("#api_key_value").first.wait_for()
    complaints["asked for a token"] = page.evaluate(RUN, TAGS)
    page.get_by_role("button", name="Close").last.click()
    page.locator(".opblock-get .parameters input").first.fill("0141")
    page.locator(".opblock-get .execute").first.click()
    page.locator(".live-responses-table").first.wait_for()
    complaints["open and tried"] = page.evaluate(RUN, TAGS)
    assert [text for texts in complaints.values() for text in texts] == []
    assert not reader.scrolls_sideways()
    assert [text for text in reader.complaints if "401 (Unauthorized)" not in text] == []  # nobody signed in


def test_without_script_the_page_says_where_the_description_is(readers: Readers) -> None:
    page = readers(script=False).page
    page.goto("/docs")
    page.get_by_role("link", name="openapi.json").click()
    assert json.loads(page.locator("body").inner_text())["info"]["title"] == "Lernbatch"
