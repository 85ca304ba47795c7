"""The page of operation in a browser."""

from __future__ import annotations

import pytest

from tests.console.chromium import Theme
from tests.console.pages.conftest import APPEARANCES, Readers
from tests.people import PLATFORM
from tests.running import Running


@pytest.mark.parametrize(("theme", "width"), APPEARANCES)
def test_k64_operation_does_not_scroll_sideways(readers: Readers, service: Running, width: int, theme: Theme) -> None:
    service.sql(
        "INSERT INTO sandbox_person (user_id, first_name, last_name, roles) VALUES ($1, 'Prabha', 'Rao', $2)"
        " ON CONFLICT DO NOTHING",
        PLATFORM.user_id,
        list(PLATFORM.roles),
    )
    service.sql(
        "INSERT INTO outbox (destination, topic, key, payload, created_at, due_at, parked, error)"
        " VALUES ('mail', '', 'k', '{}', now(), now(), true, 'The mail service answered 503 after all its tries.')"
    )
    service.sql(
        "INSERT INTO job (kind, next_run_at, last_run_at) VALUES ('course.refresh', now(), now())"
        " ON CONFLICT DO NOTHING"
    )
    reader = readers(PLATFORM, width=width, theme=theme)
    for path in ("/console/operation", "/console/operation/settings"):
        reader.page.goto(path)
        assert not reader.scrolls_sideways()
    assert reader.complaints == []
    service.sql("DELETE FROM outbox")
    service.sql("DELETE FROM job")
