"""The JSON of mentoring. All of these calls are additions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.errors import Missing
from lernbatch.figures import wire as figures
from lernbatch.figures.wire import ShownSentence, StandingName
from lernbatch.mentoring import rules
from lernbatch.mentoring.model import HelpEntry, HelpList, HistoryEntry, How, NewContact, ShownContact
from lernbatch.web.fields import blank, mandatory
from lernbatch.web.schema import BatchId, Day, Fields, UserId


class HelpRequest(Fields):
    """Whom to help first in up to 50 batches."""

    batch_ids: list[BatchId]
    added_by: Annotated[UserId | UnsetType, Meta(description="Only learners whom this person brought in.")] = UNSET


class ShownSchool(Fields):
    """A school with many learners who never began: one calls it once. `learners`: how many they are."""

    school_id: str
    name: str
    learners: int


class ShownHelp(Fields):
    """An entry of the list; `school` stands where the learner is one of many, and the school is to be called."""

    user_id: UserId
    batch_id: BatchId
    standing: StandingName
    because: ShownSentence
    completion_percentage: int
    last_access_time: datetime | None
    active_days: Annotated[list[Day], Meta(description="Of the last 28.")]
    school: ShownSchool | UnsetType = UNSET


class ShownOutcome(Fields):
    """A contact and what came of it."""

    contact_id: str
    user_id: UserId
    batch_id: BatchId
    how: How
    note: str
    leave_alone: bool
    contacted_by: UserId
    contacted_on: datetime
    outcome: Annotated[str, Meta(examples=["came-back"], description="waiting, came-back, completed or nothing.")]


class ShownHelpList(Fields):
    """Whom to help first, at most twelve, and the contacts of the last 14 days, at most 50."""

    today: list[ShownHelp]
    lately: list[ShownOutcome]


class HelpAnswer(Fields):
    """Whom to help first."""

    response: ShownHelpList


class ContactRequest(Fields):
    """Learners of a batch were spoken to."""

    batch_id: BatchId
    user_ids: Annotated[list[UserId], Meta(min_length=1, max_length=rules.MOST_PEOPLE)]
    how: How
    note: Annotated[str, Meta(max_length=rules.LONGEST_NOTE, description="For who manages the batch.")] = ""
    leave_alone: Annotated[bool, Meta(description="They want no more of it.")] = False


class NotedContacts(Fields):
    """The ids of the contacts, by user."""

    response: dict[str, str]


class ContactToUndo(Fields):
    """A contact that was noted by mistake."""

    batch_id: BatchId
    user_id: UserId
    contact_id: str


class ContactsQuery(Fields):
    """Whose contacts, in which batch."""

    batch_id: BatchId
    user_id: UserId


class ContactsAnswer(Fields):
    """The newest 50, the newest first."""

    response: list[ShownOutcome]


class HistoryQuery(Fields):
    """Whose history, in which batch."""

    batch_id: BatchId
    user_id: Annotated[str, Meta(description="The caller, when it is left out.", examples=["0b1e3c5a"])] | UnsetType = (
        UNSET
    )


class ShownHappening(Fields):
    """Something that happened to a learner in a batch."""

    at: datetime
    what: Annotated[
        str,
        Meta(
            examples=["joined"],
            description="joined, left, returned, completed, enrolled-by-hand, removed-by-hand, added-by-roster,"
            " returned-by-roster, removed-by-roster, roster-undone, attempt, certificate-issued, certificate-… (its"
            " status), contacted.",
        ),
    ]
    by: Annotated[str | None, Meta(description="Null: this service itself, or not kept.")]
    detail: Annotated[str | None, Meta(description="How, which content, which change, which certificate.")]
    score: float | None
    max_score: float | None


class HistoryAnswer(Fields):
    """The newest 200, the newest first."""

    response: list[ShownHappening]


def read_help(request: Mapping[str, Any]) -> tuple[list[str], str | None]:
    """{"batchIds": ["0140…"], "addedBy": "…"} Raises: Missing, InvalidRequest."""
    batch_ids = figures.read_batch_ids(request)
    given = figures.read(request, HelpRequest)
    return batch_ids, None if given.added_by is UNSET else given.added_by


def read_contact(request: Mapping[str, Any]) -> NewContact:
    """{"batchId": "0140…", "userIds": ["…"], "how": "phone", "note": "…"} Raises: Missing, InvalidRequest."""
    for key in ("batchId", "userIds", "how"):
        if blank(request.get(key)):
            raise Missing(key)
    given = figures.read(request, ContactRequest)
    return NewContact(given.batch_id, given.user_ids, given.how, given.note.strip(), given.leave_alone)


def read_undo(request: Mapping[str, Any]) -> tuple[str, str, str]:
    """{"batchId": "0140…", "userId": "…", "contactId": "…"} Raises: Missing."""
    return mandatory(request, "batchId"), mandatory(request, "userId"), mandatory(request, "contactId")


def show_help(help_list: HelpList) -> HelpAnswer:
    """{"response": {"today": [{"userId": "…", "because": {…}, …}], "lately": [{"outcome": "came-back", …}]}}"""
    return HelpAnswer(
        ShownHelpList(
            [_entry(entry) for entry in help_list.today], [show_contact(contact) for contact in help_list.lately]
        )
    )


def show_history(entries: Iterable[HistoryEntry]) -> HistoryAnswer:
    """{"response": [{"at": "2026-…", "what": "joined", "by": "…", "detail": "self", …}]}"""
    return HistoryAnswer(
        [
            ShownHappening(entry.at, entry.what, entry.by, entry.detail, entry.score, entry.max_score)
            for entry in entries
        ]
    )


def _entry(entry: HelpEntry) -> ShownHelp:
    learner = entry.learner
    return ShownHelp(
        user_id=learner.user_id,
        batch_id=learner.batch_id,
        standing=figures.STANDING_NAMES[learner.standing],
        because=ShownSentence(entry.because.key, dict(entry.because.values)),
        completion_percentage=learner.percentage,
        last_access_time=learner.seen_at,
        active_days=[str(day) for day in entry.active_days],
        school=ShownSchool(learner.school_id, learner.school_name, learner.school_learners)
        if entry.is_school
        else UNSET,
    )


def show_contact(shown: ShownContact) -> ShownOutcome:
    """{"contactId": "…", "how": "phone", "note": "…", "contactedBy": "…", "outcome": "came-back"}"""
    contact = shown.contact
    how: Any = contact.how
    return ShownOutcome(
        contact_id=contact.contact_id,
        user_id=contact.user_id,
        batch_id=contact.batch_id,
        how=how,
        note=shown.note,
        leave_alone=contact.leave_alone,
        contacted_by=contact.contacted_by,
        contacted_on=contact.contacted_at,
        outcome=shown.outcome.value,
    )
