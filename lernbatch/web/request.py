"""One request as handlers see it: the `Call`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from lernbatch.config import Config
from lernbatch.errors import Unauthorized, Unmappable
from lernbatch.jobs.outbox.telemetry import Origin
from lernbatch.services import Services
from lernbatch.web import admission, envelope
from lernbatch.web.caller import Caller
from lernbatch.web.headers import has_body, headers_of
from lernbatch.web.routing import Route

_LONGEST_CACHED_QUERY = 500


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
        """The body of a `raw` route. Raises: as `envelope.read_body`."""
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
        return admission.is_private(self.http, self.services.config)

    @property
    def has_json_body(self) -> bool:
        """Whether a body was sent that claims to be JSON."""
        return has_body(self.headers) and "json" in self.headers.get("content-type", "").lower()

    @property
    def origin(self) -> Origin:
        """Where it came from: what its telemetry carries."""
        return origin_of(self.headers, self.message_id, self.services.config)

    @property
    def actor_id(self) -> str:
        """Whose doing it is for telemetry: the caller's, else the calling system's."""
        return self.caller.user_id or self.headers.get("x-consumer-id") or "internal"


@lru_cache(maxsize=512)  # portals send the same queries again and again
def _read_query(query: bytes) -> Mapping[str, str]:
    return MappingProxyType(dict(reversed(parse_qsl(query.decode("latin-1"), keep_blank_values=True))))


def origin_of(headers: Mapping[str, str], message_id: str, config: Config) -> Origin:
    """Where a request with these headers came from."""
    return Origin(
        message_id=message_id,
        channel=headers.get("x-channel-id") or config.default_channel,
        app_id=headers.get("x-app-id"),
        device_id=headers.get("x-device-id"),
    )


async def read_request(route: Route, request: Request, services: Services, largest_bytes: int) -> dict[str, Any]:
    """The envelope's `request` object; ids in it lose the prefix of our user federation.

    Raises: as `envelope.read_body` and `envelope.read_request`, but what the route names instead of Unmappable.
    """
    body = await envelope.read_body(request, largest_bytes, services.bodies)
    try:
        content = envelope.read_request(body, headers_of(request.scope).get("content-type", ""))
    except Unmappable as wrong:
        raise route.unreadable from wrong
    provider = services.config.federation_provider_id
    if provider:
        for key in ("id", "userId"):
            if isinstance(content.get(key), str):
                content[key] = content[key].removeprefix(f"f:{provider}:")
    return content
