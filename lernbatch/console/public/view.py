"""What the public page of a batch shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from lernbatch.batch import rules as batches
from lernbatch.batch.model import Batch
from lernbatch.console import awards
from lernbatch.console.my.view import course_address
from lernbatch.console.visit import Visit
from lernbatch.console.words import Words
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Joining, JoiningState
from lernbatch.sunbird.orgs import Organisation
from lernbatch.template.wire import read_templates

_KINDS = {
    Joining.JOIN: "good",
    Joining.SIGN_IN: "good",
    Joining.GO_ON: "good",
    Joining.FINISHED: "good",
    Joining.NOT_OPEN: "info",
    Joining.BY_INVITATION: "info",
    Joining.FULL: "warn",
    Joining.CLOSED: "",
    Joining.ENDED: "",
}


def page(
    batch: Batch,
    state: JoiningState,
    course: Course | None,
    organisations: Mapping[str, Organisation] | None,
    visit: Visit,
) -> dict[str, Any]:
    """A batch for whoever thinks of joining. No names of learners."""
    words, config = visit.words, visit.services.config
    until = batches.enrolment_end(batch.end_date, batch.enrolment_end_date, config.enrolment_closes_days_before_end)
    today = batches.day_in(batch.time_zone, words.now, visit.services.clock.zone)
    zone = ZoneInfo(batch.time_zone) if batch.time_zone else visit.services.clock.zone
    names = [organisations[each].name for each in batch.created_for[:3] if organisations and each in organisations]
    return {
        "batch_id": batch.batch_id,
        "name": batch.name,
        "description": batch.description,
        "course": course.name if course else "",
        "organisations": names,
        "start": batch.start_date,
        "end": batch.end_date,
        "until": until if until and until >= today else None,
        "days_to_join": (until - today).days if until and until >= today else None,
        "zone": words.zone_text(zone),
        "capacity": batch.capacity,
        "seats_left": None if state.seats_left is None else max(state.seats_left, 0),
        "items": len(course.required_ids) if course else 0,
        "units": sum(unit.depth == 1 for unit in course.units) if course else 0,
        "joining": state.joining,
        "kind": _KINDS[state.joining],
        "state": state_text(state.joining, words),
        "reason": reason(state.joining, batch, words),
        "awards": [
            {"name": template.name, "parts": awards.rule(template, course, words)}
            for template in read_templates(batch.templates)
        ],
        "open": course_address(visit, batch),
        "leave_policy": batch.leave_policy,
        "has_left": "left" in visit.query,
    }


def state_text(joining: Joining, words: Words) -> str:
    """The state as a pill says it."""
    _ = words._
    return {
        Joining.JOIN: _("Open to join"),
        Joining.SIGN_IN: _("Open to join"),
        Joining.NOT_OPEN: _("Joining opens later"),
        Joining.CLOSED: _("Joining has ended"),
        Joining.FULL: _("Full"),
        Joining.BY_INVITATION: _("By invitation"),
        Joining.GO_ON: _("You are in"),
        Joining.FINISHED: _("You finished"),
        Joining.ENDED: _("Ended"),
    }[joining]


def reason(joining: Joining, batch: Batch, words: Words) -> str:
    """Why there is this button, or none, in a sentence."""
    _ = words._
    match joining:
        case Joining.JOIN:
            return _("You may join now.")
        case Joining.SIGN_IN:
            return _("Joining needs to know who you are.")
        case Joining.NOT_OPEN if batch.enrolment_start_date is not None:
            return _("Joining opens on %(day)s.", day=words.day_text(batch.enrolment_start_date))
        case Joining.NOT_OPEN:
            return _("Joining is not open yet.")
        case Joining.CLOSED:
            return _("The last day to join is over. Ask who runs the batch if there is another one.")
        case Joining.FULL:
            return _("All seats are taken. One becomes free when somebody leaves.")
        case Joining.BY_INVITATION:
            return _("This batch is by invitation, and you are not on its list. Ask who runs it.")
        case Joining.GO_ON:
            return _("You are in this batch.")
        case Joining.FINISHED:
            return _("You have completed this course.")
        case Joining.ENDED:
            return _("This batch has ended. What was earned in it stays.")
