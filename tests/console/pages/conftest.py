"""Pages in Chromium. Where there is none, a line at the end says what was not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.console import chromium
from tests.console.chromium import PHONE, WIDE, Reader, Theme
from tests.console.term import Term, term_of
from tests.people import Person
from tests.real import chromium as installed
from tests.running import Running

Readers = Callable[..., Reader]
# Both themes, both widths; each of the one with each of the other where `make test-real` runs.
APPEARANCES = [
    ("light", WIDE),
    ("dark", PHONE),
    pytest.param("light", PHONE, marks=pytest.mark.real),
    pytest.param("dark", WIDE, marks=pytest.mark.real),
]
collect_ignore_glob = [] if installed.program() else ["test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if installed.program() is None:
        count = len(list(Path(__file__).parent.glob("test_*.py")))
        terminalreporter.write_line(
            f"NOT RUN: no Chromium is installed here (Debian's package is chromium), so the {count} files of tests in "
            "tests/console/pages were left out: how the console's pages look and behave in a browser."
        )


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for the tests of a file: while it is open, nothing else in this thread can run a loop."""
    with chromium.browser() as opened:
        yield opened


@pytest.fixture
def readers(browser: Browser, service: Running) -> Iterator[Readers]:
    """Opens a window: `readers(VIKRAM, width=360, theme="dark", language="ur", script=False)`."""
    with ExitStack() as opened:

        def reader(
            person: Person | None = None,
            *,
            width: int = WIDE,
            theme: Theme = "light",
            language: str = "en",
            script: bool = True,
            at: Running = service,
        ) -> Reader:
            window = Reader(browser, at, person, width, theme, language, script)
            opened.callback(window.context.close)
            return window

        yield reader


@pytest.fixture
def term(service: Running) -> Term:
    return term_of(service)
