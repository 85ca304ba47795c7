"""Dates and rules of a batch in a browser: what changes is seen before it is saved, and a wrong field is found."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.console.chromium import Theme
from tests.console.pages.conftest import APPEARANCES, Readers
from tests.learning import enrol, known_learner, new_batch
from tests.people import MEERA, VIKRAM
from tests.running import Running


@pytest.mark.parametrize(("theme", "width"), APPEARANCES)
def test_k64_dates_and_rules_and_a_new_batch_do_not_scroll_sideways(
    readers: Readers, service: Running, width: int, theme: Theme
) -> None:
    batch_id = new_batch(service, mentors=[MEERA.user_id])
    reader = readers(VIKRAM, width=width, theme=theme)
    for path in (f"/console/batches/{batch_id}/rules", "/console/batches/new"):
        reader.page.goto(path)
        assert not reader.scrolls_sideways()
    assert reader.complaints == []


def test_k40_a_wrong_field_is_named_above_the_form_and_beside_itself(readers: Readers, service: Running) -> None:
    batch_id = new_batch(service)
    reader = readers(VIKRAM)
    reader.page.goto(f"/console/batches/{batch_id}/rules")
    last_day = service.clock.today() + timedelta(days=30)
    reader.page.get_by_label("Joining until").fill((last_day + timedelta(days=5)).isoformat())
    reader.page.get_by_role("button", name="Save these changes").click()
    assert reader.page.title().startswith("Error: ")
    assert reader.page.evaluate("document.activeElement.id") == "problems"
    link = reader.page.locator("#problems a")
    assert link.inner_text() == reader.page.locator("#enrollmentEndDate-error").inner_text()
    link.click()
    assert reader.page.evaluate("document.activeElement.id") == "enrollmentEndDate"
    assert reader.page.get_by_label("Joining until").input_value() == (last_day + timedelta(days=5)).isoformat()


def test_k38_a_change_says_what_it_was_and_what_it_would_do_and_saves_nothing(
    readers: Readers, service: Running
) -> None:
    batch_id = new_batch(service)
    enrol(service, known_learner(service), batch_id)
    reader = readers(VIKRAM)
    reader.page.goto(f"/console/batches/{batch_id}/rules")
    reader.page.get_by_label("Learners may leave").select_option("never")
    reader.page.get_by_role("button", name="Check first").click()
    assert "was as this installation has it" in reader.page.locator(".field.changed").inner_text()
    assert "can no longer leave by themselves" in reader.page.locator("#outcome").inner_text()
    (row,) = service.sql("SELECT leave_policy, revision FROM batch WHERE batch_id = $1", batch_id)
    assert row["leave_policy"] is None
    reader.page.get_by_role("button", name="Save these changes").click()
    reader.page.get_by_text("Saved.").wait_for()
    (row,) = service.sql("SELECT leave_policy FROM batch WHERE batch_id = $1", batch_id)
    assert row["leave_policy"] == "never"
