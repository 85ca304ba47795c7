"""An organisation's own service at the network's edge: it keeps what it is told, and answers by a script."""

from __future__ import annotations

import asyncio
import base64
import hmac
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.running import lifespan

HANGS = 0


@dataclass(frozen=True)
class Told:
    """A message as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = msgspec.json.decode(self.body)
        return event

    def is_signed_by(self, secret: str) -> bool:
        """As the Standard Webhooks specification has a receiver check it."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = b".".join([self.headers["webhook-id"].encode(), self.headers["webhook-timestamp"].encode(), self.body])
        expected = "v1," + base64.b64encode(hmac.new(key, signed, "sha256").digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    """`statuses`: of its next answers; when there are none, 204. HANGS: it does not answer."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def kinds(self) -> list[str]:
        return [told.event["type"] for told in self.told]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await lifespan(receive, send)
            return
        request = Request(scope, receive)
        self.told.append(Told(dict(request.headers), await request.body()))
        status = self.statuses.pop(0) if self.statuses else 204
        if status == HANGS:
            while (await receive())["type"] != "http.disconnect":
                await asyncio.sleep(0)
            return
        await Response(status_code=status, headers=self.headers)(scope, receive, send)
