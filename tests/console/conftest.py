"""What tests of the console may ask for: readers without a browser, and pages in Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lernbatch.wording.words import Words
from tests.certificate.conftest import cohort as cohort
from tests.certificate.conftest import nothing_due as nothing_due
from tests.console.browsing import Visitor
from tests.people import Person
from tests.running import Running

Visits = Callable[..., Visitor]


@pytest.fixture
def visits(service: Running) -> Iterator[Visits]:
    """Makes a reader: `visits(VIKRAM)` is signed in, `visits()` is nobody; further arguments are headers."""
    with ExitStack() as opened:

        def visitor(person: Person | None = None, at: Running = service, **headers: str) -> Visitor:
            reader = Visitor(at, person, **headers)
            opened.callback(reader.http.close)
            return reader

        yield visitor


@pytest.fixture
def words() -> Words:
    """English, on the afternoon of 20 August 2026 in India."""
    return Words("en", datetime(2026, 8, 20, 10, 42, tzinfo=UTC), ZoneInfo("Asia/Kolkata"))
