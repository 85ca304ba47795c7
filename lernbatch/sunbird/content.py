"""The content service: courses as they were published, and the list of batches that it shows with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from lernbatch.config import Config
from lernbatch.sunbird.http import Remote, Reply, mapping, mappings, text

_FIELDS = (
    "status,batches,leafNodesCount,trackable,mimeType,contentType,primaryCategory,name,channel,pkgVersion,userConsent"
)


COLLECTION = "application/vnd.ekstep.content-collection"


@dataclass(frozen=True, slots=True)
class PublishedContent:
    """A content's metadata. `leaf_nodes_count` is what the service claims: trees are known where it is wrong."""

    content_id: str
    name: str
    status: str
    channel: str
    mime_type: str
    primary_category: str
    trackable: bool
    user_consent: bool
    leaf_nodes_count: int
    package_version: int
    batches: tuple[Mapping[str, Any], ...] = field(repr=False)


class Content:
    """Calls to the content service (contract batches §5.1, §6.1, §3.6)."""

    def __init__(self, remote: Remote, config: Config) -> None:
        self._remote, self._config = remote, config
        key = config.content_api_key.get_secret_value()
        self._reading = {"Authorization": key} if key else {}
        self._writing = {"Authorization": f"Bearer {key}"} if key else {}

    async def course(self, course_id: str) -> PublishedContent | None:
        """The course's metadata; None when the service says it has none of that id.

        Raises: Upstream, when the service fails or cannot be reached.
        """
        reply = await self._remote.get(
            f"{self._config.content_read_path}{_segment(course_id)}", query={"fields": _FIELDS}, headers=self._reading
        )
        return None if _unknown(reply) else read_content(course_id, mapping(reply.result.get("content")))

    async def hierarchy(self, course_id: str) -> Mapping[str, Any] | None:
        """The published tree: the root node with its children, as the service gives it; None when there is none."""
        reply = await self._remote.get(f"{self._config.hierarchy_path}{_segment(course_id)}", headers=self._reading)
        if _unknown(reply):
            return None
        return mapping(reply.result.get("content") or reply.result.get("collection")) or None

    async def write_batches(self, course_id: str, batches: Sequence[Mapping[str, Any]] | None) -> None:
        """Show `batches` with the course; None: it has none (contract batches §6.1, jobs §1)."""
        reply = await self._remote.send(
            "PATCH",
            f"{self._config.content_update_path}{_segment(course_id)}",
            {"content": {"batches": batches}},
            headers=self._writing,
        )
        if reply.status != 200:
            raise reply.refusal()

    async def create_course(self, course: Mapping[str, Any], channel: str) -> Reply:
        """Make a course; the answer as it came, for the caller to judge (contract batches §3.6)."""
        return await self._remote.send(
            "POST", self._config.content_create_path, {"content": course}, headers=self._for(channel)
        )

    async def copy_course(self, source: str, course: Mapping[str, Any], channel: str) -> Reply:
        """Make a course as a deep copy of `source`; the answer as it came."""
        return await self._remote.send(
            "POST",
            f"{self._config.content_copy_path}{_segment(source)}?type=deep",
            {"content": course},
            headers=self._for(channel),
        )

    async def update_hierarchy(self, data: Mapping[str, Any], channel: str) -> Reply:
        """Change a draft tree by `nodesModified` and `hierarchy`; the answer as it came."""
        return await self._remote.send(
            "PATCH", self._config.hierarchy_update_path, {"data": data}, headers=self._for(channel)
        )

    async def total_questions(self, content_id: str) -> int | None:
        """How many questions a content has; None when the service does not say (contract jobs §3.2, rule 4)."""
        reply = await self._remote.get(
            f"{self._config.content_read_path}{_segment(content_id)}",
            query={"fields": "totalQuestions"},
            headers=self._reading,
        )
        if _unknown(reply):
            return None
        return _count(mapping(reply.result.get("content")).get("totalQuestions")) or None

    def _for(self, channel: str) -> dict[str, str]:
        return {**self._writing, "X-Channel-Id": channel}


def _unknown(reply: Reply) -> bool:
    """The service has no such content. Anything else that is not OK is a failure of the service or of our call."""
    return reply.status in (400, 404)


def read_content(content_id: str, content: Mapping[str, Any]) -> PublishedContent:
    """A content as the content service answers it. `content_id`: where the answer names none."""
    return PublishedContent(
        content_id=text(content.get("identifier")) or content_id,
        name=text(content.get("name")),
        status=text(content.get("status")),
        channel=text(content.get("channel")),
        mime_type=text(content.get("mimeType")),
        primary_category=text(content.get("primaryCategory") or content.get("contentType")),
        trackable=is_trackable(content),
        user_consent=text(content.get("userConsent")).lower() == "yes",
        leaf_nodes_count=_count(content.get("leafNodesCount")),
        package_version=_count(content.get("pkgVersion")),
        batches=tuple(mappings(content.get("batches"))),
    )


def _count(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0


def _segment(value: str) -> str:
    """An id as one segment of a path: ids come from callers."""
    return quote(value, safe="")


def is_trackable(content: Mapping[str, Any]) -> bool:
    """Whether progress in it is kept: `trackable.enabled` is Yes."""
    trackable = content.get("trackable")
    return isinstance(trackable, Mapping) and text(trackable.get("enabled")).lower() == "yes"
