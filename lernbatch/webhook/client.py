"""Sending a message to an address that an organisation named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

import httpx

from lernbatch.config import Config
from lernbatch.errors import Upstream
from lernbatch.sunbird.files import PublicOnly
from lernbatch.sunbird.http import Muted
from lernbatch.webhook.model import DeliveryAttempt

LONGEST_ERROR = 300


class WebhookClient:
    """Posts to public addresses, and to those that the operator names. Redirects are not followed; of an answer
    nothing but its status is read, so that nobody learns through us what stands inside the network. Connects when
    first used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._client: httpx.AsyncClient | None = None

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> DeliveryAttempt:
        """What came of it. Raises: Muted, when nothing may leave."""
        if self._config.is_muted:
            raise Muted("no webhook is told: LERNBATCH_TAKEOVER is set")
        started, status, error = time.monotonic(), None, None
        try:
            async with (
                asyncio.timeout(self._config.webhook_timeout_seconds),
                self._opened().stream("POST", url, headers=headers, content=body) as response,
            ):
                status = response.status_code
        except Upstream as refused:  # the address cannot be had, or leads inside
            error = refused.detail
        except TimeoutError:
            error = f"There was no answer within {self._config.webhook_timeout_seconds:g} seconds."
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            error = repr(failure)
        attempt = DeliveryAttempt(status, error and error[:LONGEST_ERROR], round((time.monotonic() - started) * 1000))
        return attempt if error or attempt.is_taken else replace(attempt, error=f"It answered {status}.")

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            direct = httpx.Limits(max_connections=self._config.upstream_connections, max_keepalive_connections=0)
            outside = httpx.AsyncHTTPTransport(limits=direct)
            trusted = frozenset(self._config.webhook_hosts)
            self._client = httpx.AsyncClient(
                transport=PublicOnly(outside, trusted, "LERNBATCH_WEBHOOK_HOSTS"),
                timeout=self._config.webhook_timeout_seconds,
                follow_redirects=False,
                headers={"User-Agent": "Lernbatch"},
            )
        return self._client
