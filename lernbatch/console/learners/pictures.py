"""The whole batch in one picture: its learners from left to right, who came farthest first, its units as rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from markupsafe import Markup

from lernbatch.figures.model import BatchFigures, Reached
from lernbatch.figures.rules import ranks_of
from lernbatch.wording.words import Words

WIDTH, ROW = 960, 12
LEAST_LEARNERS = 8  # of whom a picture says more than their table
_STEPS = (1, 34, 67, 100)  # percent from which a cell is darker


def step(percent: int) -> int:
    """How dark a cell is: 0 for nothing, 4 for all."""
    return sum(percent >= least for least in _STEPS)


def picture_of(counted: BatchFigures, learners_address: str, words: Words) -> dict[str, Any] | None:
    """The picture, what it says in a sentence, and the lists of its four parts. None: there are too few learners.

    `learners_address`: of the list that the columns lead to.
    """
    total, columns = counted.enrolled, counted.picture
    if total < LEAST_LEARNERS or not columns or not columns[0]:
        return None
    completed = counted.reached[Reached.COMPLETED]
    half, started = counted.reached[Reached.HALF], counted.reached[Reached.STARTED]
    parts = [
        (completed, words._("completed"), "?reached=completed"),
        (half - completed, words._("past the middle"), "?reached=half&notReached=completed"),
        (started - half, words._("before the middle"), "?reached=started&notReached=half"),
        (total - started, words._("not begun"), "?notReached=started"),
    ]
    return {
        "svg": _drawn(columns, total, learners_address),
        "each": words._("each column a learner")
        if _each(counted) == 1
        else words.ngettext("each column about %(num)s learner", "each column about %(num)s learners", _each(counted)),
        "parts": [
            {"count": count, "text": text, "link": learners_address + query} for count, text, query in parts if count
        ],
    }


def _each(counted: BatchFigures) -> int:
    return max(round(counted.enrolled / len(counted.picture)), 1)


def _drawn(columns: Sequence[Sequence[int]], total: int, address: str) -> Markup:
    """Neighbours of one colour are one rectangle; over them lie the columns as links, beside the text ones below."""
    width, rows = WIDTH / len(columns), len(columns[0])
    parts: list[Markup] = []
    for row in range(rows):
        at = 0
        for colour, run in groupby(step(column[row]) for column in columns):
            length = len(list(run))
            parts.append(
                Markup('<rect class="k{}" x="{}" y="{}" width="{}" height="{}"/>').format(
                    colour, round(at * width, 1), row * ROW, round(length * width, 1), ROW - 1
                )
            )
            at += length
    for number in range(len(columns)):
        first, last = ranks_of(number, len(columns), total)
        parts.append(
            Markup(
                '<a href="{}?fromRank={}&amp;toRank={}" tabindex="-1"><rect x="{}" width="{}" height="{}"/></a>'
            ).format(address, first, last, round(number * width, 1), round(width, 1), rows * ROW)
        )
    return Markup(
        '<svg class="whole" viewBox="0 0 {} {}" preserveAspectRatio="none" width="100%" height="{}" '
        'aria-hidden="true">{}</svg>'
    ).format(WIDTH, rows * ROW, min(max(rows * ROW, 72), 160), Markup("").join(parts))
