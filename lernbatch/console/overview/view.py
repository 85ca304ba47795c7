"""What the overview of a batch shows: dates in words, figures with their links, and what is still to be done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from lernbatch.batch.model import INVITE_ONLY, BatchStatus
from lernbatch.certificate.explain import DueGroup
from lernbatch.charts.bars import bar
from lernbatch.charts.days import Chart, DayLine, day_by_day
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.people import Names
from lernbatch.course.model import Course
from lernbatch.figures.model import BatchFigures, CountedBatch, Reached, Standing
from lernbatch.template.wire import read_templates
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

LONGEST_CHART_DAYS = 400


def next_dates(day: BatchDay, words: Words) -> list[dict[str, Any]]:
    """What happens on which day from today on, the next first: the day, what, and how far it is."""
    batch = day.batch
    dates: list[tuple[date, str]] = []
    if batch.enrolment_start_date is not None:
        dates.append((batch.enrolment_start_date, words._("first day to join")))
    dates.append((batch.start_date, words._("first day of the batch")))
    if day.joins_until is not None and batch.enrolment_type.lower() != INVITE_ONLY:
        dates.append((day.joins_until, words._("last day to join")))
    if batch.end_date is not None:
        dates.append((batch.end_date, words._("last day of the batch")))
        if batch.end_date < date.max:
            dates.append((batch.end_date + timedelta(days=1), words._("progress is no longer counted")))
    return [
        {"day": at, "text": text, "distance": distance(at, day.today, words)}
        for at, text in sorted(dates, key=lambda entry: entry[0])
        if at >= day.today
    ]


def distance(at: date, today: date, words: Words) -> str:
    """How far a day is: today, tomorrow, in 11 days."""
    days = (at - today).days
    if days == 0:
        return words._("today")
    if days == 1:
        return words._("tomorrow")
    return words.ngettext("in %(num)s day", "in %(num)s days", days)


@dataclass(frozen=True, slots=True)
class Links:
    """Where the figures lead; a function of a filter, None where there is no such page."""

    learners: Callable[..., str | None]
    certificates: str | None
    rules: str | None


def figures(day: BatchDay, counted: BatchFigures, links: Links, words: Words) -> list[dict[str, Any]]:
    """The six figures under the head: number, what it counts, a line below, and where it leads."""
    capacity, total = day.batch.capacity, counted.enrolled
    in_week = lately(counted, day.today)
    seats = (
        words._("no limit of seats") if capacity is None else words._("of %(num)s seats", num=words.number(capacity))
    )
    standings = dict(zip(Standing, counted.standings, strict=False))
    completed = reached(counted, Reached.COMPLETED)
    lost = standings.get(Standing.NO_ATTEMPT_LEFT, 0)
    week = [words._("%(num)s in 7 days", num="+" + words.number(count)) if count else "" for count in in_week]
    issued = words.ngettext("%(num)s certificate in 7 days", "%(num)s certificates in 7 days", in_week[2])
    return [
        {"count": total, "text": words._("enrolled"), "below": seats, "more": week[0], "link": links.learners()},
        {
            "count": counted.active,
            "text": words._("active in 7 days"),
            "below": words.part(counted.active, total),
            "more": "",
            "link": links.learners(seenWithinDays=7),
        },
        {
            "count": standings.get(Standing.NEVER_STARTED, 0),
            "text": words._("never started"),
            "below": words.part(standings.get(Standing.NEVER_STARTED, 0), total),
            "more": "",
            "link": links.learners(standings="never-started"),
        },
        {
            "count": completed,
            "text": words._("completed"),
            "below": words.part(completed, total),
            "more": week[1],
            "link": links.learners(reached="completed"),
        },
        {
            "count": counted.certified,
            "text": words._("certified"),
            "below": words.part(counted.certified, total),
            "more": f"+{issued}" if in_week[2] else "",
            "link": links.learners(certified="true"),
        },
        {
            "count": standings.get(Standing.ONE_STEP, 0),
            "text": words._("one step from a certificate"),
            "below": words.ngettext("%(num)s has no attempt left", "%(num)s have no attempt left", lost),
            "more": "",
            "link": links.learners(standings="one-step"),
        },
    ]


def reached(counted: BatchFigures, level: Reached) -> int:
    """How many came so far."""
    return counted.reached[level] if len(counted.reached) > level else 0


def happened(counted: BatchFigures) -> dict[date, tuple[int, int, int]]:
    """Day → how many enrolled and completed, and how many certificates were issued.

    The row keeps them as JSON, with days as ISO texts.
    """
    return {
        date.fromisoformat(str(day)): (enrolled, done, certified) for day, enrolled, done, certified in counted.days
    }


def lately(counted: BatchFigures, today: date) -> list[int]:
    """How many enrolled and completed in the last seven days, and how many certificates were issued."""
    days = [counts for day, counts in happened(counted).items() if day > today - timedelta(days=7)]
    return [sum(counts) for counts in zip(*days, strict=True)] or [0, 0, 0]


_LEVELS = {
    Reached.ENROLLED: ("c1", N_("Enrolled")),
    Reached.STARTED: ("c1", N_("Started")),
    Reached.HALF: ("c1", N_("Half way")),
    Reached.COMPLETED: ("c2", N_("Completed")),
    Reached.PASSED: ("c2", N_("Passed")),
    Reached.CERTIFIED: ("cg", N_("Certified")),
}


def funnel(counted: BatchFigures, links: Links, words: Words) -> list[dict[str, Any]]:
    """How far they came: a bar a level, with who came to the one above and no further."""
    rows = []
    for level, (kind, text) in _LEVELS.items():
        count = reached(counted, level)
        name = level.name.lower()
        before = _LEVELS.get(Reached(level - 1)) if level else None
        lost = reached(counted, Reached(level - 1)) - count if before else 0
        rows.append(
            {
                "text": words._(text),
                "count": count,
                "share": words.part(count, counted.enrolled),
                "bar": bar(count / counted.enrolled if counted.enrolled else 0, kind, 20),
                "link": links.learners(reached=name) if level else links.learners(),
                "lost": lost_sentence(level, lost, words) if lost else None,
                "lost_link": links.learners(reached=Reached(level - 1).name.lower(), notReached=name)
                if level
                else None,
            }
        )
    return rows


def lost_sentence(level: Reached, lost: int, words: Words) -> str:
    """Who came to the level above, and not to this one."""
    match level:
        case Reached.STARTED:
            return words.ngettext("%(num)s has not opened anything", "%(num)s have not opened anything", lost)
        case Reached.HALF:
            return words.ngettext("%(num)s is before the middle", "%(num)s are before the middle", lost)
        case Reached.COMPLETED:
            return words.ngettext("%(num)s is between half and the end", "%(num)s are between half and the end", lost)
        case Reached.PASSED:
            return words.ngettext("%(num)s has not the scores", "%(num)s have not the scores", lost)
        case _:
            return words.ngettext("%(num)s has no certificate yet", "%(num)s have no certificate yet", lost)


def units(counted: CountedBatch, links: Links, words: Words) -> list[dict[str, Any]]:
    """Where they stop: how many finished each unit of the first level."""
    total = counted.figures.enrolled
    return [
        {
            "text": f"{words.number(number)}. {unit.name}",
            "count": finished,
            "bar": bar(finished / total if total else 0),
            "stopped_link": links.learners(unfinishedUnit=number),
            "link": links.learners(finishedUnit=number),
        }
        for number, (unit, finished) in enumerate(zip(counted.units, counted.figures.units, strict=False), 1)
    ]


LEAST_DAYS, LEAST_LEARNERS, PACE_DAYS = 7, 30, 14  # from when on the pace is drawn, and the days that it is taken from


def totals_by_day(counted: BatchFigures, today: date) -> tuple[date, list[tuple[date, int, int, int]]]:
    """The first day on which anything happened, and the totals by the end of each day from it to `today`."""
    by_day = happened(counted)
    first = min([today, *by_day])
    # What the days do not hold happened before them.
    known_totals = [sum(counts) for counts in zip(*by_day.values(), strict=True)] or [0, 0, 0]
    ends = (counted.enrolled, reached(counted, Reached.COMPLETED), counted.certified)
    totals = [max(end - part, 0) for end, part in zip(ends, known_totals, strict=True)]
    rows: list[tuple[date, int, int, int]] = []
    day = first
    while day <= today:
        totals = [total + more for total, more in zip(totals, by_day.get(day, (0, 0, 0)), strict=True)]
        rows.append((day, totals[0], totals[1], totals[2]))
        day += timedelta(days=1)
    return first, rows


def pace(rows: Sequence[tuple[date, int, int, int]], last: date | None, enrolled: int) -> int | None:
    """How many will have completed by the last day, if they go on as in the last 14 days; never more than enrolled.

    None: there are under 7 days or 30 learners to go by, or no day to come.
    """
    if last is None or len(rows) < LEAST_DAYS or enrolled < LEAST_LEARNERS or last <= rows[-1][0]:
        return None
    window = rows[-PACE_DAYS - 1 :]
    a_day = (window[-1][2] - window[0][2]) / max(len(window) - 1, 1)
    return min(round(rows[-1][2] + a_day * (last - rows[-1][0]).days), enrolled)


def chart(day: BatchDay, counted: BatchFigures, words: Words) -> dict[str, Any] | None:
    """Day by day as a picture, as a sentence, and as a table. None: nothing has happened yet."""
    if not counted.days:
        return None
    batch = day.batch
    first, rows = totals_by_day(counted, day.today)
    last = max(batch.end_date or day.today, day.today)
    if (last - first).days > LONGEST_CHART_DAYS:
        last = max(day.today, first + timedelta(days=LONGEST_CHART_DAYS))
    guess = pace(rows, batch.end_date, counted.enrolled)
    lines = [[row[1] for row in rows], [row[2] for row in rows], [row[3] for row in rows]]
    totals = rows[-1][1:]
    texts = [
        words.ngettext("%(num)s enrolled", "%(num)s enrolled", totals[0]),
        words.ngettext("%(num)s completed", "%(num)s completed", totals[1]),
        words.ngettext("%(num)s certificate", "%(num)s certificates", totals[2]),
    ]
    since = words._("Since %(day)s: %(figures)s.", day=words.day_text(first), figures=words.listed(texts))
    sentence = None
    if guess is not None and batch.end_date is not None:
        sentence = words._(
            "At this pace about %(num)s (%(share)s) will have completed by the last day.",
            num=words.number(guess),
            share=words.part(guess, counted.enrolled),
        )
    marks = [(day.joins_until, words._("joining ends"))] if day.joins_until and first < day.joins_until < last else []
    picture = Chart(
        first,
        last,
        day.today,
        [DayLine(line, text) for line, text in zip(lines, texts, strict=True)],
        None if guess is None else (guess, words._("about %(num)s at this pace", num=words.number(guess))),
        marks,
        words._("last day, %(day)s", day=words.day_text(last, short=True, weekday=False))
        if batch.end_date == last
        else None,
        words._("Enrolled, completed and certificates by day"),
        f"{since} {sentence or ''}".strip(),
    )
    return {
        "picture": day_by_day(picture, words.number, lambda at: words.day_text(at, short=True, weekday=False)),
        "sentence": sentence,
        "rows": [row for row in reversed(rows) if row[0] in happened(counted)],
    }


def needs(
    day: BatchDay, course: Course | None, counted: BatchFigures, due: Sequence[DueGroup], links: Links, words: Words
) -> list[dict[str, Any]]:
    """What needs somebody, the most urgent first: how many, what, why, and where to go."""
    entries = []
    failed = [group for group in due if group.parked]
    if failed:
        reasons = [f"{words.number(group.learners)}: {group.error or words._('not known why')}" for group in failed[:3]]
        entries.append(
            {
                "kind": "bad",
                "count": sum(group.learners for group in failed),
                "text": words._("Certificates could not be issued"),
                "why": ". ".join(reasons),
                "link": links.certificates,
            }
        )
    impossible = [
        template for template in read_templates(day.batch.templates) if not awards.can_be_met(template, course)
    ]
    if impossible:
        entries.append(
            {
                "kind": "bad",
                "count": len(impossible),
                "text": words._("The rule of a certificate can never be met"),
                "why": words._(
                    "No learner can do what it asks for: it is not in the course, or no score is like that."
                ),
                "link": links.rules,
            }
        )
    standings = dict(zip(Standing, counted.standings, strict=False))
    if lost := standings.get(Standing.NO_ATTEMPT_LEFT, 0):
        entries.append(
            {
                "kind": "warn",
                "count": lost,
                "text": words._("No attempt is left"),
                "why": words._(
                    "They completed everything, and no attempt that they still have could bring a certificate."
                ),
                "link": links.learners(standings="no-attempt-left"),
            }
        )
    capacity = day.batch.capacity
    left = None if capacity is None else capacity - counted.enrolled
    if capacity is not None and left is not None and left * 20 <= capacity and day.status is not BatchStatus.ENDED:
        entries.append(
            {
                "kind": "warn",
                "count": max(left, 0),
                "text": words._("Seats are nearly gone") if left > 0 else words._("No seat is left"),
                "why": words._(
                    "%(num)s of %(total)s are taken.", num=words.number(counted.enrolled), total=words.number(capacity)
                ),
                "link": links.rules,
            }
        )
    away = standings.get(Standing.STOPPED, 0)
    if away and day.status is BatchStatus.ONGOING:
        entries.append(
            {
                "kind": "info",
                "count": away,
                "text": words._("Not seen for two weeks"),
                "why": words._("They had begun, and stopped."),
                "link": links.learners(standings="stopped"),
            }
        )
    return entries


def preparations(day: BatchDay, names: Names, words: Words) -> list[dict[str, Any]]:
    """What should be settled before a batch begins, and whether it is."""
    batch = day.batch
    first = words.day_text(batch.start_date)
    if batch.end_date is None:
        dates = words._("first day %(first)s, no end", first=first)
    else:
        dates = words._("from %(first)s to %(last)s", first=first, last=words.day_text(batch.end_date))
    mentors = words.listed([names.of(user_id) for user_id in batch.mentors[:3]])
    if len(batch.mentors) > 3:
        mentors = words.ngettext("%(num)s mentor", "%(num)s mentors", len(batch.mentors))
    return [
        {"is_met": True, "text": words._("Dates"), "detail": dates, "page": "rules"},
        {
            "is_met": bool(batch.mentors),
            "text": words._("Mentors") if batch.mentors else words._("No mentor"),
            "detail": mentors or words._("Nobody but who made the batch can look after it."),
            "page": "rules",
        },
        {
            "is_met": bool(batch.templates),
            "text": words._("Certificate") if batch.templates else words._("No certificate"),
            "detail": certificates(batch.templates, words),
            "page": "certificates",
        },
    ]


def certificates(templates: Mapping[str, Any], words: Words) -> str:
    if not templates:
        return words._("Who completes gets nothing until a template is attached.")
    names = [str(template.get("name") or key) for key, template in templates.items() if isinstance(template, Mapping)]
    return words.listed(names or list(templates))


def join_sentence(day: BatchDay, words: Words) -> str:
    """Who can use the link to the batch, and from when."""
    batch = day.batch
    if batch.enrolment_type.lower() == INVITE_ONLY:
        return words._("Only who is on the list can join by it: this batch is by invitation.")
    if day.status is BatchStatus.ENDED:
        return words._("The batch has ended: nobody can join any more.")
    starts = batch.enrolment_start_date
    if starts is not None and day.today < starts:
        return words._("People join by themselves from %(day)s.", day=words.day_text(starts))
    return words._("People join by themselves.")
