"""Pictures of the list: numbers in, SVG out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

WIDTH = 180
_MARGIN = 2
LONGEST_SCALE = timedelta(days=366)
_SHORTEST = 2.0  # a bar of a day is still seen


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Whole months, from the first day to the last, that all strips of a page share."""

    first: date
    last: date

    def x(self, day: date) -> float:
        """Where the day begins; days outside lie on the edge."""
        share = (day - self.first) / (self.last - self.first + timedelta(days=1))
        return round(_MARGIN + min(max(share, 0.0), 1.0) * (WIDTH - 2 * _MARGIN), 1)

    def months(self) -> list[date]:
        """The first day of each month."""
        days, day = [], self.first
        while day <= self.last:
            days.append(day)
            day = next_month(day)
        return days


def scale(spans: list[tuple[date, date | None]], today: date) -> TimeScale:
    """The scale on which those spans (the end None: open) and today are seen; at most a year, with today in it."""
    first = min([today, *(start for start, _ in spans)])
    last = max([today, *(end or start for start, end in spans)])
    first = max(first, today - LONGEST_SCALE / 2)
    last = max(min(last, first + LONGEST_SCALE), today)
    return TimeScale(first.replace(day=1), next_month(last) - timedelta(days=1))


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


@dataclass(frozen=True, slots=True)
class Strip:
    """The days of a batch. `joins_from` None: nobody joins by themselves."""

    starts: date
    ends: date | None
    joins_from: date | None
    joins_until: date | None
    has_ended: bool


def timeline(strip: Strip, scale: TimeScale, today: date, words: str) -> Markup:
    """A thin line for joining, a thick bar for running, an upright one for today. `words`: the same, said."""
    grid = Markup("").join(Markup('<path class="lg" d="M{} 0V22"/>').format(scale.x(day)) for day in scale.months())
    joining = Markup("")
    if strip.joins_from is not None:
        joining = Markup('<rect class="c3" y="3" height="3" rx="1.5" x="{}" width="{}"/>').format(
            *_extent(scale, strip.joins_from, strip.joins_until)
        )
    running = Markup('<rect class="{}" y="9" height="8" rx="2" x="{}" width="{}"/>').format(
        "cm" if strip.has_ended else "c1", *_extent(scale, strip.starts, strip.ends)
    )
    return Markup(
        '<svg class="timeline" viewBox="0 0 180 22" width="180" height="22" role="img" aria-label="{}">{}{}{}'
        '<path class="lm" d="M{} 0V22"/></svg>'
    ).format(words, grid, joining, running, scale.x(today))


def _extent(scale: TimeScale, first: date, last: date | None) -> tuple[float, float]:
    """Where a bar begins, and how wide it is. `last` None: to the edge."""
    start = scale.x(first)
    end = float(WIDTH - _MARGIN) if last is None else scale.x(last + timedelta(days=1) if last < date.max else last)
    width = max(round(end - start, 1), _SHORTEST)
    return min(start, WIDTH - _SHORTEST), width
