"""How far a move is, and what a process does after the hand-over."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from lernbatch import command
from lernbatch.takeover import showing
from lernbatch.takeover.showing import Shown
from tests.takeover.moving import Installation
from tests.takeover.test_hand_over import handed_over


def test_m30_without_a_terminal_there_is_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    with Shown(Console(file=text, width=200)) as shown:
        for _ in range(5):
            shown("rows", 2000, None)
        assert text.getvalue() == ""
        monkeypatch.setattr(showing, "LINE_EVERY_SECONDS", 0.0)
        shown("chunks read", 3, 8)
    assert text.getvalue().strip() == "10000 rows, 3 chunks read"


def test_m30_on_a_terminal_there_are_bars() -> None:
    text = io.StringIO()
    with Shown(Console(file=text, width=200, force_terminal=True)) as shown:
        shown("slices built", 1, 4)
    assert "slices built" in text.getvalue()
    assert "1/4" in text.getvalue()


def test_m43_after_the_hand_over_nothing_is_muted_whatever_is_set(installation: Installation) -> None:
    installation.settings = {"takeover": "copy"}

    def counts() -> str:
        return asyncio.run(command.unmuted(installation.config, installation.dsn)).takeover

    assert counts() == "copy"
    handed_over(installation)
    assert counts() == "off"
