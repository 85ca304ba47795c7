"""What a learner's own pages show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from lernbatch.batch import rules as batches
from lernbatch.batch.model import Batch, BatchStatus
from lernbatch.certificate.model import Certificate, CertificateStatus
from lernbatch.config import Config
from lernbatch.console.people import Names
from lernbatch.console.visit import Visit
from lernbatch.course.model import Course
from lernbatch.enrolment.model import Enrolment, EnrolmentPage, Progress
from lernbatch.progress import rules as progress
from lernbatch.progress.model import COMPLETED, STATES, States
from lernbatch.services import Services
from lernbatch.session.rules import signs_in_locally
from lernbatch.summary.explain import Explanation
from lernbatch.template.wire import read_templates
from lernbatch.wording import awards
from lernbatch.wording.words import N_, Words

SOON = timedelta(days=60)
_STATES = {
    BatchStatus.ONGOING: ("good", N_("running")),
    BatchStatus.UPCOMING: ("info", N_("begins later")),
    BatchStatus.ENDED: ("", N_("ended")),
}
_WORTH = {
    CertificateStatus.ACTIVE: ("good", N_("valid")),
    CertificateStatus.SUSPENDED: ("warn", N_("suspended")),
    CertificateStatus.REVOKED: ("bad", N_("revoked")),
    CertificateStatus.SUPERSEDED: ("", N_("replaced")),
}


def home(
    page: EnrolmentPage,
    by_id: Mapping[str, Batch],
    courses: Mapping[str, Course],
    held: Sequence[Certificate],
    joinable: Sequence[Mapping[str, Any]],
    visit: Visit,
) -> dict[str, Any]:
    """The reader's courses: running ones first, then those to come, then what is over."""
    words = visit.words
    cards = [
        _card(enrolment, by_id[enrolment.batch_id], courses.get(enrolment.course_id), visit)
        for enrolment in page.enrolments
        if enrolment.batch_id in by_id
    ]
    of_state = {status: [card for card in cards if card["status"] is status] for status in BatchStatus}
    return {
        "running": of_state[BatchStatus.ONGOING],
        "upcoming": of_state[BatchStatus.UPCOMING],
        "ended": of_state[BatchStatus.ENDED],
        "more": page.count - len(page.enrolments),
        "joinable": joinable,
        "certificates": certificates(held, words),
        "first_name": (visit.session.name.split() or [""])[0] if visit.session else "",
    }


def _card(enrolment: Enrolment, batch: Batch, course: Course | None, visit: Visit) -> dict[str, Any]:
    words, services = visit.words, visit.services
    status = batches.status_now(batch, words.now, services.clock.zone)
    kind, text = _STATES[status]
    total = len(course.required_ids) if course else 0
    if enrolment.status == Progress.COMPLETED:  # what was added to the course since is not asked of who has completed
        total = min(total, enrolment.progress) or enrolment.progress
    certificate = enrolment.certificates[-1] if enrolment.certificates else None
    return {
        "batch_id": batch.batch_id,
        "name": batch.name,
        "course": course.name if course else "",
        "status": status,
        "kind": kind,
        "state": words._(text),
        "done": enrolment.progress,
        "total": total,
        "width": round(200 * enrolment.progress / total, 1) if total else 0,
        "start": batch.start_date,
        **_last_day(batch, services, words),
        "is_completed": enrolment.status == Progress.COMPLETED,
        "next": _next(enrolment, course, words),
        "certificate": certificate and {"name": certificate.get("name"), "id": certificate.get("identifier")},
        "awards": bool(batch.templates),
        "open": course_address(visit, batch),
    }


def course_address(visit: Visit, batch: Batch) -> str | None:
    """The course in the portal; None: the installation names no portal, and has no page that stands in for it."""
    config = visit.services.config
    base = config.web_url.rstrip("/")
    if base:
        return f"{base}/learn/course/{batch.course_id}/batch/{batch.batch_id}"
    return f"/console/my/{quote(batch.batch_id, safe='')}/course" if has_stand_in(config) else None


def has_stand_in(config: Config) -> bool:
    """Whether a page of ours stands in for the portal's player: only where anybody may choose who they are."""
    return signs_in_locally(config) and not config.web_url


def _last_day(batch: Batch, services: Services, words: Words) -> dict[str, Any]:
    """The last day in the batch's own zone, and how long until its end where that is soon."""
    if batch.end_date is None:
        return {"end": None, "days_left": None, "zone": None}
    today = batches.day_in(batch.time_zone, words.now, services.clock.zone)
    left = batch.end_date - today
    return {
        "end": batch.end_date,
        "days_left": left.days if timedelta() <= left <= SOON else None,
        "zone": words.zone_text(ZoneInfo(batch.time_zone)) if batch.time_zone else None,
    }


def _next(enrolment: Enrolment, course: Course | None, words: Words) -> str:
    """The next step in a sentence; empty when there is none, or the course is not known now."""
    if course is None or enrolment.status == Progress.COMPLETED:
        return ""
    states: States = STATES.decode(enrolment.states)
    missing = progress.missing(course, states)
    if not missing:
        return ""
    name = course.leaf_node_by_id[missing[0]].name or missing[0]
    if not states:
        return words._("Begin with %(name)s.", name=name)
    return words._("Next: %(name)s.", name=name)


def joinable(open_batches: Sequence[Batch], services: Services, words: Words) -> list[dict[str, Any]]:
    """Batches that take learners now or soon."""
    closes_days_before = services.config.enrolment_closes_days_before_end
    rows = []
    for batch in open_batches:
        today = batches.day_in(batch.time_zone, words.now, services.clock.zone)
        if batches.enrolment_is_open(batch, today, 0, closes_days_before):
            until = batches.enrolment_end(batch.end_date, batch.enrolment_end_date, closes_days_before)
            row = {"batch_id": batch.batch_id, "name": batch.name, "start": batch.start_date, "end": batch.end_date}
            rows.append({**row, "until": until})
    return rows


def certificates(held: Sequence[Certificate], words: Words) -> list[dict[str, Any]]:
    """Certificates, what they are worth now first by word; those that a newer one replaced are left out."""
    shown = []
    for certificate in held:
        status = CertificateStatus(certificate.status)
        if status is CertificateStatus.SUPERSEDED:
            continue
        kind, text = _WORTH[status]
        if status is CertificateStatus.ACTIVE and certificate.expires_at is not None:
            if certificate.expires_at <= words.now:
                kind, text = "bad", N_("expired")
            elif certificate.expires_at - words.now <= SOON:
                kind, text = "warn", N_("ends soon")
        shown.append(
            {
                "id": certificate.certificate_id,
                "name": certificate.name,
                "kind": kind,
                "state": words._(text),
                "earned_on": certificate.earned_at.astimezone(words.zone).date(),
                "expires_on": certificate.expires_at and certificate.expires_at.astimezone(words.zone).date(),
                "can_load": status is CertificateStatus.ACTIVE,
            }
        )
    return shown


def batch(explanation: Explanation, batch: Batch, names: Names, visit: Visit, *, may_leave: bool) -> dict[str, Any]:
    """One course: the sentence, why no certificate yet, and every unit with its parts."""
    words, course, states = visit.words, explanation.course, explanation.states
    done, total = awards.done_of(course, explanation)
    if explanation.enrolment.status == Progress.COMPLETED:
        done = total
    status = batches.status_now(batch, words.now, visit.services.clock.zone)
    kind, text = _STATES[status]
    return {
        "batch_id": batch.batch_id,
        "name": batch.name,
        "course": course.name,
        "kind": kind,
        "state": words._(text),
        "done": done,
        "total": total,
        "width": round(200 * done / total, 1) if total else 0,
        **_last_day(batch, visit.services, words),
        "is_active": explanation.enrolment.active,
        "sentence": awards.sentence(explanation, words, is_own=True),
        "is_good": all(result.outcome == "issued" for _template, result in explanation.certificates.results),
        "templates": [
            {"name": template.name, "steps": awards.steps(result, explanation, words)}
            for template, result in explanation.certificates.results
        ],
        "certificates": certificates(explanation.certificates.certificates, words),
        "units": units(course, states),
        "mentors": [names.of(user_id) for user_id in batch.mentors[:3]],
        "names_are_missing": names.are_missing,
        "may_leave": may_leave,
        "has_rule": bool(read_templates(batch.templates)),
        "open": course_address(visit, batch),
    }


def units(course: Course, states: States) -> list[dict[str, Any]]:
    """The units of the first level with their contents; a course without units is one."""
    first = [unit for unit in course.units if unit.depth == 1]
    groups = [(unit.name, unit.leaf_node_ids) for unit in first] or [
        (course.name, tuple(leaf.content_id for leaf in course.leaf_nodes))
    ]
    rows = []
    for name, leaf_ids in groups:
        leaves = [course.leaf_node_by_id[leaf_id] for leaf_id in leaf_ids if leaf_id in course.leaf_node_by_id]
        items = [
            {
                "content_id": leaf.content_id,
                "name": leaf.name or leaf.content_id,
                "status": states[leaf.content_id].status if leaf.content_id in states else 0,
                "optional": leaf.optional,
            }
            for leaf in leaves
        ]
        counted = [item for item in items if not item["optional"]] or items
        done = sum(item["status"] == COMPLETED for item in counted)
        rows.append({"name": name, "items": items, "done": done, "total": len(counted)})
    return rows
