"""One other service over HTTP: timeouts, bounds, retries of what may be repeated, a circuit breaker."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from pydantic import SecretStr

from lernbatch import log, spans, tracing
from lernbatch.config import Config
from lernbatch.errors import Upstream

TOKEN_HEADER = "x-authenticated-user-token"  # noqa: S105 - the name of a header
FIRST_PAUSE_SECONDS = 0.1
_RESPONSE_STATUSES = {"RESOURCE_NOT_FOUND": 404, "CLIENT_ERROR": 400, "UNAUTHORIZED": 401, "SERVER_ERROR": 500}
_WORTH_REPEATING = frozenset({429, 500, 502, 503, 504})


class UpstreamRefused(Upstream):
    """The other service answered with a failure: its code and text are passed on (contract batches §5.2, defect 2)."""

    def __init__(self, detail: str, *, status: int, code: str, text: str | None, reason: str) -> None:
        super().__init__(detail, status=status, upstream_code=reason or code)
        self.http_status = _RESPONSE_STATUSES.get(code, status if status in (400, 401, 403, 404) else 500)
        self.code, self.message = code, text


class UpstreamEmpty(Upstream):
    """The other service answered with nothing."""

    code = None
    message = "Something went wrong while Processing Request"


class Unreachable(Upstream):
    """The other service did not answer, or not in a form that can be read."""

    code: str | None = None
    message: str | None = None


class NotSent(Unreachable):
    """Nothing was sent, and to try again at once would not change that."""


class NoAddress(NotSent):
    """The address of a call cannot be made of what a caller wrote, which says nothing of the other service."""

    http_status = 400
    code = "INVALID_REQUESTED_DATA"
    message = "Requested data for this operation is not valid."


class Resting(NotSent):
    """The other service failed so often that it is left alone for a while."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of another service, read but not judged."""

    request: str  # for the log: method and path
    status: int
    envelope: Mapping[str, Any]

    @property
    def ok(self) -> bool:
        return self.status == httpx.codes.OK and self.code in ("OK", "200")  # some services answer with the number

    @property
    def code(self) -> str:
        return str(self.envelope.get("responseCode") or ("OK" if self.status < 400 else "SERVER_ERROR"))

    @property
    def reason(self) -> str:
        """The other service's own code of the failure."""
        return text(mapping(self.envelope.get("params")).get("err"))

    @property
    def text(self) -> str | None:
        """What went wrong, in the other service's words."""
        message = mapping(self.envelope.get("params")).get("errmsg")
        return None if message is None else str(message)

    @property
    def result(self) -> Mapping[str, Any]:
        """The envelope's result. Raises: UpstreamRefused, when the answer is a failure."""
        if not self.ok:
            raise self.refusal()
        return mapping(self.envelope.get("result"))

    def refusal(self) -> UpstreamRefused:
        """The failure as an error to raise."""
        return UpstreamRefused(
            f"{self.request} answered {self.status} {self.code} {self.reason}",
            status=self.status,
            code=self.code,
            text=self.text,
            reason=self.reason,
        )


class Muted(NotSent):
    """A call that would change something elsewhere, while the platform must not notice us."""

    http_status = 503
    code = "TAKEOVER_IN_PROGRESS"
    message = "This service runs beside the one that it will replace, and changes nothing outside itself."


class OverBudget(NotSent):
    """A request would have us call other services more often than one request may."""

    http_status = 400
    code = "DATA_SIZE_EXCEEDED"
    message = "The request is about more people or courses than can be looked up for one request. Send it in parts."


class Budget:
    """How many calls of other services a request may still cause."""

    def __init__(self, calls: int) -> None:
        self.left = calls

    def spend(self) -> None:
        """Raises: OverBudget."""
        if self.left <= 0:
            raise OverBudget("the request has used up its calls of other services")
        self.left -= 1


# Of the request that is being answered; None: work of no request. Tasks that a request starts share it.
BUDGET: ContextVar[Budget | None] = ContextVar("budget", default=None)
# Whether a job is at work: what fails for callers does not stop the jobs, nor the other way round.
IN_JOB: ContextVar[bool] = ContextVar("in_job", default=False)


class Breaker:
    """Leaves a failing service alone for a while, then lets one call through to see."""

    def __init__(self, failures: int, rest_seconds: float) -> None:
        self._limit, self._rest_seconds = failures, rest_seconds
        self._failures, self._closed_until = 0, 0.0

    def admits(self) -> bool:
        """Whether a call may be made now; of those that wait for a resting service, one."""
        if self._failures < self._limit:
            return True
        now = time.monotonic()
        if now < self._closed_until:
            return False
        self._closed_until = now + self._rest_seconds
        return True

    def succeeded(self) -> None:
        self._failures = 0

    def failed(self) -> None:
        self._failures += 1
        self._closed_until = time.monotonic() + self._rest_seconds


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    named: str = ""

    @property
    def shown(self) -> str:
        """Method and path for the log, without the query; `named`: the path without what names a person."""
        return f"{self.method} {self.named or self.path.partition('?')[0]}"


class Remote:
    """A service at one address. Failures of the way there are `Unreachable`; the rest is a `Reply` to be judged."""

    def __init__(self, name: str, client: httpx.AsyncClient, config: Config) -> None:
        self._name, self._client = name, client
        self._attempts = config.upstream_attempts
        self._timeout_seconds = config.upstream_timeout_seconds
        self._max_bytes = config.upstream_max_bytes
        self._is_muted = config.is_muted
        self._of_callers = Breaker(config.upstream_failures, config.upstream_breaker_seconds)
        self._of_jobs = Breaker(config.upstream_failures, config.upstream_breaker_seconds)

    async def get(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        named: str = "",
    ) -> Reply:
        """GET, repeated when the service fails. `named`: what the log calls it, when the path names a person."""
        call = _Request("GET", path, None, query, headers, named)
        return self._read(call, *await self._repeated(call))

    async def search(self, path: str, request: Mapping[str, Any], *, headers: Mapping[str, str] | None = None) -> Reply:
        """POST of a question that changes nothing, so it is repeated like GET."""
        call = _Request("POST", path, {"request": request}, None, headers)
        return self._read(call, *await self._repeated(call))

    async def send(
        self, method: str, path: str, request: Mapping[str, Any], *, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """A call that changes something: made once, whatever happens. Raises: Muted, when we must change nothing."""
        if self._is_muted:
            raise Muted(f"{self._name} {method} {path} is not called: LERNBATCH_TAKEOVER is set")
        call = _Request(method, path, {"request": request}, None, headers)
        return self._read(call, *await self._once(call))

    async def fetch(self, path: str) -> bytes:
        """The bytes under `path`, or under a whole URL. Raises: Unreachable, when nothing is there."""
        status, body = await self._repeated(_Request("GET", path))
        if status != httpx.codes.OK:
            raise Unreachable(f"{self._name} GET {path.partition('?')[0]} answered {status}", status=status)
        return body

    async def _repeated(self, call: _Request) -> tuple[int, bytes]:
        for attempt in range(1, self._attempts):
            try:
                status, body = await self._once(call)
                if status not in _WORTH_REPEATING:
                    return status, body
            except NotSent:
                raise
            except Unreachable as failure:
                log.warning("a call is repeated", error=failure.detail)
            pause = FIRST_PAUSE_SECONDS * 2 ** (attempt - 1)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreads retries, no secret
        return await self._once(call)

    async def _once(self, call: _Request) -> tuple[int, bytes]:
        breaker = self._of_jobs if IN_JOB.get() else self._of_callers
        if not breaker.admits():
            raise Resting(f"{self._name} keeps failing and is left alone for a while")
        if (budget := BUDGET.get()) is not None:
            budget.spend()
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, body = await self._exchange(call)
        except httpx.InvalidURL as wrong:
            raise NoAddress(f"{self._name} {call.method}: {wrong!r}", status=400) from wrong
        except (httpx.HTTPError, TimeoutError) as failure:
            breaker.failed()
            raise Unreachable(f"{self._name} {call.shown}: {failure!r}") from failure
        if status >= httpx.codes.INTERNAL_SERVER_ERROR:
            breaker.failed()
        else:
            breaker.succeeded()
        return status, body

    async def _exchange(self, call: _Request) -> tuple[int, bytes]:
        content = None if call.body is None else msgspec.json.encode(call.body)
        chunks, size = [], 0
        with spans.of_call(self._name, call.method) as span:
            headers = {"Content-Type": "application/json", **tracing.outgoing(), **(call.headers or {})}
            async with self._client.stream(
                call.method, call.path, content=content, params=call.query, headers=headers
            ) as response:
                async for chunk in response.aiter_bytes():
                    size += len(chunk)
                    if size > self._max_bytes:
                        raise httpx.ReadError(f"the answer is larger than {self._max_bytes} bytes")
                    chunks.append(chunk)
            if span is not None:
                span.set_attribute("http.response.status_code", response.status_code)
        return response.status_code, b"".join(chunks)

    def _read(self, call: _Request, status: int, body: bytes) -> Reply:
        named = f"{self._name} {call.shown}"
        if not body.strip():
            raise UpstreamEmpty(f"{named} answered {status} and nothing else", status=status)
        try:
            envelope = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
            raise Unreachable(f"{named} answered {status} and no JSON", status=status) from wrong
        if not isinstance(envelope, dict):
            raise Unreachable(f"{named} answered {status} and no JSON object", status=status)
        return Reply(named, status, envelope)


def bearer(key: SecretStr) -> dict[str, str]:
    """The header that shows our key, if there is one."""
    secret = key.get_secret_value()
    return {"Authorization": f"Bearer {secret}"} if secret else {}


def chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`ids` in parts of at most `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, else an empty one: other services leave out what is empty."""
    return value if isinstance(value, dict) else {}


def mappings(value: object) -> list[Mapping[str, Any]]:
    """The objects of a list; nothing when it is no list."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def text(value: object) -> str:
    """`value` as text, "" for null."""
    return "" if value is None else str(value)
