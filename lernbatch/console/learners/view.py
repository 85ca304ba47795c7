"""What the table of learners shows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from lernbatch.archive.model import Row
from lernbatch.console.learners.pictures import step
from lernbatch.console.people import Names
from lernbatch.figures import rules
from lernbatch.figures.model import LearnerRow, LearnersPage, LearnersQuery, Position, Standing
from lernbatch.figures.wire import STANDING_NAMES, show_cursor
from lernbatch.wording import standings
from lernbatch.wording.words import N_, Words

MOST_UNITS = 16  # columns of the table
SORTS = {
    "need": N_("who needs help first"),
    "progress": N_("least progress first"),
    "-progress": N_("most progress first"),
    "seen": N_("not seen for longest first"),
    "-seen": N_("seen last first"),
    "-best": N_("best score first"),
    "joined": N_("joined first"),
}
SEEN = {"7": N_("in the last 7 days"), "14": N_("in the last 14 days"), "28": N_("in the last 28 days")}
HOW = {"self": N_("by themselves"), "hand": N_("by hand"), "file": N_("by a list")}
_TEXTS = ("state", "district", "block", "addedBy", "addedHow", "reached", "notReached")
_NUMBERS = ("unit", "finishedUnit", "unfinishedUnit", "fromRank", "toRank")
# What the filter says, part by part; `%(value)s` is what stands in the address.
_SENTENCES = {
    "standings": N_("%(value)s"),
    "unit": N_("stopped in unit %(value)s"),
    "reached": N_("came as far as: %(value)s"),
    "notReached": N_("not as far as: %(value)s"),
    "certified": N_("have a certificate"),
    "finishedUnit": N_("finished unit %(value)s"),
    "unfinishedUnit": N_("have not finished unit %(value)s"),
    "seenWithinDays": N_("seen within %(value)s days"),
    "notSeenForDays": N_("not seen for %(value)s days"),
    "addedHow": N_("joined %(value)s"),
    "addedBy": N_("brought in by %(value)s"),
    "state": N_("from %(value)s"),
    "district": N_("from %(value)s"),
    "block": N_("from %(value)s"),
    "fromRank": N_("are number %(value)s or later by progress"),
    "toRank": N_("are number %(value)s or earlier by progress"),
}
_OF_ONE_ANSWER = ("after", "contacted", "done", "issued", "kept")
_LEVELS = {
    "enrolled": N_("enrolled"),
    "started": N_("started"),
    "half": N_("half way"),
    "completed": N_("completed"),
    "passed": N_("passed"),
    "certified": N_("certified"),
}


def read(query: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The address as the API's request. Raises: ValueError, for a number that is none; OverflowError, for such days."""
    filters: dict[str, Any] = {name: query[name] for name in _TEXTS if query.get(name)}
    filters |= {name: int(query[name]) for name in _NUMBERS if query.get(name)}
    if query.get("standings"):
        filters["standings"] = query["standings"].split(",")
    if query.get("certified"):
        filters["certified"] = query["certified"] == "true"
    if query.get("seenWithinDays"):
        filters["seenFrom"] = (now - timedelta(days=int(query["seenWithinDays"]))).isoformat()
    if query.get("notSeenForDays"):
        filters["seenBefore"] = (now - timedelta(days=int(query["notSeenForDays"]))).isoformat()
    sort = query.get("sort") or "need"
    request: dict[str, Any] = {"sort_by": sort.removeprefix("-"), "descending": sort.startswith("-")}
    if filters:
        request["filters"] = filters
    if query.get("after"):
        request["cursor"] = query["after"]
    return request


def page(
    page: LearnersPage,
    query: LearnersQuery,
    names: Names,
    given: Mapping[str, str],
    words: Words,
) -> dict[str, Any]:
    """The table with its chips, its filter as a sentence, and how many the filter leaves out."""
    figures, measure = page.figures, page.measure
    units = [unit.unit.name for unit in measure.units][:MOST_UNITS]
    numbers = dict(zip(Standing, figures.standings, strict=False))
    enrolled = figures.enrolled
    finished = list(figures.units[:MOST_UNITS])
    address = kept(given)
    return {
        "name_asked": query.filters.name,
        "names_are_known": page.names_are_known,
        "rows": [{**_row(row, page, names, words), "link": link(row, query, given)} for row in page.rows],
        "units": [{"name": name, "short": f"U{number}"} for number, name in enumerate(units, start=1)],
        "finished": [words.part(count, enrolled) for count in finished],
        "has_best": bool(measure.assessments),
        "total": page.total,
        "enrolled": enrolled,
        "left_out": max(enrolled - page.total, 0),
        "counted_at": figures.counted_at,
        "chips": [
            {"link": "?", "text": words._("All"), "count": enrolled, "is_current": not _filters(given)},
            *(
                {
                    "link": f"?{urlencode({'standings': STANDING_NAMES[standing]})}",
                    "text": words._(text),
                    "count": numbers.get(standing, 0),
                    "is_current": given.get("standings") == STANDING_NAMES[standing],
                }
                for standing, (_kind, text) in standings.NAMES.items()
            ),
        ],
        "parts": [
            {
                "text": _said(name, value, words),
                "link": f"?{urlencode({key: given for key, given in address.items() if key != name})}",
            }
            for name, value in _filters(given).items()
        ],
        "next": None if page.next is None else f"?{urlencode({**address, 'after': show_cursor(page.next, query)})}",
        "file": f"list.csv?{urlencode(address)}" if address else "list.csv",
        "file_query": f"?{urlencode(address)}" if address else "",
        "sorts": [(value, words._(text)) for value, text in SORTS.items()],
        "sort": given.get("sort") or "need",
        "seen": [("", words._("at any time"))] + [(value, words._(text)) for value, text in SEEN.items()],
        "how": [("", words._("in any way"))] + [(value, words._(text)) for value, text in HOW.items()],
        "asked": given,
    }


def link(row: LearnerRow, query: LearnersQuery, given: Mapping[str, str]) -> str:
    """One learner's page, from which the next of the same list is found; not from those of a name."""
    address = quote(row.user_id, safe="")
    if query.filters.name is not None:
        return address
    place = Position(row.first_key, row.second_key, row.user_id)
    return f"{address}?{urlencode({**kept(given), 'after': show_cursor(place, query)})}"


def kept(given: Mapping[str, str]) -> dict[str, str]:
    """What stays of an address when its list is shown again: filter and order, but not where it stands."""
    return {name: value for name, value in sorted(given.items()) if value and name not in _OF_ONE_ANSWER}


def moment_of(text: str) -> datetime | None:
    """A moment of an address; None: it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _filters(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in _SENTENCES if given.get(name)}


def _said(name: str, value: str, words: Words) -> str:
    """One part of the filter in words."""
    if name == "standings":
        numbers = {text: standing for standing, text in STANDING_NAMES.items()}
        chosen = [standings.NAMES[Standing(numbers[each])][1] for each in value.split(",") if each in numbers]
        return words.listed([words._(text) for text in chosen]) if chosen else value
    if name in ("reached", "notReached"):
        value = words._(_LEVELS.get(value, value))
    elif name == "addedHow":
        value = words._(HOW.get(value, value))
    return words._(_SENTENCES[name], value=value)


def _row(row: LearnerRow, page: LearnersPage, names: Names, words: Words) -> dict[str, Any]:
    kind, text = standings.NAMES[Standing(row.standing)]
    units = list(row.units[:MOST_UNITS])
    return {
        "user_id": row.user_id,
        "name": names.of(row.user_id),
        "place": names.places.get(row.user_id, ""),
        "percent": words.percent(row.percentage / 100),
        "cells": [{"step": step(percent), "text": cell(percent, words)} for percent in units],
        "done": sum(percent == 100 for percent in units),
        "best": "–" if row.best is None else words.percent(row.best / 100),
        "seen_at": row.seen_at,
        "kind": kind,
        "standing": words._(text),
        "sentence": standings.in_words(rules.sentence(row, page.measure, words.now), words),
    }


def cell(percent: int, words: Words) -> str:
    """What stands in a cell, so that nobody needs its colour: ✓, the percent, or a dash."""
    if percent >= 100:
        return "✓"
    return words.number(percent) if percent else "–"


def csv_columns(page: LearnersPage, words: Words) -> list[str]:
    _ = words._
    units = [unit.unit.name for unit in page.measure.units]
    return [
        _("Learner"),
        _("Percent"),
        *units,
        _("Best score"),
        _("Attempts"),
        _("Last seen"),
        _("Joined"),
        _("Stands"),
    ]


def csv_rows(page: LearnersPage, words: Words) -> list[Row]:
    """Rows of the file; names are not in it, as they are in no list that is stored."""
    return [
        [
            row.user_id,
            row.percentage,
            *row.units,
            "" if row.best is None else row.best,
            row.attempts,
            row.seen_at.isoformat() if row.seen_at else "",
            row.enrolled_at.isoformat(),
            standings.in_words(rules.sentence(row, page.measure, words.now), words),
        ]
        for row in page.rows
    ]
