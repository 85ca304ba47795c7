"""The form of a batch: its fields from a batch, the API's request from what was typed, and what a change would do."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.batch.model import Batch, BatchStatus, NotedChange, Preview, Situation
from lernbatch.console.batch_frame import STATES, BatchDay
from lernbatch.console.people import Names
from lernbatch.wording.words import N_, Words

# The fields are called as the API's keys are.
LISTS = ("createdFor", "mentors")
MOST_DIGITS = 9  # of a number of seats
FIELDS: Mapping[str, str] = {
    "name": N_("Name"),
    "description": N_("Description"),
    "startDate": N_("First day"),
    "endDate": N_("Last day"),
    "enrollmentStartDate": N_("Joining from"),
    "enrollmentEndDate": N_("Joining until"),
    "capacity": N_("Seats"),
    "leavePolicy": N_("Learners may leave"),
    "enrollmentType": N_("Who may join"),
    "mentors": N_("Mentors"),
    "createdFor": N_("Organisations"),
}
_NOTED = {**FIELDS, "template": N_("Rule of a certificate")}
_EFFECTS = {
    "progress-ends": N_("can make no progress any more"),
    "progress-resumes": N_("can go on with their progress"),
    "may-no-longer-leave": N_("can no longer leave by themselves"),
    "may-leave-again": N_("may leave by themselves again"),
}
_separators = re.compile(r"[\s,;]+")
_grouping = re.compile(r"[\s,.\u00a0\u202f٬]")


def fields_of(batch: Batch) -> dict[str, str]:
    """The values of the form as the batch is stored."""
    return {
        "name": batch.name,
        "description": batch.description or "",
        "startDate": batch.start_date.isoformat(),
        "endDate": batch.end_date.isoformat() if batch.end_date else "",
        "enrollmentStartDate": batch.enrolment_start_date.isoformat() if batch.enrolment_start_date else "",
        "enrollmentEndDate": batch.enrolment_end_date.isoformat() if batch.enrolment_end_date else "",
        "capacity": str(batch.capacity) if batch.capacity is not None else "",
        "leavePolicy": batch.leave_policy or "",
        "enrollmentType": batch.enrolment_type.lower(),
        "mentors": "\n".join(batch.mentors),
        "createdFor": "\n".join(batch.created_for),
    }


@dataclass(frozen=True, slots=True)
class ReadForm:
    """`request`: the API's; `problems`: field → why it cannot be read at all."""

    request: dict[str, Any]
    problems: Mapping[str, str]


def read_form(form: Mapping[str, str], stored: Mapping[str, str], words: Words) -> ReadForm:
    """What was typed, as the API's request: fields that differ from `stored`, which is empty for a new batch.

    A day that is taken away is no change to the API, so that is refused here.
    """
    request: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for field in FIELDS:
        value = form.get(field, stored.get(field, "")).strip()
        if field in LISTS:
            value = "\n".join(entries(value))
        if stored and value == stored[field]:
            continue
        if field == "name" and not value:
            problems[field] = words._("Give the batch a name.")
        elif field == "startDate" and not value:
            problems[field] = words._("Choose the first day.")
        elif field in ("endDate", "enrollmentEndDate") and stored.get(field) and not value:
            problems[field] = words._("This day can be moved, but not taken away.")
        elif field in LISTS:
            request[field] = entries(value)
        elif field == "capacity":
            digits = _grouping.sub("", value)
            if digits and not (digits.isdecimal() and len(digits) <= MOST_DIGITS):
                problems[field] = words._("Write the number of seats in figures, or nothing: then there is no limit.")
            elif digits or stored:
                request[field] = int(digits) if digits else None
        elif value:
            request[field] = value
        elif stored:
            request[field] = None if field in ("enrollmentStartDate", "leavePolicy") else value
    return ReadForm(request, problems)


def entries(text: str) -> list[str]:
    """The ids of a text, each once: one a line, or with commas between them."""
    return list(dict.fromkeys(filter(None, _separators.split(text.strip()))))


def choices(words: Words) -> dict[str, list[tuple[str, str]]]:
    """The options of the fields that have some."""
    return {
        "enrollmentType": [
            ("open", words._("everybody who has the link")),
            ("invite-only", words._("only who is invited")),
        ],
        "leavePolicy": [
            ("", words._("as this installation has it")),
            ("always", words._("always")),
            ("until-start", words._("until the first day")),
            ("never", words._("never")),
        ],
    }


def differences(form: Mapping[str, str], stored: Mapping[str, str], words: Words) -> list[dict[str, str]]:
    """Where what was typed differs from what is stored: the field, what is there now, and what was typed."""
    return [
        {"field": field, "label": words._(label), "stored": stored[field] or "–", "typed": form[field] or "–"}
        for field, label in FIELDS.items()
        if field in form and form[field].strip() != stored[field]
    ]


def outcome(preview: Preview, words: Words) -> dict[str, Any]:
    """What a change would do, in words: what differs, and for how many."""
    return {
        "changes": [
            {"text": text, "before": before, "after": after, "is_same": before == after}
            for text, before, after in zip(
                situation_labels(words), situation(preview.before, words), situation(preview.after, words), strict=True
            )
        ],
        "effects": [{"count": preview.affected, "text": words._(_EFFECTS[effect])} for effect in preview.effects],
        "active": preview.active,
        "unfinished": preview.unfinished,
    }


def situation_labels(words: Words) -> Sequence[str]:
    return [words._("State"), words._("Last day to join"), words._("Seats left"), words._("Learners may leave now")]


def situation(at: Situation, words: Words) -> Sequence[str]:
    """A situation in words, in the order of its labels."""
    _, state = STATES[BatchStatus(at.status)]
    yes_or_no = words._("yes") if at.may_leave else words._("no")
    last_day = words._("no last day") if at.last_enrolment_day is None else words.day_text(at.last_enrolment_day)
    seats = words._("no limit") if at.seats_left is None else words.number(at.seats_left)
    return [words._(state), last_day, seats, yes_or_no]


def changes(noted: Sequence[NotedChange], names: Names, words: Words) -> list[dict[str, Any]]:
    """What was changed, by whom and when: each field with what it was and is, as far as that is kept."""
    return [
        {
            "at": change.changed_at,
            "by": names.of(change.changed_by) if change.changed_by else "",
            "fields": [
                {"label": words._(_NOTED.get(field, field)), "values": values and [value or "–" for value in values]}
                for field, values in change.fields.items()
            ],
        }
        for change in noted
    ]


def start_is_fixed(day: BatchDay) -> bool:
    """Whether the first day cannot be changed any more: the batch has begun."""
    return day.batch.start_date <= day.today
