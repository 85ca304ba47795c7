"""Dates in the tokens of Moment: one line a token."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lernbatch.drawing.dates import format_date

AT = datetime(2026, 7, 1, 15, 4, 9, 78_900, tzinfo=UTC)  # 20:34:09 in Kolkata
MORNING = datetime(2026, 11, 22, 18, 31, tzinfo=UTC)  # one minute past midnight there, on the 23rd
KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("token", "evening", "midnight"),
    [
        ("YYYY", "2026", "2026"),
        ("YY", "26", "26"),
        ("MMMM", "July", "November"),
        ("MMM", "Jul", "Nov"),
        ("MM", "07", "11"),
        ("M", "7", "11"),
        ("DDDD", "182", "327"),
        ("Do", "1st", "23rd"),
        ("DD", "01", "23"),
        ("D", "1", "23"),
        ("dddd", "Wednesday", "Monday"),
        ("ddd", "Wed", "Mon"),
        ("HH", "20", "00"),
        ("H", "20", "0"),
        ("hh", "08", "12"),
        ("h", "8", "12"),
        ("mm", "34", "01"),
        ("m", "34", "1"),
        ("ss", "09", "00"),
        ("s", "9", "0"),
        ("SSS", "078", "000"),
        ("A", "PM", "AM"),
        ("a", "pm", "am"),
        ("Z", "+05:30", "+05:30"),
        ("ZZ", "+0530", "+0530"),
        ("[Q] D", "Q 1", "Q 23"),
        ("W", "W", "W"),  # no token of templates: stands as it is
        ("x X Q", "x X Q", "x X Q"),
    ],
)
def test_a_token_is_written_as_moment_does(token: str, evening: str, midnight: str) -> None:
    assert (format_date(AT, token, KOLKATA), format_date(MORNING, token, KOLKATA)) == (evening, midnight)


@pytest.mark.parametrize(
    ("day", "ordinal"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (13, "13th"), (22, "22nd")],
)
def test_ordinals(day: int, ordinal: str) -> None:
    assert format_date(datetime(2026, 7, day, tzinfo=UTC), "Do", UTC) == ordinal
