"""The other door to exhausts: the analytics service's paths, in its own envelope (contract jobs §5.1 to §5.3)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import wraps
from typing import Any, TypeAlias
from uuid import uuid4

import msgspec

from lernbatch.database import db
from lernbatch.errors import Forbidden, LernbatchError, Malformed, NotAuthenticated, Refused, Unmappable
from lernbatch.exhaust import actions, handlers, rules, wire
from lernbatch.exhaust.model import Request, Requester
from lernbatch.web import envelope
from lernbatch.web.answers import Answer, json_response
from lernbatch.web.request import Call

CONSUMER_HEADER = "x-consumer-id"
SEARCH_LIMIT = 10
SEARCH_MAXIMUM = 1000
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


Result: TypeAlias = Mapping[str, Any]


def door(name: str) -> Callable[[Callable[[Call], Awaitable[Result]]], Callable[[Call], Awaitable[Answer]]]:
    """Answers what the handler returns or raises as `ekstep.analytics.dataset.request.{name}`."""

    def wrap(handler: Callable[[Call], Awaitable[Result]]) -> Callable[[Call], Awaitable[Answer]]:
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


@door("submit")
async def submit_dataset(call: Call) -> Result:
    """POST /dataset/v1/request/submit"""
    request = await _request(call)
    channel, requester = await _admitted(call)
    requested_by = requester.user_id or _text(request, "requestedBy")
    asked = wire.read_submission(request, requested_by, channel, wire.Empty)
    made = await actions.submit(call.services, requester, asked)
    return handlers.show((await actions.shown(call.services, [made]))[0])


@door("info")
async def read_dataset(call: Call) -> Result:
    """GET /dataset/v1/request/read/{tag}?requestId="""
    channel, requester = await _admitted(call)
    found = await actions.find(call.services.pool, call.query.get("requestId", ""))
    if found is None or (found.tag, found.channel) != (call.parameters["tag"], channel):
        raise NoSuchRequest
    if not await actions.visible(call.services, requester, [found]):
        raise rules.NotAuthorised
    return handlers.show((await actions.shown(call.services, [found]))[0])


@door("list")
async def list_datasets(call: Call) -> Result:
    """GET /dataset/v1/request/list/{tag}?limit="""
    channel, requester = await _admitted(call)
    limit = _limit(call.query.get("limit"), handlers.LIST_LIMIT)
    found = await actions.of_tag(call.services, requester, call.parameters["tag"], channel, limit)
    return handlers.show_list(await actions.shown(call.services, found))


@door("search")
async def search_datasets(call: Call) -> Result:
    """POST /dataset/v1/request/search {"request": {"filters": {"dataset", "requestedDate", "status", "channel"}}}"""
    request = await _request(call)
    channel, requester = await _admitted(call)
    wanted = _read_search(request, call.services.clock.zone)
    if wanted.channel not in (None, channel):
        raise rules.NotAuthorised
    found = await db.all(
        call.services.pool,
        Request,
        actions.Q.requests_matching,
        dataset=wanted.dataset,
        channel=channel,
        status=wanted.status,
        submitted_from=wanted.submitted_from,
        submitted_before=wanted.submitted_before,
        limit=wanted.limit,
    )
    return handlers.show_list(
        await actions.shown(call.services, await actions.visible(call.services, requester, found))
    )


@dataclass(frozen=True, slots=True)
class _Search:
    dataset: str | None
    status: str | None
    channel: str | None
    submitted_from: datetime | None
    submitted_before: datetime | None
    limit: int


def _read_search(request: Mapping[str, Any], zone: Any) -> _Search:
    filters = request.get("filters")
    if not isinstance(filters, dict) or not filters:
        raise NoFilters
    if not set(filters) <= _FILTERS or not all(isinstance(value, str) for value in filters.values()):
        raise UnsupportedFilters
    start, end = _day(filters.get("requestedDate"), zone)
    return _Search(
        dataset=filters.get("dataset"),
        status=filters.get("status"),
        channel=filters.get("channel"),
        submitted_from=start,
        submitted_before=end,
        limit=_limit(request.get("limit"), SEARCH_LIMIT),
    )


def _day(given: str | None, zone: Any) -> tuple[datetime | None, datetime | None]:
    """When a day begins and ends, in UTC. Raises: UnsupportedFilters, also for days at the end of all calendars."""
    if given is None:
        return None, None
    try:
        start = datetime.combine(date.fromisoformat(given), time(), zone)
        return start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise UnsupportedFilters from wrong


def _limit(given: object, default: int) -> int:
    text = str(given)
    return min(int(text), SEARCH_MAXIMUM) if text.isascii() and text.isdigit() and int(text) > 0 else default


async def _request(call: Call) -> dict[str, Any]:
    return envelope.read_request(await call.read_body(), "application/json")


async def _admitted(call: Call) -> tuple[str, Requester]:
    """The channel, and for whom its reports are: the user who asks, or a consumer, which has those of the channel.

    A consumer is a machine client, which shows its key, or is named by a gateway inside the private networks.
    """
    config, caller = call.services.config, call.caller
    channel = call.headers.get(handlers.CHANNEL_HEADER, "").strip()
    if not channel:
        raise rules.ChannelMissing
    if caller.token is not None or not caller.authentication_enabled:
        return await actions.admitted(call.services, caller, channel), rules.requester(config, caller)
    consumer = caller.user_id or call.headers.get(CONSUMER_HEADER, "")
    shown = caller.user_id is not None or call.is_private
    if not shown or f"{consumer}:{channel}" not in config.exhaust_consumers:
        raise rules.ConsumerNotAllowed(consumer, channel)
    return channel, Requester(None, frozenset({channel}))


def _text(request: Mapping[str, Any], key: str) -> str:
    value = request.get(key)
    return value if isinstance(value, str) else ""


def _envelope(name: str, now: datetime, *, result: Result | None = None, error: LernbatchError | None = None) -> bytes:
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
