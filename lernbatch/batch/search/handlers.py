"""HTTP handler of the search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.batch.search import actions, wire
from lernbatch.batch.wire_document import BatchStyle
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox import telemetry
from lernbatch.jobs.outbox.actions import publishes_to_kafka
from lernbatch.threads import beside
from lernbatch.web import audit
from lernbatch.web.request import Call
from lernbatch.web.schema import takes


@takes(wire.BatchSearchRequest, query=wire.BatchSearchParameters, result=wire.BatchSearchAnswer)
async def search(call: Call) -> Mapping[str, Any]:
    """POST /v1/course/batch/search: Search batches. Anybody may; their learners are shown to who manages them."""
    services = call.services
    search = wire.read_search(call.request, call.query, filters_optional=services.config.search_without_filters)
    result = await actions.search(services, search, call.caller)
    named = sorted(result.managed & result.participants.keys())
    people = sum(result.learner_counts[batch_id].participants for batch_id in named)
    await audit.note_list(call, "batch.participants", people, " ".join(named))
    if publishes_to_kafka(services.config):
        edata = wire.show_telemetry(call.request, result)
        event = telemetry.search(
            services.config, services.clock.now_ms(), call.origin, actor_id=call.actor_id, edata=edata
        )
        await outbox.publish(services.pool, services, [event])
    style = BatchStyle.of(services.config)
    return await beside(len(result.batches), wire.show_result, search, result, services.clock.now(), style)
