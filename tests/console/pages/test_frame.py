"""The frame of every page in a browser: signing in, themes, languages, the policy against foreign scripts."""

from __future__ import annotations

import pytest
from playwright.sync_api import Request

from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.learning import known_learner, new_batch
from tests.people import VIKRAM
from tests.running import Running


def test_k02_one_press_on_a_name_is_signed_in(readers: Readers) -> None:
    reader = readers(VIKRAM)
    assert reader.page.locator(".who .nm").inner_text() == "Vikram Rao"
    assert reader.complaints == []


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_k64_the_sign_in_page_does_not_scroll_sideways(readers: Readers, width: int, theme: Theme) -> None:
    reader = readers(width=width, theme=theme)
    reader.page.goto("/console/sign-in")
    assert not reader.scrolls_sideways()
    assert reader.complaints == []


def test_k05_an_injected_script_or_style_is_refused_by_the_policy_and_runs_nothing(readers: Readers) -> None:
    reader = readers(VIKRAM)
    reader.page.goto("/console/sessions")
    reader.page.evaluate(
        """() => {
            const script = document.createElement("script");
            script.textContent = "window.injected = true";
            document.body.append(script);
            const attribute = document.createElement("p");
            attribute.setAttribute("style", "color: red");
            attribute.setAttribute("onclick", "window.injected = true");
            document.body.append(attribute);
            attribute.click();
        }"""
    )
    assert reader.page.evaluate("window.injected === undefined")
    assert any("Content Security Policy" in complaint for complaint in reader.complaints)


def test_k66_the_back_key_after_a_form_repeats_nothing(readers: Readers, service: Running) -> None:
    batch_id, learner = new_batch(service), known_learner(service)
    reader = readers(VIKRAM)
    reader.page.goto("/console/batches?view=all")
    reader.page.goto(f"/console/batches/{batch_id}")
    reader.page.get_by_label("Id of the person").fill(learner.user_id)
    reader.page.get_by_role("button", name="Bring in").click()
    reader.page.locator("#figures").wait_for()
    reader.page.go_back()
    reader.page.go_forward()
    (row,) = service.sql("SELECT count(*) FROM enrolment WHERE batch_id = $1", batch_id)
    assert row[0] == 1
    assert reader.complaints == []


@pytest.mark.parametrize("script", [True, False])
def test_every_page_can_be_read_and_left_by_keyboard_with_and_without_script(readers: Readers, script: bool) -> None:
    reader = readers(VIKRAM, script=script)
    reader.page.goto("/console/batches?view=all")
    reader.page.keyboard.press("Tab")
    assert reader.page.locator("a.skip").is_visible()
    assert reader.page.locator("h1").count() == 1
    for landmark in ("banner", "navigation", "main", "contentinfo"):
        assert reader.page.get_by_role(landmark).count() >= 1, landmark


def test_k70_at_four_hundred_percent_the_page_does_not_scroll_sideways(readers: Readers) -> None:
    reader = readers(VIKRAM, width=320)
    for path in ("/console/batches?view=all", "/console/batches/new", "/console/sessions"):
        reader.page.goto(path)
        assert not reader.scrolls_sideways(), path


def test_k75_a_first_page_is_small_and_needs_few_requests(readers: Readers) -> None:
    reader = readers(VIKRAM)
    sizes: list[int] = []

    def measure(request: Request) -> None:
        size = request.sizes()
        sent = size["requestHeadersSize"] + size["requestBodySize"]
        sizes.append(sent + size["responseHeadersSize"] + size["responseBodySize"])

    reader.page.on("requestfinished", measure)
    reader.page.goto("/console/batches?view=all")
    reader.page.wait_for_load_state("networkidle")
    assert len(sizes) <= 5
    assert sum(sizes) <= 60 * 1024
