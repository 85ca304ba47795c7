"""What the overview of a batch shows: dates in words, figures with their links, and what is still to be done."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from lernbatch.batch.model import INVITE_ONLY, BatchStatus
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.people import Names
from lernbatch.console.words import Words


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


def figures(day: BatchDay, enrolled: int, completed: int, words: Words) -> list[dict[str, str]]:
    """The figures under the head: number, what it counts, and a line below."""
    capacity = day.batch.capacity
    seats = (
        words._("no limit of seats") if capacity is None else words._("of %(num)s seats", num=words.number(capacity))
    )
    return [
        {"value": words.number(enrolled), "text": words._("enrolled"), "below": seats},
        {"value": words.number(completed), "text": words._("completed"), "below": words.part(completed, enrolled)},
    ]


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
