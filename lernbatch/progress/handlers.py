"""HTTP entrances of progress: read, call, answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.assessment.actions import attempts_of
from lernbatch.errors import NoAnswer
from lernbatch.http import Call
from lernbatch.progress import actions, groups, wire


async def update_content_state(call: Call) -> Mapping[str, Any]:
    """PATCH /v1/content/state/update and PATCH /v1/user/content/state."""
    if not call.has_json_body:
        raise NoAnswer
    update = wire.read_update(call.request, call.caller, call.subject, call.services.config.max_contents_per_update)
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
