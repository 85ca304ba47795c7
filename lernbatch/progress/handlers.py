"""HTTP routes of progress: read, call, answer."""

from __future__ import annotations

from lernbatch.enrolment.actions import check_management
from lernbatch.errors import NoAnswer
from lernbatch.progress import actions, groups, rules, wire, wire_aggregation, wire_groups
from lernbatch.progress.model import Update
from lernbatch.web.request import Call
from lernbatch.web.schema import Done, takes


@takes(wire.ContentStateUpdate, example=wire.EXAMPLE_UPDATE)
async def update_content_state(call: Call) -> wire.UpdateOutcome:
    """PATCH /v1/content/state/update and PATCH /v1/user/content/state: Report learning. States of contents, and
    attempts at question sets.
    """
    if not call.has_json_body:
        raise NoAnswer
    update = wire.read_update(call.request, call.caller, call.subject, call.services.config.max_contents_per_update)
    if call.caller.until is not None:
        rules.check_before(update, call.caller.until * 1000)
    return wire.show_outcome(await actions.record(call.services, update))


@takes(wire.StatesRequest)
async def read_content_state(call: Call) -> wire.StateList:
    """POST /v1/content/state/read: Read how far the caller is. In the contents of a course."""
    return await _read(call, wire.read_states_query(call.request, call.subject))


@takes(wire.PrivateStatesRequest)
async def read_content_state_privately(call: Call) -> wire.StateList:
    """POST /private/v1/content/state/read: Read how far a learner is, for other services. Of the learner whom the
    request names.
    """
    return await _read(call, wire.read_states_query(call.request, None))


async def _read(call: Call, query: wire.StatesQuery) -> wire.StateList:
    services = call.services
    states = await actions.states_of(services, query.user_id, query.course_id, query.batch_id)
    attempts = None
    if query.with_scores:
        attempts = await actions.attempts_of(
            services.pool,
            query.user_id,
            query.batch_id,
            query.content_ids or None,
            limit=services.config.attempts_limit,
        )
    return wire.show_states(query, states, attempts, services.clock.zone)


@takes(wire_groups.GroupActivityRequest)
async def read_group_activity(call: Call) -> wire_groups.GroupProgress:
    """POST /v1/group/activity/agg: Read what a group has done. The group must be one that the caller is in."""
    query = wire_groups.read_group_query(call.request)
    members = await groups.members_of(call.services, call.caller, query.group_id)
    figures = await groups.metrics_of(call.services, [member.user_id for member in members], query.activity_id)
    return wire_groups.show_group(query, members, figures, call.services.clock.now())


@takes(wire_aggregation.ActivityAggregation)
async def aggregate_activity(call: Call) -> Done:
    """POST /v1/activity/agg: Record states, or recompute them. Of one learner in one batch."""
    work = wire_aggregation.read_activity(call.request)
    await _check_may_record(call, work.user_id, work.batch_id)
    await actions.record(call.services, Update((work,)))
    return Done()


@takes(wire_aggregation.AttemptAggregation)
async def aggregate_assessment(call: Call) -> wire_aggregation.AggregatedAttempt:
    """POST /v1/assessment/agg: Record an attempt. Of one learner at one question set."""
    user_id, submissions = wire_aggregation.read_attempts(call.request, call.subject)
    works = wire_aggregation.works_of(user_id, submissions)
    for work in works:
        await _check_may_record(call, user_id, work.batch_id)
    await actions.record(call.services, Update(works))
    return wire_aggregation.AggregatedAttempt(attempt_id=submissions[0].attempt_id if len(submissions) == 1 else "N/A")


async def _check_may_record(call: Call, user_id: str, batch_id: str) -> None:
    """Learners record for themselves, managers of a batch for everybody in it. Raises: InvalidBatch, Unauthorized."""
    if not call.caller.speaks_for(user_id):
        await check_management(call.services, call.caller, batch_id, None)
