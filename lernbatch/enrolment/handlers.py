"""HTTP routes of enrolment: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lernbatch.batch.rules import administers
from lernbatch.batch.wire_document import BatchStyle, show_batch
from lernbatch.course import actions as courses
from lernbatch.enrolment import actions, wire
from lernbatch.enrolment.model import How, Page, Wish
from lernbatch.errors import Unauthorized
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call

SUCCESS = {"response": "SUCCESS"}


async def enrol(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/enroll: the caller, or the child on whose behalf the caller asks."""
    await actions.enrol(call.services, _wish(call, call.subject, wire.read_asked(call.request)))
    return SUCCESS


async def unenrol(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/unenroll and POST /v1/user/courses/unenroll."""
    await actions.unenrol(call.services, _wish(call, call.subject, wire.read_asked_loosely(call.request)))
    return SUCCESS


async def enrol_others(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/admin/enroll: one `userId`, or several `userIds`."""
    return await _for_others(call, wire.read_asked(call.request), enrolling=True)


async def unenrol_others(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/admin/unenroll."""
    return await _for_others(call, wire.read_asked(call.request), enrolling=False)


async def add_users(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/users/add/{batch_id}: the portal's way to invite people."""
    return await _for_others(call, wire.Asked(call.parameters["batch_id"], None), enrolling=True, several=True)


async def remove_users(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/users/remove/{batch_id}."""
    return await _for_others(call, wire.Asked(call.parameters["batch_id"], None), enrolling=False, several=True)


async def _for_others(call: Call, asked: wire.Asked, *, enrolling: bool, several: bool = False) -> Mapping[str, Any]:
    user_ids = wire.read_users(call.request, several=several)
    wishes = [replace(_wish(call, user_id, asked), how=How.HAND) for user_id in user_ids]
    do = actions.enrol_for if enrolling else actions.unenrol_for
    refusals = await do(call.services, call.caller, wishes)
    if "userIds" in call.request:
        return wire.show_results(user_ids, refusals)
    if refusals[0] is not None:
        raise refusals[0]
    return SUCCESS


def _wish(call: Call, user_id: str, asked: wire.Asked) -> Wish:
    return Wish(user_id, asked.batch_id, asked.course_id, added_by=call.caller.user_id, origin=call.origin)


async def list_own(call: Call) -> Mapping[str, Any]:
    """GET /v1/user/courses/list/{user_id} and POST /v2/user/courses/list: the caller's, whoever the path names."""
    return await _list(call, call.subject)


async def list_privately(call: Call) -> Mapping[str, Any]:
    """GET /private/v1/user/courses/list/{user_id}."""
    prefix = f"f:{call.services.config.federation_provider_id}:"
    return await _list(call, call.parameters["user_id"].removeprefix(prefix))


async def list_of_named(call: Call) -> Mapping[str, Any]:
    """POST /private/v2/user/courses/list: of `userId`."""
    return await _list(call, mandatory(call.request, "userId"))


async def list_of_other(call: Call) -> Mapping[str, Any]:
    """POST /v2/user/courses/admin/list: of `userId`, to that learner and administrators of the same organisation."""
    owner, caller, config = wire.read_list_owner(call.request), call.caller, call.services.config
    if owner != caller.subject and not administers(caller, (), config):
        learner = (
            await call.services.sunbird.users.profile(owner) if caller.has_role(config.administrator_roles) else None
        )
        if learner is None or not administers(caller, [learner.root_org_id], config):
            raise Unauthorized  # of whom the user service does not know nobody administers the organisation
    return await _list(call, owner)


async def _list(call: Call, user_id: str) -> Mapping[str, Any]:
    services, config = call.services, call.services.config
    asked = wire.read_list(call.request, call.query, config.enrolment_list_size)
    page = await actions.list_of(services, Page(user_id, asked.limit, asked.course_ids, asked.offset, asked.cursor))
    found = await courses.snapshots(services, {enrolment.course_id for enrolment in page.enrolments})
    measures = await actions.measures_of(services, page.enrolments)
    batches = {}
    if asked.batch_fields is not None:
        now, style = services.clock.now(), BatchStyle.of(config)
        offered = await actions.batches_of(services, page.enrolments)
        batches = {batch.batch_id: show_batch(batch, now, style, fields=asked.batch_fields) for batch in offered}
    organisations = None
    if asked.organisation_fields:
        channels = {course.channel for course in found.values() if course.channel}
        organisations = await actions.organisations_of(services, channels)
    return wire.show_list(page, found, measures, batches, organisations, asked)
