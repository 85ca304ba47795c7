"""What the public page of a batch shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from lernbatch.batch import rules as batches
from lernbatch.batch.model import Batch
from lernbatch.console.my.view import course_address
from lernbatch.console.visit import Visit
from lernbatch.course.model import Course
from lernbatch.enrolment.model import JoinOffer, JoinState
from lernbatch.sunbird.orgs import Organisation
from lernbatch.template.wire import read_templates
from lernbatch.wording import awards
from lernbatch.wording.words import Words

_KINDS = {
    JoinState.JOIN: "good",
    JoinState.SIGN_IN: "good",
    JoinState.ENROLLED: "good",
    JoinState.COMPLETED: "good",
    JoinState.NOT_OPEN: "info",
    JoinState.INVITE_ONLY: "info",
    JoinState.FULL: "warn",
    JoinState.CLOSED: "",
    JoinState.ENDED: "",
}


def page(
    batch: Batch,
    offer: JoinOffer,
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
        "seats_left": offer.seats_left,
        "items": len(course.required_ids) if course else 0,
        "units": sum(unit.depth == 1 for unit in course.units) if course else 0,
        "joining": offer.state,
        "kind": _KINDS[offer.state],
        "state": state_text(offer.state, words),
        "reason": reason(offer, words),
        "awards": [
            {"name": template.name, "parts": awards.rule(template, course, words)}
            for template in read_templates(batch.templates)
        ],
        "open": course_address(visit, batch),
        "leave_policy": batch.leave_policy,
        "has_left": "left" in visit.query,
    }


def state_text(joining: JoinState, words: Words) -> str:
    """The state as a pill says it."""
    _ = words._
    return {
        JoinState.JOIN: _("Open to join"),
        JoinState.SIGN_IN: _("Open to join"),
        JoinState.NOT_OPEN: _("Joining opens later"),
        JoinState.CLOSED: _("Joining has ended"),
        JoinState.FULL: _("Full"),
        JoinState.INVITE_ONLY: _("By invitation"),
        JoinState.ENROLLED: _("You are in"),
        JoinState.COMPLETED: _("You finished"),
        JoinState.ENDED: _("Ended"),
    }[joining]


def reason(offer: JoinOffer, words: Words) -> str:
    """Why there is this button, or none, in a sentence."""
    _ = words._
    match offer.state:
        case JoinState.JOIN:
            return _("You may join now.")
        case JoinState.SIGN_IN:
            return _("Joining needs to know who you are.")
        case JoinState.NOT_OPEN if offer.on is not None:
            return _("Joining opens on %(day)s.", day=words.day_text(offer.on))
        case JoinState.NOT_OPEN:
            return _("Joining is not open yet.")
        case JoinState.CLOSED:
            return _("The last day to join is over. Ask who runs the batch if there is another one.")
        case JoinState.FULL:
            return _("All seats are taken. One becomes free when somebody leaves.")
        case JoinState.INVITE_ONLY:
            return _("This batch is by invitation, and you are not on its list. Ask who runs it.")
        case JoinState.ENROLLED:
            return _("You are in this batch.")
        case JoinState.COMPLETED:
            return _("You have completed this course.")
        case JoinState.ENDED:
            return _("This batch has ended. What was earned in it stays.")
