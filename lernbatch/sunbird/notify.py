"""The notification service: mails, messages and the feed on a person's page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.config import Config
from lernbatch.sunbird.http import Remote, Reply, bearer

BLOCKED = "USER_ACCOUNT_BLOCKED"


class Notify:
    """Calls that tell people something. Each is made once; the outbox repeats what failed."""

    def __init__(self, remote: Remote, config: Config) -> None:
        self._remote, self._config = remote, config
        self._headers = bearer(config.platform_api_key)

    async def email(self, request: Mapping[str, Any]) -> None:
        """A mail by template (contract batches §6.2). Raises: Upstream."""
        _done(await self._remote.send("POST", self._config.email_path, request, headers=self._headers))

    async def notification(self, request: Mapping[str, Any]) -> bool:
        """A message about a certificate; False when the person is blocked (contract jobs §4.10). Raises: Upstream."""
        reply = await self._remote.send("POST", self._config.notification_path, request, headers=self._headers)
        if reply.status == 400 and reply.reason == BLOCKED:
            return False
        _done(reply)
        return True

    async def feed(self, request: Mapping[str, Any]) -> None:
        """An entry on the person's own page (contract jobs §4.10). Raises: Upstream."""
        _done(await self._remote.send("POST", self._config.feed_path, request, headers=self._headers))


def _done(reply: Reply) -> None:
    if reply.status != 200:
        raise reply.refusal()
