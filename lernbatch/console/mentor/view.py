"""What the mentor's list shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

from lernbatch.console.learner.view import HOWS, OUTCOMES
from lernbatch.console.people import Names
from lernbatch.figures.model import Standing
from lernbatch.mentoring.model import ContactOutcome, HelpEntry, HelpList, ShownContact
from lernbatch.mentoring.rules import STRIP_DAYS, UNDO_WITHIN
from lernbatch.wording import standings
from lernbatch.wording.words import Words

_CELL = 7


def page(help_list: HelpList, batches: Mapping[str, str], names: Names, words: Words) -> dict[str, Any]:
    """Today's list, and what came of the last contacts."""
    came_back = sum(shown.outcome in (ContactOutcome.CAME_BACK, ContactOutcome.COMPLETED) for shown in help_list.lately)
    return {
        "today": [_entry(entry, batches, names, words) for entry in help_list.today],
        "lately": [_contact(shown, batches, names, words) for shown in help_list.lately],
        "came_back": came_back,
        "batches": len(batches),
        "hows": [(value, words._(text)) for value, text in HOWS.items()],
        "names_are_missing": names.are_missing,
    }


def _entry(entry: HelpEntry, batches: Mapping[str, str], names: Names, words: Words) -> dict[str, Any]:
    learner = entry.learner
    kind, standing = standings.NAMES[Standing(learner.standing)]
    address = f"/console/batches/{quote(learner.batch_id, safe='')}/learners"
    if entry.is_school:
        text = words.ngettext(
            "%(num)s learner of %(school)s never began: speak to the head of the school once",
            "%(num)s learners of %(school)s never began: speak to the head of the school once",
            learner.school_learners,
            school=learner.school_name or learner.school_id,
        )
        return {
            "is_school": True,
            "name": learner.school_name or learner.school_id,
            "batch": batches.get(learner.batch_id, ""),
            "sentence": text,
            "link": f"{address}?standings=never-started",
        }
    return {
        "is_school": False,
        "who": f"{learner.batch_id} {learner.user_id}",
        "name": names.of(learner.user_id),
        "batch": batches.get(learner.batch_id, ""),
        "school": learner.school_name,
        "kind": kind,
        "standing": words._(standing),
        "sentence": standings.in_words(entry.because, words),
        "strip": strip(entry.active_days, words.now.astimezone(words.zone).date()),
        "active": words.ngettext(
            "active on %(num)s day of the last 28", "active on %(num)s days of the last 28", len(entry.active_days)
        ),
        "link": f"{address}/{quote(learner.user_id, safe='')}",
    }


def strip(active: Sequence[date], today: date) -> list[dict[str, Any]]:
    """The last 28 days as squares, the oldest first; filled on which the learner was seen."""
    days = [today - timedelta(days=back) for back in reversed(range(STRIP_DAYS))]
    return [{"x": place * _CELL, "class": "k4" if day in active else "k0"} for place, day in enumerate(days)]


def _contact(shown: ShownContact, batches: Mapping[str, str], names: Names, words: Words) -> dict[str, Any]:
    contact, (kind, outcome) = shown.contact, OUTCOMES[shown.outcome]
    return {
        "which": f"{contact.batch_id} {contact.user_id} {contact.contact_id}",
        "name": names.of(contact.user_id),
        "batch": batches.get(contact.batch_id, ""),
        "at": contact.contacted_at,
        "how": words._(HOWS.get(contact.how, contact.how)),
        "note": shown.note,
        "kind": kind,
        "outcome": words._(outcome),
        "may_undo": words.now - contact.contacted_at < UNDO_WITHIN,
        "link": f"/console/batches/{quote(contact.batch_id, safe='')}/learners/{quote(contact.user_id, safe='')}",
    }
