"""The analytics API: exhausts on the analytics service's paths, in its own envelope (contract jobs §5.1 to §5.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import wraps
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import msgspec

from lernbatch.errors import Forbidden, LernbatchError, Malformed, NotAuthenticated, Refused, Unmappable
from lernbatch.exhaust import actions, handlers, rules, wire
from lernbatch.exhaust.model import Requester, RequestSearch
from lernbatch.web import envelope
from lernbatch.web.answers import Answer, json_response
from lernbatch.web.request import Call
from lernbatch.web.schema import Fields, takes

CONSUMER_HEADER = "x-consumer-id"
SEARCH_LIMIT = 10
SEARCH_MAXIMUM = 1000
LONGEST_NUMBER = 10  # digits
_FILTERS = frozenset({"dataset", "requestedDate", "status", "channel"})
_CODES = {
    400: "CLIENT_ERROR",
    401: "UNAUTHORIZED_USER",
    403: "FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    413: "CLIENT_ERROR",
}


class NoSuchRequest(LernbatchError):
    """Answered with 200 and params.status failed: clients look there."""

    http_status = 200
    message = "no job available with the given request_id and tag"


class NoFilters(Refused):
    message = "Filters are empty"


class UnsupportedFilters(Refused):
    message = "Unsupported filters"


class WrongShape(Refused):
    """What the service's own envelope answers with 500."""

    message = "The request should be an object, and its tag, dataset and key texts"


def analytics_api(name: str) -> Callable[[Callable[[Call], Awaitable[Fields]]], Callable[[Call], Awaitable[Answer]]]:
    """Answers what the handler returns or raises as `ekstep.analytics.dataset.request.{name}`."""

    def wrap(handler: Callable[[Call], Awaitable[Fields]]) -> Callable[[Call], Awaitable[Answer]]:
        @wraps(handler)
        async def answer(call: Call) -> Answer:
            now = call.services.clock.now()
            try:
                return json_response(_envelope(name, now, result=await handler(call)), 200)
            except (Refused, Forbidden, NotAuthenticated, NoSuchRequest) as error:
                return json_response(_envelope(name, now, error=error), error.http_status)
            except (Malformed, Unmappable):
                return json_response(_envelope(name, now, error=WrongShape()), WrongShape.http_status)

        return answer

    return wrap


@takes(wire.ReportRequest, produces="application/json", result=wire.DatasetJobAnswer, also=handlers.REFUSED)
@analytics_api("submit")
async def submit_dataset(call: Call) -> wire.ReportJob:
    """POST /dataset/v1/request/submit: Ask for a dataset. As the analytics service takes it."""
    request = await _request(call)
    channel, requester = await _admitted(call)
    requested_by = request.get("requestedBy")
    requested_by = requester.user_id or (requested_by if isinstance(requested_by, str) else "")
    submission = wire.read_submission(request, requested_by, channel, wire.EmptyField)
    return wire.show_request(await actions.submit(call.services, requester, submission))


@takes(query=wire.RequestIdQuery, produces="application/json", result=wire.DatasetJobAnswer, also=handlers.REFUSED)
@analytics_api("info")
async def read_dataset(call: Call) -> wire.ReportJob:
    """GET /dataset/v1/request/read/{tag}: Read a dataset request. As the analytics service answers it."""
    channel, requester = await _admitted(call)
    request = await actions.find(call.services.pool, call.query.get("requestId", ""))
    if request is None or (request.tag, request.channel) != (call.parameters["tag"], channel):
        raise NoSuchRequest
    linked = await actions.linked_requests(call.services, requester, [request])
    if not linked:
        raise rules.NotAuthorised
    return wire.show_request(linked[0])


@takes(query=wire.LimitQuery, produces="application/json", result=wire.DatasetJobsAnswer, also=handlers.REFUSED)
@analytics_api("list")
async def list_datasets(call: Call) -> wire.ReportJobs:
    """GET /dataset/v1/request/list/{tag}: List the dataset requests of a tag. As the analytics service answers it."""
    channel, requester = await _admitted(call)
    limit = _limit(call.query.get("limit"), handlers.LIST_LIMIT)
    return wire.show_list(await actions.of_tag(call.services, requester, call.parameters["tag"], channel, limit))


@takes(
    wire.DatasetSearch,
    produces="application/json",
    result=wire.DatasetJobsAnswer,
    also=handlers.REFUSED,
    example={"filters": {"dataset": "progress-exhaust"}},
)
@analytics_api("search")
async def search_datasets(call: Call) -> wire.ReportJobs:
    """POST /dataset/v1/request/search: Search dataset requests. At least one filter is needed."""
    request = await _request(call)
    channel, requester = await _admitted(call)
    filters = read_search(request, call.services.clock.zone)
    if filters.channel not in (None, channel):
        raise rules.NotAuthorised
    return wire.show_list(await actions.search(call.services, requester, channel, filters))


def read_search(request: Mapping[str, Any], zone: ZoneInfo) -> RequestSearch:
    """The filters, the day as two instants in UTC.

    Raises: NoFilters; UnsupportedFilters, also for days at the end of all calendars.
    """
    filters = request.get("filters")
    if not isinstance(filters, dict) or not filters:
        raise NoFilters
    if not set(filters) <= _FILTERS or not all(isinstance(value, str) for value in filters.values()):
        raise UnsupportedFilters
    submitted_from = submitted_before = None
    if "requestedDate" in filters:
        try:
            start = datetime.combine(date.fromisoformat(filters["requestedDate"]), time(), zone)
            submitted_from, submitted_before = start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)
        except (ValueError, OverflowError) as wrong:
            raise UnsupportedFilters from wrong
    return RequestSearch(
        dataset=filters.get("dataset"),
        status=filters.get("status"),
        channel=filters.get("channel"),
        submitted_from=submitted_from,
        submitted_before=submitted_before,
        limit=_limit(request.get("limit"), SEARCH_LIMIT),
    )


def _limit(given: object, default: int) -> int:
    """A positive number up to SEARCH_MAXIMUM; `default` for what is none, or is longer than numbers are read."""
    text = str(given)
    is_number = text.isascii() and text.isdigit() and len(text) < LONGEST_NUMBER
    return min(int(text), SEARCH_MAXIMUM) if is_number and int(text) > 0 else default


async def _request(call: Call) -> dict[str, Any]:
    return envelope.read_request(await call.read_body(), "application/json")


async def _admitted(call: Call) -> tuple[str, Requester]:
    """The channel and the requester: the user who asks, or a consumer, which may have the reports of the channel.

    A consumer is a machine client, which shows its key, or is named by a gateway inside the private networks.
    """
    config, caller = call.services.config, call.caller
    channel = call.headers.get(handlers.CHANNEL_HEADER, "").strip()
    if not channel:
        raise rules.ChannelMissing
    if caller.token is not None or not caller.authentication_enabled:
        return await actions.admitted(call.services, caller, channel), rules.requester(config, caller)
    consumer = caller.user_id or call.headers.get(CONSUMER_HEADER, "")
    is_trusted = caller.user_id is not None or call.is_private
    if not is_trusted or f"{consumer}:{channel}" not in config.exhaust_consumers:
        raise rules.ConsumerNotAllowed(consumer, channel)
    return channel, Requester(None, frozenset({channel}))


def _envelope(name: str, now: datetime, *, result: Fields | None = None, error: LernbatchError | None = None) -> bytes:
    code = "OK" if error is None else _CODES.get(error.http_status, "OK")
    failed = {} if code == "OK" else {"err": code}
    params = {
        "resmsgid": uuid4().hex,
        **failed,
        "status": "successful" if error is None else "failed",
        **({} if error is None else {"errmsg": error.message}),
        "client_key": None,
    }
    return msgspec.json.encode(
        {
            "id": f"ekstep.analytics.dataset.request.{name}",
            "ver": "1.0",
            "ts": now.astimezone(UTC).isoformat(timespec="milliseconds"),
            "params": params,
            "responseCode": code,
            "result": result,
        }
    )
