"""HTTP routes of progress: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.assessment.actions import attempts_of
from lernbatch.enrolment.actions import check_management
from lernbatch.errors import NoAnswer
from lernbatch.progress import actions, groups, rules, wire
from lernbatch.progress.model import Update
from lernbatch.web.request import Call


async def update_content_state(call: Call) -> Mapping[str, Any]:
    """PATCH /v1/content/state/update and PATCH /v1/user/content/state."""
    if not call.has_json_body:
        raise NoAnswer
    update = wire.read_update(call.request, call.caller, call.subject, call.services.config.max_contents_per_update)
    if call.caller.until is not None:
        rules.check_before(update, call.caller.until * 1000)
    return wire.show_outcome(await actions.record(call.services, update))


async def read_content_state(call: Call) -> Mapping[str, Any]:
    """POST /v1/content/state/read: the caller's."""
    return await _read(call, wire.read_states_asked(call.request, call.subject))


async def read_content_state_privately(call: Call) -> Mapping[str, Any]:
    """POST /private/v1/content/state/read: of `userId`."""
    return await _read(call, wire.read_states_asked(call.request, None))


async def _read(call: Call, asked: wire.StatesAsked) -> Mapping[str, Any]:
    services = call.services
    states = await actions.states_of(services, asked.user_id, asked.course_id, asked.batch_id)
    attempts = None
    if asked.with_scores:
        attempts = await attempts_of(
            services.pool,
            asked.user_id,
            asked.batch_id,
            asked.content_ids or None,
            limit=services.config.attempts_limit,
        )
    return wire.show_states(asked, states, attempts, services.clock.zone)


async def read_group_activity(call: Call) -> Mapping[str, Any]:
    """POST /v1/group/activity/agg: what the members of the caller's group have done."""
    asked = wire.read_group_asked(call.request)
    members = await groups.members_of(call.services, call.caller, asked.group_id)
    found = await groups.metrics_of(call.services, [member.user_id for member in members], asked.activity_id)
    return wire.show_group(asked, members, found, call.services.clock.now())


async def aggregate_activity(call: Call) -> Mapping[str, Any]:
    """POST /v1/activity/agg: the successor's way to record statuses, or to reckon again."""
    work = wire.read_activity(call.request)
    await _check_may_record(call, work.user_id, work.batch_id)
    await actions.record(call.services, Update((work,)))
    return {"response": "SUCCESS"}


async def aggregate_assessment(call: Call) -> Mapping[str, Any]:
    """POST /v1/assessment/agg: the successor's way to record attempts."""
    user_id, submissions = wire.read_attempts(call.request, call.subject)
    works = wire.works_of(user_id, submissions)
    for work in works:
        await _check_may_record(call, user_id, work.batch_id)
    await actions.record(call.services, Update(works))
    return {"response": "SUCCESS", "attemptId": submissions[0].attempt_id if len(submissions) == 1 else "N/A"}


async def _check_may_record(call: Call, user_id: str, batch_id: str) -> None:
    """Learners record for themselves, managers of a batch for everybody in it. Raises: InvalidBatch, Unauthorized."""
    if not call.caller.speaks_for(user_id):
        await check_management(call.services, call.caller, batch_id, None)
