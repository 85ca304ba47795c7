"""The list of batches and the overview of one in a browser."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.console.chromium import Theme
from tests.console.pages.conftest import APPEARANCES, Readers
from tests.learning import enrol, known_learner, new_batch
from tests.people import MEERA, VIKRAM
from tests.running import Running


@pytest.fixture
def lively(service: Running) -> str:
    """A batch of forty since three weeks, of whom some began and a few completed."""
    batch_id = new_batch(service, mentors=[MEERA.user_id], capacity=42)
    for number in range(40):
        enrol(service, known_learner(service, f"Learner {number}"), batch_id)
    service.sql(
        """UPDATE enrolment e
              SET enrolled_at = now() - make_interval(days => (n * 20 / 40)::integer),
                  completed_at = CASE WHEN n % 4 = 0 THEN now() - make_interval(days => (n / 8)::integer) END,
                  status = CASE WHEN n % 4 = 0 THEN 2 WHEN n % 3 = 0 THEN 0 ELSE 1 END,
                  revision = revision + 1
             FROM (SELECT user_id, row_number() OVER (ORDER BY user_id) AS n FROM enrolment WHERE batch_id = $1) AS o
            WHERE e.user_id = o.user_id AND e.batch_id = $1""",
        batch_id,
    )
    service.sql("UPDATE batch SET start_date = start_date - 21 WHERE batch_id = $1", batch_id)
    return batch_id


@pytest.mark.parametrize(("theme", "width"), APPEARANCES)
def test_k64_list_and_overview_do_not_scroll_sideways(
    readers: Readers, service: Running, lively: str, width: int, theme: Theme
) -> None:
    later = (service.clock.today() + timedelta(days=60)).isoformat()
    empty = new_batch(service, name="இலக்கணம் · ஜூன் with a name that is longer than most", startDate=later, endDate=None)
    reader = readers(VIKRAM, width=width, theme=theme)
    for path in ("?view=all", f"/{empty}", f"/{lively}"):
        reader.page.goto(f"/console/batches{path}")
        assert not reader.scrolls_sideways()
    assert reader.complaints == []
