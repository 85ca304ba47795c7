"""Learners, one learner and the mentor's list in a browser."""

from __future__ import annotations

import pytest

from tests.certificate.cohort import MERIT, new_cohort
from tests.console.chromium import PHONE, WIDE
from tests.console.pages.conftest import Readers
from tests.learning import complete, enrol, known_learner
from tests.running import Running
from tests.seeds import REQUIRED, VIDEO


@pytest.mark.parametrize("width", [WIDE, PHONE])
def test_k64_pages_of_learners_do_not_scroll_sideways(readers: Readers, service: Running, width: int) -> None:
    """And from the mentor's list it is one press to the learner, two to the reason."""
    mentor = known_learner(service, "Meera")
    service.sql("UPDATE sandbox_person SET roles = $2 WHERE user_id = $1", mentor.user_id, ["PUBLIC", "COURSE_MENTOR"])
    cohort = new_cohort(service)
    service.sql("UPDATE batch SET mentors = ARRAY[$2] WHERE batch_id = $1", cohort.batch_id, mentor.user_id)
    assert cohort.attach(name="Certificate of merit", criteria=MERIT).status_code == 200
    for name, done in (("கவிதாஞ்சலி", (VIDEO,)), ("عمران", REQUIRED), ("Bidisha", ())):
        learner = known_learner(service, name)
        assert enrol(service, learner, cohort.batch_id).status_code == 200
        complete(service, learner, cohort.batch_id, *done)
    reader = readers(mentor, width=width)
    reader.page.goto(f"/console/batches/{cohort.batch_id}/learners")
    assert not reader.scrolls_sideways()
    reader.page.goto("/console/mentor")
    assert not reader.scrolls_sideways()
    reader.page.get_by_role("link", name="عمران").click()
    reader.page.get_by_text(
        "No certificate yet: Quiz has no score yet, it needs 70\N{NO-BREAK SPACE}% or more."
    ).wait_for()
    assert not reader.scrolls_sideways()
    assert reader.complaints == []
