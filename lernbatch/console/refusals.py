"""Refusals of the rooms as a form says them: what is wrong, what to do, and at which field.

The API's texts are the contract's; these say the same to somebody who has never seen the API. One that is not here is
shown in the API's words.
"""

from __future__ import annotations

from collections.abc import Mapping

from lernbatch.batch import dates, rules
from lernbatch.console.model import FormProblem
from lernbatch.enrolment import rules as enrolment
from lernbatch.errors import LernbatchError
from lernbatch.web.fields import UnreadableDate
from lernbatch.wording.words import N_, Words

# Refusal → its sentence, and the field of the API's request that it is about.
SENTENCES: Mapping[type[LernbatchError], tuple[str, str | None]] = {
    dates.StartsInThePast: (N_("The first day lies in the past. Choose today or a later day."), "startDate"),
    dates.StartIsMissing: (N_("Choose the first day."), "startDate"),
    dates.InvalidStart: (
        N_("The batch has begun, so its first day stays as it is, or moves to today or later before it begins."),
        "startDate",
    ),
    dates.EndsBeforeStart: (N_("The last day lies before the first. Choose a later one."), "endDate"),
    dates.InvalidEnd: (N_("The last day lies in the past. Choose today or a later day."), "endDate"),
    dates.AlreadyClosed: (N_("The batch has ended, so its last day cannot be changed any more."), "endDate"),
    dates.EnrolmentEndsBeforeStart: (
        N_("Joining would end before the batch begins. Choose the first day or a later one."),
        "enrollmentEndDate",
    ),
    dates.EnrolmentEndsAfterEnd: (
        N_("Joining would end after the batch. Choose the last day or an earlier one."),
        "enrollmentEndDate",
    ),
    dates.EnrolmentEndsInThePast: (
        N_("The last day to join lies in the past. Choose today or a later day."),
        "enrollmentEndDate",
    ),
    dates.EnrolmentStartsTooLate: (
        N_("Joining would begin after its last day. Choose an earlier first day to join."),
        "enrollmentStartDate",
    ),
    UnreadableDate: (N_("A day cannot be read. Write it as 2026-09-30."), "startDate"),
    rules.InvalidOrganisation: (N_("There is no such organisation, or it is not active."), "createdFor"),
    rules.ForeignOrganisation: (
        N_("A batch can be made only for your own organisations. Ask an administrator for the others."),
        "createdFor",
    ),
    rules.InvalidUser: (N_("One of the mentors is nobody the user service knows. Check the ids."), "mentors"),
    rules.ChangedMeanwhile: (N_("Somebody else has changed this batch meanwhile. Nothing of yours was saved."), None),
    rules.TooManyChanges: (N_("Many are changing this batch at this moment. Send it again."), None),
    enrolment.BatchEnded: (N_("The batch has ended: nobody can join or leave it any more."), None),
    enrolment.EnrolmentClosed: (N_("The last day to join is over."), None),
    enrolment.EnrolmentNotOpen: (N_("Joining has not begun yet."), None),
    enrolment.AlreadyEnrolled: (N_("That person is in the batch already."), "userId"),
    enrolment.BatchFull: (N_("No seat is left in this batch."), None),
    enrolment.NotToBring: (
        N_("There is nobody with that id whom you could bring in. People of other organisations stay away."),
        "userId",
    ),
}


def told(error: LernbatchError, words: Words) -> FormProblem:
    """What the form says to a refusal."""
    sentence, field = SENTENCES.get(type(error), ("", None))
    if sentence:
        return FormProblem(words._(sentence), field)
    return FormProblem(error.message or words._("That cannot be done."))
