"""Day by day: the cumulative lines of a batch as SVG."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

LEFT, RIGHT, TOP, BOTTOM = 46, 606, 28, 196
_MOST_GRID_LINES = 4
_LABEL_HEIGHT = 16
_MARK_ROOM = 170  # at the right edge, where the words of the last day stand
_LINES = (("l1", "t1"), ("l2", "t2"), ("l3", "t3"))


@dataclass(frozen=True, slots=True)
class DayLine:
    """How many there were by the end of each day, from `first` on; `label`: what stands at its end."""

    totals: Sequence[int]
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines from `first` to `last`, of which those to `today` are known. `pace` None: no guess of the last day's total.

    `marks`: days with their words; `end`: the words of the last day, None: it is not the batch's.
    """

    first: date
    last: date
    today: date
    lines: Sequence[DayLine]
    pace: tuple[int, str] | None
    marks: Sequence[tuple[date, str]]
    end: str | None
    title: str
    description: str


def day_by_day(chart: Chart, number: Callable[[float], str], month: Callable[[date], str]) -> Markup:
    """The chart; what it says is in its description, and as a table beside it."""
    most = max([1, *(max(line.totals, default=0) for line in chart.lines), chart.pace[0] if chart.pace else 0])
    step = nice_step(most)
    top = step * math.ceil(most / step)
    days = max((chart.last - chart.first).days, 1)

    def x(day: date) -> float:
        return round(LEFT + (day - chart.first).days / days * (RIGHT - LEFT), 1)

    def y(value: float) -> float:
        return round(BOTTOM - value / top * (BOTTOM - TOP), 1)

    grid = Markup(
        '<path class="lg" d="M46 {y}H606"/><text class="lo" x="40" y="{below}" text-anchor="end">{text}</text>'
    )
    parts = [grid.format(y=y(value), below=y(value) + 4, text=number(value)) for value in range(0, top + 1, step)]
    parts += [
        Markup('<text x="{}" y="214">{}</text>').format(x(day), month(day)) for day in _months(chart.first, chart.last)
    ]
    for day, text in chart.marks:
        parts.append(Markup('<path class="lr" d="M{} 20V196"/>').format(x(day)))
        if x(day) < RIGHT - _MARK_ROOM:
            parts.append(Markup('<text class="lo" x="{}" y="16" text-anchor="middle">{}</text>').format(x(day), text))
    if chart.end is not None:
        parts.append(
            Markup(
                '<path class="lm" d="M{x} 20V196"/><text class="tm" x="{x}" y="16" text-anchor="end">{text}</text>'
            ).format(x=x(chart.last), text=chart.end)
        )
    parts += _lines(chart, x, y)
    if chart.pace is not None and chart.lines:
        value, text = chart.pace
        begins = y(chart.lines[1].totals[-1])
        parts.append(Markup('<path class="lr" d="M{} {}L{} {}"/>').format(x(chart.today), begins, RIGHT, y(value)))
        parts.append(
            Markup('<text class="halo lo" x="598" y="{}" text-anchor="end">{}</text>').format(y(value) - 8, text)
        )
    return Markup(
        '<svg class="chart" viewBox="0 0 620 226" role="img" aria-labelledby="days-title days-text">'
        '<title id="days-title">{}</title><desc id="days-text">{}</desc>{}</svg>'
    ).format(chart.title, chart.description, Markup("").join(parts))


def nice_step(most: int) -> int:
    """The distance of grid lines: 1, 2 or 5 with noughts, so that there are at most four of them above 0."""
    power: int = 10 ** max(len(str(most)) - 2, 0)
    while True:
        for digit in (1, 2, 5):
            if most <= digit * power * _MOST_GRID_LINES:
                return digit * power
        power *= 10


def _months(first: date, last: date) -> list[date]:
    """The first days of at most six months between the two, the first itself included."""
    days, day = [first], (first.replace(day=1) + timedelta(days=32)).replace(day=1)
    while day <= last - timedelta(days=10):
        days.append(day)
        day = (day + timedelta(days=32)).replace(day=1)
    if len(days) > 1 and (days[1] - days[0]).days < 12:
        days = days[1:]
    return days[:: -(-len(days) // 6)]


def _lines(chart: Chart, x: Callable[[date], float], y: Callable[[float], float]) -> list[Markup]:
    """The lines with their words; words that would lie upon each other move apart."""
    parts: list[Markup] = []
    labels: list[tuple[float, str, str]] = []
    for line, (kind, text_kind) in zip(chart.lines, _LINES, strict=True):
        points = [(x(chart.first + timedelta(days=at)), y(total)) for at, total in enumerate(line.totals)]
        path = "L".join(f"{left} {top}" for left, top in points)
        if kind == "l1" and len(points) > 1:
            parts.append(
                Markup('<path class="fill1" d="M{}L{} 196L{} 196Z"/>').format(path, points[-1][0], points[0][0])
            )
        parts.append(Markup('<path class="{}" d="M{}"/>').format(kind, path if len(points) > 1 else f"{path}h2"))
        labels.append((points[-1][1] + 4, text_kind, line.label))
    at_end = x(chart.today)
    is_late = at_end > (LEFT + RIGHT) / 2
    below = math.inf
    for height, kind, label in sorted(labels, reverse=True):
        below = min(height, below - _LABEL_HEIGHT)
        parts.append(
            Markup('<text class="{} halo" x="{}" y="{}" text-anchor="{}">{}</text>').format(
                kind, at_end - 6 if is_late else at_end + 6, round(below, 1), "end" if is_late else "start", label
            )
        )
    return parts
