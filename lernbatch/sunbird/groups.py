"""The group service: who is in a group."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from lernbatch.config import Config
from lernbatch.sunbird.http import TOKEN_HEADER, Remote, bearer, mappings, text


@dataclass(frozen=True, slots=True)
class GroupMember:
    """A member as the group service shows them; None where it says nothing."""

    user_id: str
    name: str | None
    role: str | None
    status: str | None
    created_by: str | None


class Groups:
    """Calls to the group service (contract enrolment §4.2)."""

    def __init__(self, remote: Remote, config: Config) -> None:
        self._remote, self._config = remote, config
        self._headers = bearer(config.platform_api_key)

    async def members(self, group_id: str, token: str | None) -> list[GroupMember]:
        """The members, in the group's order. `token`: the caller's. Raises: Upstream, for an unknown group too."""
        path = f"{self._config.group_read_path}{quote(group_id, safe='')}"
        headers = {**self._headers, TOKEN_HEADER: token} if token else self._headers
        reply = await self._remote.get(path, query={"fields": "members"}, headers=headers)
        return [
            GroupMember(
                user_id=text(entry.get("userId")),
                name=entry.get("name"),
                role=entry.get("role"),
                status=entry.get("status"),
                created_by=entry.get("createdBy"),
            )
            for entry in mappings(reply.result.get("members"))
        ]
