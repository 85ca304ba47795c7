"""Every page by the rules of axe-core: light and dark, wide and on a phone, in English and in Urdu, right to left."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import pytest

from lernbatch.console.pages import PAGES
from tests.console.chromium import HEIGHTS, PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.learning import enrol, known_learner, new_batch
from tests.people import PLATFORM, VIKRAM, Person
from tests.running import Running

AXE = Path(__file__).parents[1] / "axe" / "axe.min.js"
SHA256 = "880970c081707360e64f34cea25ff91892f5bc95675b0776925b9709dd8a68bb"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What each rule says against the page, and of which elements.
RUN = r"""tags => axe.run(document, {runOnly: tags, resultTypes: ["violations"]}).then(
    result => result.violations.flatMap(rule => rule.nodes.map(node => `${rule.id}: ${node.target} ${node.html}`)))"""
# Each language, theme and width with each of the others once.
View = tuple[str, Theme, int]
VIEWS: tuple[View, ...] = (
    ("en", "light", WIDE),
    ("en", "dark", PHONE),
    ("ur", "light", PHONE),
    ("ur", "dark", WIDE),
)
# Files, pages that lead to another one, and pages that need something which is asked for there first, or is off here.
LEFT_OUT = (
    "/",
    "/console",
    "/console/",
    "/console/callback",
    "/b/{batch_id}",
    "/console/webhooks",
    "/console/{path:path}",
)
ADDRESSES = [
    page.path
    for page in PAGES
    if page.path not in LEFT_OUT and not page.path.endswith((".csv", ".zip")) and not page.path.endswith("_id}")
] + ["/console/batches/{batch_id}", "/console/my/{batch_id}", "/console/b/{batch_id}", "/console/no/such/page"]


def reader_of(path: str, learner: Person) -> Person | None:
    """Whose page it is: the operator's, the learner's, anybody's or else the creator's of the batch."""
    if path.startswith("/console/operation"):
        return PLATFORM
    if path.startswith("/console/my"):
        return learner
    return None if path in ("/console/sign-in", "/console/b/{batch_id}") else VIKRAM


def test_axe_is_the_file_that_its_makers_published() -> None:
    assert hashlib.sha256(AXE.read_bytes()).hexdigest() == SHA256


def test_axe_says_what_is_wrong_with_a_page(readers: Readers) -> None:
    page = readers().page
    page.goto("/console/sign-in")
    page.evaluate("document.documentElement.removeAttribute('lang')")
    page.evaluate(AXE.read_text(encoding="utf-8"))
    assert [text.partition(":")[0] for text in page.evaluate(RUN, TAGS)] == ["html-has-lang"]


def complaints_of(path: str, views: Sequence[View], readers: Readers, service: Running) -> list[str]:
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name, roles) VALUES ($1, 'Prabha', 'Rao', $2)"
        " ON CONFLICT DO NOTHING",
        PLATFORM.user_id,
        list(PLATFORM.roles),
    )
    batch_id = new_batch(service, name="இலக்கணம் with a name that is longer than most names of batches are")
    learner = known_learner(service)
    enrol(service, learner, batch_id)
    page = readers(reader_of(path, learner), language="en").page
    complaints = []
    for language, theme, width in views:
        page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
        page.emulate_media(color_scheme=theme)
        page.goto(path.replace("{batch_id}", batch_id) + f"?language={language}")
        assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ur" else "ltr")
        page.evaluate(AXE.read_text(encoding="utf-8"))
        complaints += [f"{language} {theme} {width} {text}" for text in page.evaluate(RUN, TAGS)]
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            complaints.append(f"{language} {theme} {width} scrolls sideways")
    return complaints


@pytest.mark.parametrize(("path", "view"), list(zip(ADDRESSES, cycle(VIEWS), strict=False)))
def test_k69_k73_axe_finds_nothing_and_nothing_scrolls_sideways(
    readers: Readers, service: Running, path: str, view: View
) -> None:
    assert complaints_of(path, [view], readers, service) == []


@pytest.mark.real
@pytest.mark.parametrize("path", ADDRESSES)
def test_k69_k73_nor_does_it_in_any_view(readers: Readers, service: Running, path: str) -> None:
    assert complaints_of(path, VIEWS, readers, service) == []
