"""What the list of batches shows: the search of a query, and its result as rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from lernbatch.batch import rules as batch_rules
from lernbatch.batch.model import INVITE_ONLY, Batch, BatchStatus
from lernbatch.batch.search.model import AnyOf, BatchSearch, Condition, Cursor, Facet, OneOf, SortKey, Word
from lernbatch.charts.timelines import Strip, TimeScale, timeline
from lernbatch.console.batch_frame import STATES
from lernbatch.console.people import Names
from lernbatch.course.model import Course
from lernbatch.template.wire import read_templates
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

PAGE_SIZE = 50
LONGEST_WORDS = 200
ADDRESS = "/console/batches"
VIEWS = {
    "running": (BatchStatus.ONGOING, N_("Running")),
    "upcoming": (BatchStatus.UPCOMING, N_("Upcoming")),
    "ended": (BatchStatus.ENDED, N_("Ended")),
}
MENTORED, ALL = "mentored", "all"
# Order → its keys, and the sentence that says it.
SORTS: dict[str, tuple[tuple[SortKey, ...], str]] = {
    "end": ((SortKey("endDate", False), SortKey("startDate", False)), N_("What ends first is on top.")),
    "-end": ((SortKey("endDate", True), SortKey("startDate", True)), N_("What ends last is on top.")),
    "enrolled": ((SortKey("participantCount", True),), N_("The largest are on top.")),
    "completed": ((SortKey("completedCount", True),), N_("Those that most people completed are on top.")),
    "name": ((SortKey("name", False),), N_("By name.")),
}


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What the address asks for; unknown values count as none."""

    view: str
    course_id: str
    words: str
    sort: str
    after: str

    def link(self, **changes: str) -> str:
        """The address of the list with some of it changed; from its first page."""
        parameters = {"view": self.view, "course": self.course_id, "words": self.words, "sort": self.sort, **changes}
        return f"?{urlencode({name: value for name, value in parameters.items() if value})}"

    @property
    def about(self) -> str:
        """What a cursor of this list is good for."""
        return f"batches {self.view} {self.course_id} {self.words} {self.sort}"

    @property
    def has_filter(self) -> bool:
        return bool(self.course_id or self.words)

    @property
    def kept(self) -> str:
        """What a view of one's own keeps of the address; empty: it shows nothing but one of ours."""
        return self.link()[1:] if self.has_filter or self.sort != _usual_sort(self.view) else ""


def read_query(query: Mapping[str, str], counts: Mapping[str, int]) -> ListQuery:
    """`counts`: batches by view. Without a view it is the running ones, where there are any, else all."""
    views = (*VIEWS, MENTORED, ALL)
    view = query.get("view", "")
    if view not in views:
        view = "running" if counts.get("running") else ALL
    sort = query.get("sort", "")
    if sort not in SORTS:
        sort = _usual_sort(view)
    words = " ".join(query.get("words", "")[:LONGEST_WORDS].split())
    return ListQuery(view, query.get("course", "")[:LONGEST_WORDS], words, sort, query.get("after", ""))


def _usual_sort(view: str) -> str:
    return "-end" if view == "ended" else "end"


def whose(user_id: str | None, organisation_ids: Sequence[str] | None) -> tuple[Condition, ...]:
    """The batches that are somebody's business. `organisation_ids`: those they administer, None: all there are."""
    if organisation_ids is None:
        return ()
    own: list[Condition] = [OneOf(field, (user_id or "",)) for field in ("createdBy", "mentors")]
    if organisation_ids:
        own.append(OneOf("createdFor", tuple(organisation_ids)))
    return (AnyOf(tuple(own)),)


def overview(conditions: tuple[Condition, ...]) -> BatchSearch:
    """The search that counts batches by state and by course."""
    facets = (Facet("status", by_day=False), Facet("courseId", by_day=False))
    return _search(conditions, (), 1, None, facets)


def counts_by_view(values: Sequence[tuple[str | int, int]], total: int) -> dict[str, int]:
    by_status = {int(status): count for status, count in values}
    counts = {view: by_status.get(status.value, 0) for view, (status, _) in VIEWS.items()}
    return {**counts, ALL: total}


def search(
    query: ListQuery, conditions: tuple[Condition, ...], user_id: str | None, cursor: Cursor, limit: int
) -> BatchSearch:
    """The search for one page of the list."""
    more: list[Condition] = []
    if query.view in VIEWS:
        more.append(OneOf("status", (VIEWS[query.view][0].value,)))
    if query.view == MENTORED:
        more.append(OneOf("mentors", (user_id or "",)))
    if query.course_id:
        more.append(OneOf("courseId", (query.course_id,)))
    more += [Word(word, ("name", "description"), must_occur=True) for word in query.words.lower().split()]
    return _search((*conditions, *more), SORTS[query.sort][0], limit, cursor, ())


def _search(
    conditions: tuple[Condition, ...],
    sort: tuple[SortKey, ...],
    limit: int,
    cursor: Cursor | None,
    facets: tuple[Facet, ...],
) -> BatchSearch:
    counted = () if facets else ("participantCount",)  # the counts of learners come with this field
    return BatchSearch(
        conditions, sort, limit, 0, counted, facets, cursor, with_creators=False, with_participants=False
    )


@dataclass(frozen=True, slots=True)
class Counted:
    """What is known of a batch's learners. `active`, `certified` None: they are being counted for the first time."""

    enrolled: int = 0
    completed: int = 0
    active: int | None = None
    certified: int | None = None


def row(
    batch: Batch,
    counted: Counted,
    course: Course | None,
    names: Names,
    words: Words,
    scale: TimeScale,
    today: date,
    closes_days_before: int,
) -> dict[str, Any]:
    """One batch as a row. `today`: in its own zone; `closes_days_before`: see batch.rules.enrolment_end."""
    status = batch_rules.status_on(today, batch.start_date, batch.end_date)
    kind, state = STATES[status]
    joins_until = batch_rules.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)
    is_invited = batch.enrolment_type.lower() == INVITE_ONLY
    strip = Strip(
        batch.start_date,
        batch.end_date,
        None if is_invited else batch.enrolment_start_date or min(batch.start_date, batch.created_at.date()),
        joins_until,
        status is BatchStatus.ENDED,
    )
    return {
        "batch_id": batch.batch_id,
        "address": f"{ADDRESS}/{batch.batch_id}",
        "name": batch.name,
        "course": course.name if course else batch.course_id,
        "people": people(batch, names, words),
        "is_invited": is_invited,
        "kind": kind,
        "state": words._(state),
        "flag": flag(batch, course, counted, status, today, words),
        "timeline": timeline(strip, scale, today, spoken(batch, joins_until, is_invited, words)),
        "dates": dates(batch, words),
        "enrolled": counted.enrolled,
        "capacity": batch.capacity,
        "completed": counted.completed,
        "active": counted.active if status is BatchStatus.ONGOING else None,
        "certified": counted.certified,
        "has_begun": status is not BatchStatus.UPCOMING,
    }


def people(batch: Batch, names: Names, words: Words) -> str:
    """Meera Nair and 11 mentors; of a batch without mentors who made it."""
    if not batch.mentors:
        return names.of(batch.created_by) if batch.created_by else ""
    first, others = names.of(batch.mentors[0]), len(batch.mentors) - 1
    if not others:
        return first
    return words.ngettext("%(name)s and %(num)s mentor more", "%(name)s and %(num)s mentors more", others, name=first)


def flag(
    batch: Batch, course: Course | None, counted: Counted, status: BatchStatus, today: date, words: Words
) -> tuple[str, str] | None:
    """The one thing that somebody should know of a batch, with its colour; None, when there is nothing."""
    if status is BatchStatus.ENDED:
        return None
    if not all(awards.can_be_met(template, course) for template in read_templates(batch.templates)):
        return ("bad", words._("rule can never be met"))
    if batch.end_date == today:
        return ("warn", words._("ends today"))
    if batch.end_date is not None and (batch.end_date - today).days == 1:
        return ("warn", words._("ends tomorrow"))
    if batch.capacity is not None and counted.enrolled >= batch.capacity:
        return ("square", words._("full"))
    return None


def dates(batch: Batch, words: Words) -> str:
    """5 Jun – 4 Sep"""
    first = words.day_text(batch.start_date, short=True, weekday=False)
    if batch.end_date is None:
        return words._("%(first)s – no end", first=first)
    return f"{first} – {words.day_text(batch.end_date, short=True, weekday=False)}"


def spoken(batch: Batch, joins_until: date | None, is_invited: bool, words: Words) -> str:
    """The picture of the dates in words."""
    first = words.day_text(batch.start_date)
    if batch.end_date is None:
        running = words._("From %(first)s, without an end", first=first)
    else:
        running = words._("From %(first)s to %(last)s", first=first, last=words.day_text(batch.end_date))
    if is_invited:
        joining = words._("joining by invitation")
    elif joins_until is None:
        joining = words._("joining at any time")
    else:
        joining = words._("joining until %(day)s", day=words.day_text(joins_until))
    return f"{running}; {joining}"


def chips(query: ListQuery, counts: Mapping[str, int], mentors: bool, words: Words) -> list[dict[str, Any]]:
    """The saved views as links."""
    views = [(view, text) for view, (_, text) in VIEWS.items()]
    views += [(MENTORED, N_("I mentor"))] if mentors else []
    return [
        {
            "link": ListQuery(view, "", "", "", "").link(),
            "text": words._(text),
            "count": counts.get(view),
            "is_current": view == query.view,
        }
        for view, text in [*views, (ALL, N_("All"))]
    ]


def hidden_sentence(query: ListQuery, total: int, in_view: int | None, words: Words) -> str | None:
    """How many the filter leaves out, of those of its view; None without a filter."""
    if not query.has_filter or in_view is None:
        return None
    left_out = in_view - total
    return words.ngettext(
        "The filter leaves out %(num)s batch of this view.",
        "The filter leaves out %(num)s batches of this view.",
        left_out,
    )


def csv_columns(words: Words) -> list[str]:
    return [
        words._(text)
        for text in (
            N_("Batch"),
            N_("Name"),
            N_("Course"),
            N_("State"),
            N_("First day"),
            N_("Last day"),
            N_("Enrolled"),
            N_("Seats"),
            N_("Completed"),
            N_("Active in 7 days"),
            N_("Certified"),
        )
    ]


def csv_row(batch: Batch, counted: Counted, course: Course | None, words: Words, today: date) -> list[Any]:
    _, state = STATES[batch_rules.status_on(today, batch.start_date, batch.end_date)]
    return [
        batch.batch_id,
        batch.name,
        course.name if course else batch.course_id,
        words._(state),
        batch.start_date.isoformat(),
        batch.end_date.isoformat() if batch.end_date else "",
        counted.enrolled,
        batch.capacity,
        counted.completed,
        counted.active,
        counted.certified,
    ]
