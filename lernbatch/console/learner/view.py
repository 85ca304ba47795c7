"""What the page of one learner shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lernbatch.console.my.view import certificates, units
from lernbatch.console.people import Names
from lernbatch.enrolment.model import Progress
from lernbatch.mentoring.model import ContactOutcome, HistoryEntry, ShownContact
from lernbatch.mentoring.rules import UNDO_WITHIN
from lernbatch.summary.explain import Explanation
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

HOWS = {"phone": N_("by phone"), "message": N_("by message"), "in-person": N_("in person")}
OUTCOMES = {
    ContactOutcome.WAITING: ("info", N_("not known yet")),
    ContactOutcome.CAME_BACK: ("good", N_("came back")),
    ContactOutcome.COMPLETED: ("good", N_("completed")),
    ContactOutcome.NOTHING: ("", N_("nothing yet")),
}
HAPPENED = {
    "joined": N_("joined"),
    "left": N_("left"),
    "returned": N_("came back"),
    "completed": N_("completed the course"),
    "enrolled-by-hand": N_("was brought in by hand"),
    "removed-by-hand": N_("was removed by hand"),
    "added-by-roster": N_("was brought in by a list"),
    "returned-by-roster": N_("came back with a list"),
    "removed-by-roster": N_("was removed by a list"),
    "roster-undone": N_("the list was taken back"),
    "attempt": N_("tried an assessment"),
    "certificate-issued": N_("was given a certificate"),
    "certificate-revoked": N_("a certificate was revoked"),
    "certificate-suspended": N_("a certificate was suspended"),
    "certificate-active": N_("a certificate was made valid again"),
    "certificate-superseded": N_("a certificate was replaced"),
    "contacted": N_("was spoken to"),
}


def page(
    explanation: Explanation,
    history: Sequence[HistoryEntry],
    contacts: Sequence[ShownContact],
    names: Names,
    words: Words,
) -> dict[str, Any]:
    """The sentence, the steps to each certificate, the course part by part, contacts and what happened."""
    enrolment, course = explanation.enrolment, explanation.course
    done, total = awards.done_of(course, explanation)
    results = explanation.certificates.results
    return {
        "user_id": enrolment.user_id,
        "name": names.of(enrolment.user_id),
        "names_are_missing": names.are_missing,
        "is_active": enrolment.active,
        "has_completed": enrolment.status == Progress.COMPLETED,
        "sentence": awards.sentence(explanation, words, is_own=False),
        "is_good": bool(results) and all(result.outcome == "issued" for _template, result in results),
        "templates": [
            {"name": template.name, "steps": awards.steps(result, explanation, words)} for template, result in results
        ],
        "undrawable": explanation.certificates.undrawable,
        "certificates": certificates(explanation.certificates.certificates, words),
        "units": units(course, explanation.states),
        "done": done,
        "total": total,
        "scores": [
            {
                "name": course.leaf_node_by_id[content_id].name if content_id in course.leaf_node_by_id else content_id,
                "percent": words.percent(score.best / (score.max_score or 1)),
                "attempts": score.attempts,
            }
            for content_id, score in explanation.scores.items()
        ],
        "hows": [(value, words._(text)) for value, text in HOWS.items()],
        "contacts": [_contact(contact, names, words) for contact in contacts],
        "history": [_entry(entry, names, words) for entry in history],
    }


def _contact(shown: ShownContact, names: Names, words: Words) -> dict[str, Any]:
    kind, outcome = OUTCOMES[shown.outcome]
    contact = shown.contact
    return {
        "contact_id": contact.contact_id,
        "at": contact.contacted_at,
        "how": words._(HOWS.get(contact.how, contact.how)),
        "by": names.of(contact.contacted_by),
        "note": shown.note,
        "kind": kind,
        "outcome": words._(outcome),
        "may_undo": words.now - contact.contacted_at < UNDO_WITHIN,
    }


def _entry(entry: HistoryEntry, names: Names, words: Words) -> dict[str, Any]:
    score = None
    if entry.score is not None and entry.max_score:
        score = words.percent(entry.score / entry.max_score)
    detail = words._(HOWS[entry.detail]) if entry.what == "contacted" and entry.detail in HOWS else entry.detail
    is_plain = entry.what in ("attempt", "contacted") or entry.what.startswith("certificate")
    return {
        "at": entry.at,
        "text": words._(HAPPENED.get(entry.what, entry.what)),
        "by": names.of(entry.by) if entry.by else "",
        "detail": detail if is_plain and detail else "",
        "score": score,
    }
