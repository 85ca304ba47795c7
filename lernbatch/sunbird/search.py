"""The search service: many courses in one call, and titles of contents."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lernbatch.config import Config
from lernbatch.errors import Upstream
from lernbatch.sunbird.content import COLLECTION
from lernbatch.sunbird.http import Remote, bearer, chunks, mappings, text

IDS_PER_CALL = 100


@dataclass(frozen=True, slots=True)
class MailContent:
    """What a mail says about a course."""

    name: str
    logo_url: str


class Search:
    """Calls to the search service (contract enrolment §8, D1, D3, D4; batches §1.7)."""

    def __init__(self, remote: Remote, composite: Remote, config: Config) -> None:
        self._remote, self._composite, self._config = remote, composite, config
        self._headers = bearer(config.platform_api_key)

    async def courses(
        self,
        filters: Mapping[str, Any],
        *,
        fields: Sequence[str] = (),
        limit: int,
        query_string: str = "",
    ) -> list[Mapping[str, Any]]:
        """The hits of a composite search, whole. `query_string`: the caller's own, passed on (D1).

        Raises: Upstream, also for an answer that is not OK, so that an outage is not taken for "no courses".
        """
        path = self._config.composite_search_path
        request: dict[str, Any] = {"filters": filters, "limit": limit}
        if fields:
            request["fields"] = list(fields)
        reply = await self._composite.search(
            f"{path}?{query_string}" if query_string else path, request, headers=self._headers
        )
        return mappings(reply.result.get("content"))

    async def trackable_courses(
        self, course_ids: Collection[str], *, query_string: str = "", filters: Mapping[str, Any] | None = None
    ) -> list[Mapping[str, Any]]:
        """The live, trackable collections among `course_ids`, by any number of bounded calls (D1)."""
        courses: list[Mapping[str, Any]] = []
        for ids in chunks(sorted(course_ids), IDS_PER_CALL):
            query = {
                "identifier": ids,
                "status": "Live",
                "mimeType": COLLECTION,
                "trackable.enabled": "Yes",
                **(filters or {}),
            }
            courses += await self.courses(query, limit=len(ids), query_string=query_string)
        return courses

    async def leaf_nodes_count(self, course_id: str) -> int:
        """The number of leaf nodes that the search knows; 0 when it does not know the course (D3)."""
        hits = await self._hits({"identifier": course_id, "status": "Live"}, ["leafNodesCount"], 1)
        count = hits[0].get("leafNodesCount") if hits else None
        return int(count) if isinstance(count, int | float) else 0

    async def mail_content(self, course_id: str) -> MailContent | None:
        """Name and logo of a live course; None when there is none, and then no mail is sent (D4)."""
        filters = {
            "identifier": course_id,
            "status": "Live",
            "mimeType": COLLECTION,
            "contentType": ["Course"],
            "trackable.enabled": "Yes",
        }
        hits = await self._hits(filters, ["name", "appIcon"], 1)
        return MailContent(text(hits[0].get("name")), text(hits[0].get("appIcon"))) if hits else None

    async def titles(self, content_ids: Collection[str]) -> dict[str, str]:
        """Content id → name, for those that the search knows, by any number of bounded calls."""
        names: dict[str, str] = {}
        for ids in chunks(sorted(content_ids), IDS_PER_CALL):
            hits = await self._hits({"identifier": ids, "status": []}, ["identifier", "name"], len(ids))
            names.update({text(hit.get("identifier")): text(hit.get("name")) for hit in hits})
        return names

    async def healthy(self) -> bool:
        """Whether the search answers (contract batches §1.7)."""
        try:
            reply = await self._remote.search(
                self._config.search_path, {"filters": {"identifier": "test"}}, headers=self._headers
            )
        except Upstream:
            return False
        return reply.ok

    async def _hits(self, filters: Mapping[str, Any], fields: list[str], limit: int) -> list[Mapping[str, Any]]:
        reply = await self._remote.search(
            self._config.search_path, {"filters": filters, "fields": fields, "limit": limit}, headers=self._headers
        )
        # Hits come sorted by kind: contents under one key, question sets under another.
        return [*mappings(reply.result.get("content")), *mappings(reply.result.get("QuestionSet"))]
