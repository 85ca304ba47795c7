"""The question set service: how many questions a question set asks, and how often it may be tried."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from lernbatch.config import Config
from lernbatch.sunbird.http import Remote, bearer, mapping, text


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """`total_questions`, `max_attempts`: None when the service does not say."""

    content_id: str
    name: str
    status: str
    total_questions: int | None
    max_attempts: int | None


class Questions:
    """Calls to the question set service."""

    def __init__(self, remote: Remote, config: Config) -> None:
        self._remote, self._config = remote, config
        self._headers = bearer(config.platform_api_key)

    async def question_set(self, content_id: str) -> QuestionSet | None:
        """A question set's metadata; None when there is none of that id."""
        path = f"{self._config.questionset_read_path}{quote(content_id, safe='')}"
        reply = await self._remote.get(path, headers=self._headers)
        if reply.status in (400, 404):
            return None
        question_set = mapping(reply.result.get("questionset") or reply.result.get("questionSet"))
        children = question_set.get("childNodes")
        return QuestionSet(
            content_id=text(question_set.get("identifier")) or content_id,
            name=text(question_set.get("name")),
            status=text(question_set.get("status")),
            total_questions=_number(question_set.get("totalQuestions"))
            or (len(children) if isinstance(children, list) else None)
            or None,
            max_attempts=_number(question_set.get("maxAttempts")),
        )


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, int | float) else None
