"""The frame of every page in a browser: signing in, themes, languages, the policy against foreign scripts."""

from __future__ import annotations

import pytest

from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.people import VIKRAM


def test_k02_one_press_on_a_name_is_signed_in(readers: Readers) -> None:
    reader = readers(VIKRAM)
    assert reader.page.locator(".who .nm").inner_text() == "Vikram Rao"
    assert reader.complaints == []


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_k64_the_sign_in_page_does_not_scroll_sideways(readers: Readers, width: int, theme: Theme) -> None:
    reader = readers(width=width, theme=theme)
    reader.page.goto("/console/sign-in")
    reader.page.screenshot(path=f"/tmp/shots/signin-{width}-{theme}.png", full_page=True)
    assert not reader.scrolls_sideways()
    assert reader.complaints == []
