"""How a request becomes a `Call` and an answer: bounds, identity, envelope, and the one error handler."""

from __future__ import annotations

import asyncio
import gzip
import random
import re
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from hmac import compare_digest
from http import HTTPStatus
from pathlib import PurePath
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import asyncpg
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from lernbatch import log, metrics
from lernbatch.config import Config
from lernbatch.database import db
from lernbatch.errors import (
    Busy,
    Forbidden,
    LernbatchError,
    Malformed,
    Refused,
    Unauthorized,
    Unmappable,
    Unstorable,
    Upstream,
)
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.jobs.outbox import telemetry
from lernbatch.jobs.outbox.actions import hears_kafka
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.sunbird.http import BUDGET, Budget
from lernbatch.web import audit, envelope
from lernbatch.web.private import is_inside
from lernbatch.web.schema import Fields
from lernbatch.web.tokens import Caller

Answer: TypeAlias = "Mapping[str, Any] | Fields | bytes | Headed | Response"
Handler: TypeAlias = Callable[["Call"], Awaitable[Answer]]

_ALLOWED_HEADERS = (
    "Origin, X-Requested-With, Content-Type, Accept, Referer, User-Agent,X-Consumer-ID,cid,ts,X-Device-ID,"
    "X-Authenticated-Userid,X-msgid,id,X-Access-TokenId,Authorization,X-Authenticated-User-Token,"
    "X-Authenticated-For,X-Channel-Id,X-App-Id,X-Request-ID,If-Match,Idempotency-Key"
)
_CORS = (b"access-control-allow-origin", b"*")
_JSON_HEADERS = (
    (b"content-type", b"application/json"),
    _CORS,
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
)
_JSON_TYPE = re.compile(r"\s*application/([\w.-]+\+)?json\s*(;|$)", re.IGNORECASE)
_LONGEST_CACHED_QUERY = 500
LONGEST_MESSAGE_ID = 100
GZIP_LEVEL = 5  # most of the gain for half the time of 9
GATEWAY_DENIAL = "You do not have permission to perform this operation"


@dataclass(frozen=True, slots=True)
class Headed:
    """A result with headers of its own."""

    result: Mapping[str, Any] | Fields
    headers: Mapping[str, str]


class NotJson(Refused):
    """A body without a JSON content type, where a page of another origin could send it unasked."""

    http_status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "UNSUPPORTED_MEDIA_TYPE"
    message = "The content type of the request must be application/json."


class Access(Enum):
    """Who may call a route."""

    USER = auto()  # a valid token
    LATE_USER = auto()  # a token with a right signature, expired or not: phones that were offline
    OPEN = auto()  # anybody; a valid token says who
    PRIVATE = auto()  # only from the configured networks, or with the service token
    INTERNAL = auto()  # as PRIVATE, or an administrator of the whole platform; the reference leaves it open (defect 25)


_CLOSED = frozenset((Access.PRIVATE, Access.INTERNAL))


@dataclass(frozen=True, slots=True)
class Entrance:
    """One row of `routes.py`. `path` is the service's, `gateway` the public one of the same call.

    `raw`: the handler reads the body itself (files, or no envelope). `roles`: which roles a user needs one of.
    `about_caller`: by the gateway's path nobody else may be named, neither in the path nor in the body.
    """

    method: str
    path: str
    handler: Handler
    access: Access = Access.USER
    gateway: str | None = None
    roles: tuple[str, ...] = ()
    about_caller: bool = False
    raw: bool = False
    large: bool = False  # its body may be as large as a file
    vital: bool = False  # monitors ask it, also while anonymous callers wait for each other
    operators: bool = False  # answered only on the operators' port, where there is one
    form_d: bool = False  # an envelope that cannot be read is form D here, not form F (contract batches §1.1)

    @property
    def is_closed(self) -> bool:
        """Whether no page of another origin has any business with it."""
        return self.access in _CLOSED


@dataclass(slots=True)  # not frozen, which would double the time of making one
class Call:
    """One request, read: what handlers work with."""

    services: Services
    caller: Caller
    request: dict[str, Any]  # the envelope's `request` object
    parameters: dict[str, str]  # of the path
    message_id: str
    http: Request
    largest_body_bytes: int

    async def read_body(self) -> bytes:
        """The body of a `raw` entrance. Raises: as `envelope.read_body`."""
        return await envelope.read_body(self.http, self.largest_body_bytes, self.services.bodies)

    @property
    def query(self) -> Mapping[str, str]:
        """The query's parameters; of a key that is repeated the first counts (contract enrolment §2.5.1)."""
        text = self.http.scope["query_string"]
        return _read_query(text) if len(text) <= _LONGEST_CACHED_QUERY else _read_query.__wrapped__(text)

    @property
    def headers(self) -> Mapping[str, str]:
        """By lower-case name; of one that is repeated the first."""
        return headers_of(self.http.scope)

    @property
    def subject(self) -> str:
        """Whom a call about oneself concerns. Raises: Unauthorized, when nobody is known."""
        if self.caller.subject is None or not self.caller.subject.strip():
            raise Unauthorized
        return self.caller.subject

    @property
    def is_private(self) -> bool:
        """Whether it comes from the private networks, or shows the service token."""
        try:
            _admit_private(self.http, self.services)
        except Forbidden:
            return False
        return True

    @property
    def has_json_body(self) -> bool:
        """Whether a body was sent that claims to be JSON."""
        has_body = self.headers.get("content-length", "0") != "0" or "transfer-encoding" in self.headers
        return has_body and "json" in self.headers.get("content-type", "").lower()

    @property
    def origin(self) -> Origin:
        """Where it came from: what its telemetry carries."""
        return _origin(self.headers, self.message_id, self.services.config)

    @property
    def actor_id(self) -> str:
        """Whose doing it is for telemetry: the caller's, else the calling system's."""
        return self.caller.user_id or self.headers.get("x-consumer-id") or "internal"


@lru_cache(maxsize=512)  # portals ask the same again and again
def _read_query(query: bytes) -> Mapping[str, str]:
    return MappingProxyType(dict(reversed(parse_qsl(query.decode("latin-1"), keep_blank_values=True))))


def headers_of(scope: Scope) -> Mapping[str, str]:
    """The headers of a request that `Front` has read, by lower-case name."""
    found: Mapping[str, str] = scope["lernbatch.headers"]
    return found


def read_headers(scope: Scope) -> dict[str, str]:
    """Read once: looking each up in ASGI's list of byte strings is most of what a small request would cost."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}


def _origin(headers: Mapping[str, str], message_id: str, config: Config) -> Origin:
    return Origin(
        message_id=message_id,
        channel=headers.get("x-channel-id") or config.default_channel,
        app_id=headers.get("x-app-id"),
        device_id=headers.get("x-device-id"),
    )


def routes(entrances: list[Entrance]) -> list[Route]:
    """Starlette's routes for every entrance, on its own path and on the gateway's."""
    made = []
    for entrance in entrances:
        made.append(_route(entrance, entrance.path, by_gateway=False))
        if entrance.gateway:
            made.append(_route(entrance, entrance.gateway, by_gateway=True))
    return made


def _route(entrance: Entrance, path: str, *, by_gateway: bool) -> Route:
    endpoint = Endpoint(entrance, by_gateway=by_gateway)
    return Route(path, endpoint, methods=[entrance.method], name=f"{entrance.method} {path}")


def entrance_of(route: Route) -> Entrance:
    """The entrance that `routes` has made the route of."""
    assert isinstance(route.app, Endpoint)
    return route.app.entrance


class Endpoint:
    """An entrance as an ASGI application, which saves Starlette's wrapping of functions."""

    def __init__(self, entrance: Entrance, *, by_gateway: bool) -> None:
        self.entrance, self._by_gateway = entrance, by_gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        BUDGET.set(Budget(request.app.state.services.config.upstream_calls_per_request))
        try:
            response = await _answer(self.entrance, request, by_gateway=self._by_gateway)
        except Exception as error:  # noqa: BLE001 - the one place where every failure becomes an envelope
            response = failed(request, error)
            await _tell(request, error, response.status_code)
        finally:
            if "lernbatch.held" in scope:
                request.app.state.services.bodies.free(scope)
        if response.status_code in (401, 403):
            await audit.refused(request, self.entrance, request.app.state.services)
        if self.entrance.is_closed:
            response.raw_headers = [header for header in response.raw_headers if header[0] != _CORS[0]]
        await response(scope, receive, send)


async def _tell(request: Request, error: Exception, status: int) -> None:
    """The ERROR event of a failure, where somebody hears such (contract batches §6.3)."""
    services: Services = request.app.state.services
    if not hears_kafka(services.config):
        return
    headers = headers_of(request.scope)
    event = telemetry.error(
        services.config,
        services.clock.now_ms(),
        _origin(headers, request.scope["lernbatch.message_id"], services.config),
        actor_id=headers.get("x-consumer-id") or "internal",
        err=HTTPStatus(status).phrase if status in set(HTTPStatus) else str(status),
        code=getattr(error, "code", None) or "INTERNAL_ERROR",
        trace=_trace(error),
    )
    try:
        await outbox.tell(services.pool, services, [event])
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as unreachable:
        log.warning("an error event was lost", error=repr(unreachable))  # the failure itself is answered and logged


def _trace(error: Exception) -> str:
    """Where `error` was raised, from the inside out; its text may name people, so it is not there."""
    frames = reversed(traceback.extract_tb(error.__traceback__))
    places = (f"{PurePath(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames)
    return "\n".join([type(error).__name__, *places])


async def _answer(entrance: Entrance, request: Request, *, by_gateway: bool) -> Response:
    services: Services = request.app.state.services
    internal = _fill(entrance.path, request.path_params)
    request.scope["lernbatch.path"] = internal
    message_id = request.scope["lernbatch.message_id"]
    caller = _admit(entrance, request, services)
    if _lacks_role(entrance, caller, services.config, by_gateway=by_gateway):
        return PlainTextResponse(GATEWAY_DENIAL, 403)
    db.anonymous.set(entrance.access is Access.OPEN and caller.user_id is None and not entrance.vital)
    config = services.config
    largest = config.max_file_bytes if entrance.large else config.max_body_bytes
    body = {} if entrance.raw else await _read(entrance, request, services, largest)
    if by_gateway and entrance.about_caller and _names_another(body, request.path_params, caller, config):
        return PlainTextResponse(GATEWAY_DENIAL, 403)
    call = Call(services, caller, body, request.path_params, message_id, request, largest)
    answer = await (audit.noting(call, entrance) if entrance.path in audit.AUDITED else entrance.handler(call))
    if isinstance(answer, Response):
        if not isinstance(answer, _Json):
            answer.headers.setdefault("cache-control", "no-store")
            answer.headers.setdefault("x-content-type-options", "nosniff")
        return answer
    if isinstance(answer, Headed):
        response = await _success(request, internal, message_id, services, answer.result)
        response.headers.update(answer.headers)
        return response
    return await _success(request, internal, message_id, services, answer)


def _fill(template: str, parameters: Mapping[str, str]) -> str:
    if not parameters:
        return template
    return re.sub(r"{(\w+)(?::\w+)?}", lambda found: str(parameters[found.group(1)]), template)


def _admit(entrance: Entrance, request: Request, services: Services) -> Caller:
    if entrance.is_closed:
        _check_no_page(request)
    if entrance.access is Access.PRIVATE:
        _admit_private(request, services)
    caller = services.gate.caller(
        headers_of(request.scope),
        required=entrance.access in (Access.USER, Access.LATE_USER),
        accept_expired=entrance.access is Access.LATE_USER,
    )
    if entrance.access is Access.INTERNAL and not caller.administers((), services.config.administrator_roles):
        _admit_private(request, services)
    return caller


def _lacks_role(entrance: Entrance, caller: Caller, config: Config, *, by_gateway: bool) -> bool:
    """Whether a user has none of the roles that the call needs. Systems with a key of their own need none."""
    enforced = config.roles_enforced == "everywhere" or (config.roles_enforced == "gateway" and by_gateway)
    return enforced and bool(entrance.roles) and caller.is_user and not caller.has_role(entrance.roles)


def _names_another(body: Mapping[str, Any], parameters: Mapping[str, str], caller: Caller, config: Config) -> bool:
    """Whether a call about oneself names somebody else: a parent who forgot the child's header, for one.

    Source: contract enrolment-and-progress §1.3, the gateway's policies.
    """
    if not config.subject_enforced or not caller.is_user:
        return False
    attempts = body.get("assessments")
    entries = [body, *(attempts if isinstance(attempts, list) else ())]
    named = [parameters.get("user_id"), *(entry.get("userId") for entry in entries if isinstance(entry, dict))]
    prefix = f"f:{config.federation_provider_id}:"
    return any(isinstance(name, str) and name.strip() and name.removeprefix(prefix) != caller.subject for name in named)


def _admit_private(request: Request, services: Services) -> None:
    token = services.config.service_token
    given = headers_of(request.scope).get("x-service-token", "").encode()
    if token is not None and compare_digest(given, token.get_secret_value().encode()):
        return
    peer = request.client.host if request.client else ""
    if not is_inside(peer, request.scope["http_version"], headers_of(request.scope), services.config):
        raise Forbidden


def _check_no_page(request: Request) -> None:
    """Refuse what a page of another origin can make a browser send. Raises: Forbidden, NotJson."""
    headers = headers_of(request.scope)
    if "origin" in headers or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise Forbidden
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if has_body and not _JSON_TYPE.match(headers.get("content-type", "")):
        raise NotJson


async def _read(entrance: Entrance, request: Request, services: Services, largest_bytes: int) -> dict[str, Any]:
    body = await envelope.read_body(request, largest_bytes, services.bodies)
    try:
        read = envelope.read_request(body, headers_of(request.scope).get("content-type", ""))
    except Unmappable as wrong:
        raise (Malformed if entrance.form_d else Unmappable) from wrong
    prefix = services.config.federation_provider_id
    if prefix:
        for key in ("id", "userId"):
            if isinstance(read.get(key), str):
                read[key] = read[key].removeprefix(f"f:{prefix}:")
    return read


async def _success(
    request: Request, path: str, message_id: str, services: Services, answer: Mapping[str, Any] | Fields | bytes
) -> Response:
    body, result_length = envelope.success(path, message_id, services.clock.now(), answer)
    body = _placed(body, services)
    config = services.config
    headers = {"x-response-length": str(result_length)}
    if config.gzip_enabled and result_length >= config.gzip_threshold_bytes:
        headers["vary"] = "Accept-Encoding"
        if "gzip" in headers_of(request.scope).get("accept-encoding", ""):
            body = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)  # beside the loop: it takes milliseconds
            headers["content-encoding"] = "gzip"
    return json_response(body, 200, headers)


def _placed(body: bytes, services: Services) -> bytes:
    """Stored URLs carry a placeholder for the cloud store; the answer names the real one (contract §1.5)."""
    url = services.config.cloud_store_url
    return body.replace(services.config.cloud_store_placeholder.encode(), url.encode()) if url else body


class _Json(Response):
    """JSON that is bytes already, with headers that are: Starlette's way to make them is dearer than the answer."""

    def __init__(self, body: bytes, status: int, headers: Mapping[str, str]) -> None:
        self.status_code, self.body, self.background = status, body, None
        self.raw_headers = [
            (b"content-length", b"%d" % len(body)),
            *_JSON_HEADERS,
            *((name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()),
        ]


def json_response(body: bytes, status: int, headers: Mapping[str, str] = MappingProxyType({})) -> Response:
    """An answer in JSON; the names in `headers` are in lower case."""
    return _Json(body, status, headers)


def message_id_of(headers: Mapping[str, str]) -> str:
    """The id by which this request is known in logs and answers: the caller's, else a random UUID."""
    for name in ("x-msgid", "x-request-id"):
        if name in headers:
            given = headers[name].strip()[:LONGEST_MESSAGE_ID]
            return given if given.isprintable() and given else "internal"
    drawn = f"{random.getrandbits(128):032x}"  # a name, no secret: it need not ask the kernel
    return f"{drawn[:8]}-{drawn[8:12]}-4{drawn[13:16]}-a{drawn[17:20]}-{drawn[20:]}"


def failed(request: Request, error: Exception) -> Response:
    """The one error handler: every failure of every route becomes an envelope here."""
    services: Services = request.app.state.services
    path = request.scope.get("lernbatch.path", request.url.path)
    message_id = request.scope.get("lernbatch.message_id")
    if isinstance(error, ClientDisconnect):
        return Response(status_code=499)
    route = getattr(request.scope.get("route"), "name", "none")  # the path itself may name people
    if isinstance(error, Upstream):
        log.warning("upstream failed", detail=error.detail, route=route)
        metrics.UPSTREAM_FAILURES.inc()
    if isinstance(error, db.UNSTORABLE):
        error = Unstorable()
    if isinstance(error, db.TROUBLES):
        log.warning("the database does not work", error=repr(error), route=route)
        metrics.DATABASE_FAILURES.inc()
        error = Malformed()
    if not isinstance(error, LernbatchError):
        log.exception("a bug", error=error, route=route)
        metrics.BUGS.inc()
        error = Malformed()
    body = envelope.failure(path, message_id, services.clock.now(), error)
    headers = {"retry-after": str(error.retry_after_seconds)} if isinstance(error, Busy) else {}
    return json_response(body, error.http_status, headers)


def options() -> Response:
    """What any path answers to a preflight; no token is asked for (contract batches §1.9, defect 7)."""
    return Response(
        headers={
            "Allow": "*",
            "Access-Control-Allow-Origin": "*",
            "Access-Control-Allow-Methods": "POST, GET, PUT, PATCH, DELETE, OPTIONS",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
        }
    )
