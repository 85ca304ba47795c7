"""Dates and rules of a batch, and a new batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.responses import Response

from lernbatch.batch import actions as batches
from lernbatch.batch import preview as previews
from lernbatch.batch import rules as batch_rules
from lernbatch.batch import wire
from lernbatch.batch.model import BatchChange, ChangeRequester, Preview
from lernbatch.batch.search import actions as batch_search
from lernbatch.certificate import actions as certificates
from lernbatch.certificate import explain
from lernbatch.console import batch_frame, people, rendering
from lernbatch.console.batch_frame import BatchDay
from lernbatch.console.batches import view as batches_view
from lernbatch.console.dates import award, view
from lernbatch.console.visit import Visit, see_other
from lernbatch.course import actions as courses
from lernbatch.errors import NotFound, Upstream
from lernbatch.template.model import Mode
from lernbatch.template.wire import Attachment, read_attachment
from lernbatch.web.idempotency import Remember, once
from lernbatch.web.request import Call

CHANGES = 20  # of a page, the newest
CONFLICT = batch_rules.ChangedMeanwhile.http_status


async def show(visit: Visit, preview: Preview | None = None, rule: dict[str, Any] | None = None) -> Response:
    """GET /console/batches/{batch_id}/rules; `preview`, `rule`: what the typed change, or rule, would do."""
    day = await batch_frame.managed(visit)
    course = await courses.snapshot(visit.services, day.batch.course_id)
    stored = view.fields_of(day.batch)
    changes = await batches.changes_of(visit.services.pool, day.batch.batch_id, CHANGES)
    who = [change.changed_by for change in changes if change.changed_by]
    names = await people.names(visit, [*day.batch.mentors, *who])
    is_conflict = visit.status == CONFLICT
    revision = str(day.batch.revision)
    context = {
        **batch_frame.frame(visit, day),
        "stored": stored,
        "labels": {field: visit.words._(label) for field, label in view.FIELDS.items()},
        "choices": view.choices(visit.words),
        "zone": visit.words.zone_text(day.zone),
        "start_is_fixed": view.start_is_fixed(day),
        "mentors": [names.of(user_id) for user_id in day.batch.mentors],
        "names_are_missing": names.are_missing,
        "may_change": batch_rules.may_change(visit.caller, day.batch),
        "revision": revision if is_conflict else visit.form.get("revision", revision),
        "differences": view.differences(visit.form, stored, visit.words) if is_conflict else [],
        "outcome": None if preview is None else view.outcome(preview, visit.words),
        "was_saved": "saved" in visit.query,
        "changes": view.changes(changes, names, visit.words),
        "rules": award.rules(day.batch.templates, course, visit.words),
        "rule_outcome": rule,
        "due": visit.query.get("due", ""),
        "version": day.batch.course_version,
    }
    return await rendering.page(visit, "dates/page.html", context)


async def check_rule(visit: Visit) -> Response:
    """POST …/rules, do=check-rule: who would get a certificate by another rule, and who no more; nothing is saved."""
    day = await batch_frame.managed(visit)
    attachment = _read_rule(visit, day)
    if attachment is None:
        return await show(visit)
    services, batch_id, before = visit.services, day.batch.batch_id, day.batch.templates[attachment.template_id]
    after, warnings = await certificates.compose_preview(services, visit.caller, day.batch, attachment)
    change = await explain.change_of_rule(services, batch_id, before, after, most=award.MOST_CHECKED)
    people_shown = [] if change is None else change.gaining[: award.MOST_NAMED] + change.losing[: award.MOST_NAMED]
    names = await people.names(visit, people_shown)
    return await show(visit, rule=award.outcome(change, names, warnings))


async def save_rule(visit: Visit) -> Response:
    """POST …/rules, do=save-rule: the template with another rule takes the place of the one before."""
    day = await batch_frame.managed(visit)
    attachment = _read_rule(visit, day)
    if attachment is None:
        return await show(visit)
    result = await certificates.attach(visit.services, visit.caller, attachment)
    return see_other(f"{visit.path}?saved=rule&due={result.due}")


def _read_rule(visit: Visit, day: BatchDay) -> Attachment | None:
    """The rule that was typed, as the API reads it; None when it was refused already."""
    form, _ = visit.form, visit.words._
    template_id = form.get("template", "")
    stored = day.batch.templates.get(template_id)
    if stored is None:
        raise NotFound
    numbers: list[int | None] = []
    for field, most in (("percent", 100), ("attempts", award.MOST_ATTEMPTS)):
        try:
            numbers.append(award.read_number(form.get(field, ""), most))
        except ValueError:
            visit.refuse(_("Write a number from 0 to %(most)s, or nothing.", most=visit.words.number(most)), field)
    if visit.problems:
        return None
    percent, attempts = numbers
    which, organisation_id = form.get("which") or Mode.ANY, form.get("organisation", "").strip()
    criteria = award.criteria_of(award.RuleForm(percent, attempts, which, organisation_id))
    return read_attachment(award.attachment(day.batch.course_id, day.batch.batch_id, stored, criteria))


async def check(visit: Visit) -> Response:
    """POST …/rules, do=check: what the change would do; nothing is saved."""
    day = await batch_frame.managed(visit)
    read = _read(visit, day)
    if read is None:
        return await show(visit)
    requester, change = read
    return await show(visit, await previews.preview(visit.services, requester, change))


async def save(visit: Visit) -> Response:
    """POST …/rules, do=save: change the batch, if it is still as it was shown."""
    day = await batch_frame.managed(visit)
    read = _read(visit, day)
    if read is None:
        return await show(visit)
    requester, change = read
    revision = visit.form.get("revision", "")
    revisions = frozenset({int(revision)}) if revision.isdecimal() and len(revision) < 19 else None
    await batches.update(visit.services, requester, replace(change, revisions=revisions))
    return see_other(f"{visit.path}?saved=1")


def _read(visit: Visit, day: BatchDay) -> tuple[ChangeRequester, BatchChange] | None:
    """The change that was typed, as the API reads it; None when it was refused already."""
    batch = day.batch
    read = view.read_form(visit.form, view.fields_of(batch), visit.words)
    if _refused(visit, read):
        return None
    unchanged = {"courseId": batch.course_id, "id": batch.batch_id, "startDate": batch.start_date.isoformat()}
    call = visit.api({**unchanged, **read.request})
    return _requester(call), wire.read_change(call.request, visit.services.clock.now(), day.zone)


def _refused(visit: Visit, read: view.ReadForm) -> bool:
    for field, text in read.problems.items():
        visit.refuse(text, field)
    return bool(read.problems)


def _requester(call: Call) -> ChangeRequester:
    return ChangeRequester(call.caller, call.origin, wire.read_props(call.request))


async def show_new(visit: Visit) -> Response:
    """GET /console/batches/new"""
    words, caller = visit.words, visit.caller
    conditions = batches_view.whose(caller.user_id, batch_rules.administered(caller, visit.services.config))
    counted = await batch_search.search(visit.services, batches_view.overview(conditions), caller)
    course_ids = [str(value) for value, _ in counted.facets[1].values] if counted.facets else []
    snapshots = await courses.snapshots(visit.services, course_ids)
    context = {
        "labels": {field: words._(label) for field, label in view.FIELDS.items()},
        "choices": view.choices(words),
        "zone": words.zone_text(),
        "today": visit.services.clock.today().isoformat(),
        "organisation_ids": "\n".join(sorted(caller.organisation_ids)),
        "courses": sorted((course.name, course.course_id) for course in snapshots.values()),
    }
    return await rendering.page(visit, "dates/new.html", context)


async def create(visit: Visit) -> Response:
    """POST /console/batches/new: make the batch."""
    services = visit.services
    course_id = visit.form.get("courseId", "").strip()
    read = view.read_form(visit.form, {}, visit.words)
    if not course_id:
        visit.refuse(visit.words._("Write the id of the course."), "courseId")
    if _refused(visit, read) or not course_id:
        return await show_new(visit)
    call = visit.api({"courseId": course_id, **read.request})

    async def work(remember: Remember[str]) -> str:
        clock, closes_days_before = services.clock, services.config.enrolment_closes_days_before_end
        new = wire.read_new_batch(
            call.request, visit.caller.user_id, clock.now(), clock.zone, closes_days_before=closes_days_before
        )
        batch = await batches.create(services, _requester(call), new, remember)
        return batch.batch_id

    try:
        batch_id = await once(call, work)
    except Upstream:
        visit.refuse(
            visit.words._("The content service does not answer, so the course cannot be looked up. Try again.")
        )
        return await show_new(visit)
    return see_other(f"/console/batches/{batch_id}")
