"""The organisation service: which organisations exist."""

from __future__ import annotations

import time
from collections.abc import Collection
from dataclasses import dataclass

from lernbatch.config import Config
from lernbatch.sunbird.http import Remote, bearer, chunks, mapping, mappings, text

IDS_PER_CALL = 100
REMEMBERED_SECONDS = 600.0
MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Organisation:
    """`channel`: the tenant its courses and people belong to."""

    org_id: str
    name: str
    channel: str
    is_root: bool
    email: str | None = None


class Organisations:
    """Calls to the organisation search (contract batches §5.1)."""

    def __init__(self, remote: Remote, config: Config) -> None:
        self._remote, self._config = remote, config
        self._headers = bearer(config.platform_api_key)
        self._remembered: dict[str, tuple[float, Organisation | None]] = {}  # until when, and what is known

    async def find(self, org_ids: Collection[str]) -> dict[str, Organisation]:
        """Organisation id → organisation, for those that exist. Raises: Upstream."""
        organisations: dict[str, Organisation] = {}
        for ids in chunks(sorted(set(org_ids)), IDS_PER_CALL):
            reply = await self._remote.search(
                self._config.org_search_path, {"filters": {"id": ids}, "limit": len(ids)}, headers=self._headers
            )
            for entry in mappings(mapping(reply.result.get("response")).get("content")):
                org_id = text(entry.get("id") or entry.get("identifier"))
                organisations[org_id] = Organisation(
                    org_id=org_id,
                    name=text(entry.get("orgName")),
                    channel=text(entry.get("channel")),
                    is_root=entry.get("isRootOrg") is True or entry.get("isTenant") is True,
                    email=text(entry.get("email")) or None,
                )
        return organisations

    async def remembered(self, org_ids: Collection[str]) -> dict[str, Organisation]:
        """As `find`, for what is shown again and again: at most `REMEMBERED_SECONDS` old. Raises: Upstream."""
        now = time.monotonic()
        unknown = [org_id for org_id in org_ids if self._remembered.get(org_id, (0.0, None))[0] < now]
        if unknown:
            organisations = await self.find(unknown)
            if len(self._remembered) > MOST_REMEMBERED:
                self._remembered.clear()
            until = now + REMEMBERED_SECONDS
            self._remembered |= {org_id: (until, organisations.get(org_id)) for org_id in unknown}
        pairs = ((org_id, self._remembered.get(org_id, (0.0, None))[1]) for org_id in org_ids)
        return {org_id: organisation for org_id, organisation in pairs if organisation is not None}

    async def missing(self, org_ids: Collection[str]) -> set[str]:
        """Those of `org_ids` that do not exist."""
        return set(org_ids) - set(await self.find(org_ids))
