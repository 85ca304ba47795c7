"""HTTP routes of enrolment: read, call, answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from lernbatch.batch.rules import administers
from lernbatch.batch.wire_document import DOCUMENT_FIELDS, BatchStyle, show_batch
from lernbatch.course import actions as courses
from lernbatch.enrolment import actions, wire
from lernbatch.enrolment.model import Enrolment, EnrolmentRequest, EnrolmentSource, EnrolmentsQuery
from lernbatch.errors import LernbatchError, Unauthorized
from lernbatch.services import Services
from lernbatch.web.caller import Caller
from lernbatch.web.fields import mandatory
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes


@takes(wire.CourseBatch)
async def enrol(call: Call) -> Done:
    """POST /v1/course/enroll: Join a batch. The caller, or the child on whose behalf the caller asks."""
    batch = wire.read_batch(call.request)
    await actions.enrol(call.services, _request(call, call.subject, batch.batch_id, batch.course_id))
    return Done()


@takes(wire.CourseBatch)
async def unenrol(call: Call) -> Done:
    """POST /v1/course/unenroll and POST /v1/user/courses/unenroll: Leave a batch. The caller, or the child on whose
    behalf the caller asks.
    """
    batch = wire.read_batch_loosely(call.request)
    await actions.unenrol(call.services, _request(call, call.subject, batch.batch_id, batch.course_id))
    return Done()


@takes()
async def read_join_offer(call: Call) -> wire.JoinAnswer:
    """GET /v1/course/batch/join/{batch_id}: Ask whether the caller may join a batch. If not, why not; for anybody."""
    user_id = call.caller.subject if call.caller.is_user else None
    return wire.show_join_offer(await actions.join_offer(call.services, call.parameters["batch_id"], user_id))


@takes(wire.EnrolmentOfOthers, result=Done)
async def enrol_others(call: Call) -> Mapping[str, Any] | Done:
    """POST /v1/course/admin/enroll: Enrol others. One `userId`, or several `userIds`."""
    batch = wire.read_batch(call.request)
    return await _for_others(call, actions.enrol_for, batch.batch_id, batch.course_id)


@takes(wire.EnrolmentOfOthers, result=Done)
async def unenrol_others(call: Call) -> Mapping[str, Any] | Done:
    """POST /v1/course/admin/unenroll: Unenrol others. One `userId`, or several `userIds`."""
    batch = wire.read_batch(call.request)
    return await _for_others(call, actions.unenrol_for, batch.batch_id, batch.course_id)


@takes(wire.UserList, result=Done)
async def add_users(call: Call) -> Mapping[str, Any] | Done:
    """POST /v1/course/batch/users/add/{batch_id}: Add people to a batch. Each gets an answer of their own."""
    return await _for_others(call, actions.enrol_for, call.parameters["batch_id"], None)


@takes(wire.UserList, result=Done)
async def remove_users(call: Call) -> Mapping[str, Any] | Done:
    """POST /v1/course/batch/users/remove/{batch_id}: Remove people from a batch. Each gets an answer of their own."""
    return await _for_others(call, actions.unenrol_for, call.parameters["batch_id"], None)


async def _for_others(
    call: Call,
    act: Callable[[Services, Caller, Sequence[EnrolmentRequest]], Awaitable[list[LernbatchError | None]]],
    batch_id: str,
    course_id: str | None,
) -> Mapping[str, Any] | Done:
    """Without a course, the path names the batch, and the request always has a list of people."""
    user_ids = wire.read_users(call.request, several=course_id is None)
    requests = [
        replace(_request(call, user_id, batch_id, course_id), source=EnrolmentSource.HAND) for user_id in user_ids
    ]
    refusals = await act(call.services, call.caller, requests)
    if "userIds" in call.request:
        return wire.show_results(user_ids, refusals)
    if refusals[0] is not None:
        raise refusals[0]
    return Done()


def _request(call: Call, user_id: str, batch_id: str, course_id: str | None) -> EnrolmentRequest:
    return EnrolmentRequest(user_id, batch_id, course_id, added_by=call.caller.user_id, origin=call.origin)


@takes(wire.EnrolmentListRequest, query=wire.EnrolmentListQuery)
async def list_own(call: Call) -> wire.EnrolmentList:
    """GET /v1/user/courses/list/{user_id} and POST /v2/user/courses/list: List the caller's enrolments. Those of the
    caller, whoever the path names.
    """
    return await _list(call, call.subject)


@takes(query=wire.EnrolmentListQuery)
async def list_privately(call: Call) -> wire.EnrolmentList:
    """GET /private/v1/user/courses/list/{user_id}: List a learner's enrolments, for other services. Of the learner whom
    the path names.
    """
    prefix = f"f:{call.services.config.federation_provider_id}:"
    return await _list(call, call.parameters["user_id"].removeprefix(prefix))


@takes(wire.EnrolmentListOfUser, query=wire.EnrolmentListQuery)
async def list_of_named(call: Call) -> wire.EnrolmentList:
    """POST /private/v2/user/courses/list: List a learner's enrolments, for other services. Of the learner whom the
    request names.
    """
    return await _list(call, mandatory(call.request, "userId"))


@takes(wire.EnrolmentListOfUser, query=wire.EnrolmentListQuery)
async def list_of_other(call: Call) -> wire.EnrolmentList:
    """POST /v2/user/courses/admin/list: List another learner's enrolments. For that learner and administrators of the
    same organisation.
    """
    owner, caller, config = wire.read_list_owner(call.request), call.caller, call.services.config
    if owner != caller.subject and not administers(caller, (), config):
        learner = (
            await call.services.sunbird.users.profile(owner) if caller.has_role(config.administrator_roles) else None
        )
        if learner is None or not administers(caller, [learner.root_org_id], config):
            raise Unauthorized  # of whom the user service does not know nobody administers the organisation
    return await _list(call, owner)


async def _list(call: Call, user_id: str) -> wire.EnrolmentList:
    services, config = call.services, call.services.config
    options = wire.read_list(call.request, call.query, config.enrolment_list_size)
    query = EnrolmentsQuery(user_id, options.limit, options.course_ids, options.offset, options.cursor)
    page = await actions.list_of(services, query)
    trees = await courses.snapshots(services, {enrolment.course_id for enrolment in page.enrolments})
    measures = await actions.measures_of(services, page.enrolments)
    batches = {}
    if options.batch_fields is not None:
        batches = await _batch_fragments(services, page.enrolments, options.batch_fields)
    organisations = None
    if options.organisation_fields:
        channels = {course.channel for course in trees.values() if course.channel}
        organisations = await actions.organisations_of(services, channels)
    return wire.show_list(page, trees, measures, batches, organisations, options, services.fragments)


async def _batch_fragments(
    services: Services, enrolments: Sequence[Enrolment], fields: Sequence[str]
) -> dict[str, msgspec.Raw]:
    """Batch id → those fields of its document as JSON, for the batches that exist. Most were encoded before."""
    fragments, now, style = services.fragments, services.clock.now(), BatchStyle.of(services.config)
    fields = tuple(name for name in fields if name in DOCUMENT_FIELDS)
    # A document changes with the batch and, by its dates, with the day. Wherever a day begins, it is at such a quarter.
    quarter_of_an_hour = int(now.timestamp()) // 900
    shown: dict[str, msgspec.Raw] = {}
    missing: set[str] = set()
    for batch_id, revision in {(row.batch_id, row.batch_revision) for row in enrolments if row.batch_revision}:
        fragment = fragments.get(("batch", batch_id, revision, quarter_of_an_hour, fields))
        if fragment is None:
            missing.add(batch_id)
        else:
            shown[batch_id] = fragment
    for batch in await actions.batches_of(services, frozenset(missing)) if missing else ():
        key = ("batch", batch.batch_id, batch.revision, quarter_of_an_hour, fields)
        shown[batch.batch_id] = fragments.keep(key, show_batch(batch, now, style, fields=fields))
    return shown
