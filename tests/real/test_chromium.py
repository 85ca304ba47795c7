"""Our pictures of templates beside those that Chromium makes of them now, with the same fonts."""

from __future__ import annotations

import pytest

from tests.drawing import beside_browser as beside
from tests.real import chromium


@pytest.mark.parametrize("name", beside.TEMPLATES)
def test_chromium_draws_a_template_as_we_do(name: str) -> None:
    source = beside.TEMPLATES[name].read_bytes()
    drawn = chromium.drawn(source)
    assert beside.difference(beside.ours(source), drawn) <= beside.PER_10_000
    assert beside.difference(beside.reference(name), drawn) <= beside.PER_10_000
