"""The figures of an overview as pure functions: sums that add up, lines and their table, and the pace."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lernbatch.charts import days as pictures
from lernbatch.console.overview import view
from lernbatch.console.overview.view import Links
from lernbatch.figures.model import BatchFigures, Reached, Standing
from lernbatch.wording.words import Words

TODAY = date(2026, 8, 20)
FIGURES = BatchFigures(
    "0140",
    datetime(2026, 8, 20, 10, tzinfo=UTC),
    enrolled=100,
    certified=20,
    active=55,
    reached=[100, 80, 60, 35, 30, 20],
    standings=[0] * len(Standing),
    # As the row keeps them: days as texts.
    days=[["2026-08-20", 5, 3, 2], ["2026-08-13", 10, 6, 4], ["2026-08-01", 80, 20, 10]],  # type: ignore[list-item]
)


def links(**filters: object) -> str:
    return "?" + "&".join(f"{name}={value}" for name, value in filters.items())


LINKS = Links(links, None, None)


def test_k14_the_lost_between_two_bars_and_the_lower_bar_add_up_to_the_upper(words: Words) -> None:
    rows = view.funnel(FIGURES, LINKS, words)
    lost = [int(re.sub(r"\D.*", "", row["lost"])) for row in rows[1:]]
    assert [row["count"] for row in rows] == [100, 80, 60, 35, 30, 20]
    assert [upper["count"] - lower["count"] for upper, lower in itertools.pairwise(rows)] == lost
    assert rows[1]["lost_link"] == "?reached=enrolled&notReached=started"
    assert rows[3]["lost_link"] == "?reached=half&notReached=completed"


def test_a_level_that_nobody_is_lost_at_has_no_line(words: Words) -> None:
    rows = view.funnel(replace(FIGURES, reached=[100, 100, 60, 60, 60, 60]), LINKS, words)
    assert [row["lost"] is None for row in rows] == [True, True, False, True, True, True]


def test_figures_of_a_batch_that_was_never_counted_are_nought(words: Words) -> None:
    rows = view.funnel(BatchFigures("0140"), LINKS, words)
    assert {row["count"] for row in rows} == {0}
    assert view.reached(BatchFigures("0140"), Reached.COMPLETED) == 0


def test_k17_the_table_of_days_has_the_totals_of_the_lines() -> None:
    first, rows = view.totals_by_day(FIGURES, TODAY)
    assert (first, len(rows)) == (date(2026, 8, 1), 20)
    # What happened before the days that are kept stands in the first of them.
    assert rows[0] == (date(2026, 8, 1), 85, 26, 14)
    assert rows[-1] == (TODAY, 100, 35, 20)
    assert all(before[1] <= after[1] for before, after in itertools.pairwise(rows))


def test_k12_a_week_is_the_last_seven_days() -> None:
    assert view.lately(FIGURES, TODAY) == [5, 3, 2]
    assert view.lately(replace(FIGURES, days=[]), TODAY) == [0, 0, 0]


def days(count: int, a_day: int) -> list[tuple[date, int, int, int]]:
    return [(TODAY - timedelta(days=count - 1 - at), 100, at * a_day, 0) for at in range(count)]


@pytest.mark.parametrize(
    ("rows", "last", "enrolled", "guess"),
    [
        (days(15, 2), TODAY + timedelta(days=10), 100, 48),
        (days(15, 2), TODAY + timedelta(days=100), 100, 100),  # never more than there are
        (days(30, 1), TODAY + timedelta(days=10), 100, 39),  # of the last 14 days alone
        (days(6, 2), TODAY + timedelta(days=10), 100, None),  # under 7 days
        (days(15, 2), TODAY + timedelta(days=10), 29, None),  # under 30 learners
        (days(15, 2), TODAY, 100, None),  # no day to come
        (days(15, 2), None, 100, None),  # no end
    ],
)
def test_k17_the_pace_is_that_of_fourteen_days_and_not_drawn_with_too_little(
    rows: list[tuple[date, int, int, int]], last: date | None, enrolled: int, guess: int | None
) -> None:
    assert view.pace(rows, last, enrolled) == guess


@pytest.mark.parametrize(
    ("most", "step"),
    [(1, 1), (4, 1), (5, 2), (9, 5), (40, 10), (99, 50), (100, 50), (12_480, 5000), (1_000_000, 500_000)],
)
def test_grid_lines_stand_at_round_numbers_and_are_few(most: int, step: int) -> None:
    assert pictures.nice_step(most) == step
    assert -(-most // step) <= 4
