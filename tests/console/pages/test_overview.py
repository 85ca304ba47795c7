"""The overview of a batch in a browser."""

from __future__ import annotations

import pytest

from tests.console.chromium import PHONE, WIDE, Theme
from tests.console.pages.conftest import Readers
from tests.learning import enrol, known_learner, new_batch
from tests.people import MEERA, VIKRAM
from tests.running import Running


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_k64_the_overview_does_not_scroll_sideways(
    readers: Readers, service: Running, width: int, theme: Theme
) -> None:
    empty = new_batch(service, name="Child Rights Refresher")
    batch_id = new_batch(service, mentors=[MEERA.user_id], capacity=40)
    enrol(service, known_learner(service), batch_id)
    reader = readers(VIKRAM, width=width, theme=theme)
    for name, shown in (("empty", empty), ("batch", batch_id)):
        reader.page.goto(f"/console/batches/{shown}")
        reader.page.screenshot(path=f"/tmp/shots/{name}-{width}-{theme}.png", full_page=True)
        assert not reader.scrolls_sideways()
    assert reader.complaints == []
