"""The list of batches in a browser."""

from __future__ import annotations

import pytest

from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.learning import new_batch
from tests.people import MEERA, VIKRAM
from tests.running import Running


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_k64_the_list_of_batches_does_not_scroll_sideways(
    readers: Readers, service: Running, width: int, theme: Theme
) -> None:
    new_batch(service, name="இலக்கணம் · ஜூன்", mentors=[MEERA.user_id])
    new_batch(service, capacity=40, name="School Leadership with a name that is longer than most names of batches are")
    reader = readers(VIKRAM, width=width, theme=theme)
    reader.page.goto("/console/batches?view=all")
    reader.page.screenshot(path=f"/tmp/shots/batches-{width}-{theme}.png", full_page=True)
    assert not reader.scrolls_sideways()
    assert reader.complaints == []
