"""The nouns of the shadow: an exchange that was seen, an answer, a difference, a line of the journal."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class Kind(StrEnum):
    """How an answer of the candidate differs from the primary's, or why nobody can say (M54)."""

    STATUS = "status"  # the HTTP status
    ERROR = "error"  # responseCode, params.err or params.errmsg
    MISSING = "missing"  # the candidate lacks it
    EXTRA = "extra"  # the candidate alone has it
    VALUE = "value"
    ORDER = "order"  # the same elements in another order
    LATE = "late"  # the primary's pipeline had not caught up: asked again later, both said the same
    KNOWN = "known"  # a deviation on purpose, see known.toml
    SKIPPED = "skipped"  # not asked: too much waited already, or it was too large to be kept
    FAILED = "failed"  # the candidate did not answer, or the comparison broke


class Exchange(msgspec.Struct, frozen=True, array_like=True):
    """A request that the primary answered, with its answer. `at`: when it came, epoch seconds.

    `target`: path and query as sent. `headers`: of the request, names in lower case. `skipped_before`: how many
    exchanges were not handed over since the last one that was.
    """

    at: float
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    status: int
    answer_headers: list[tuple[str, str]]
    answer: bytes
    skipped_before: int = 0


class Answer(msgspec.Struct, frozen=True):
    """What a service answered: the body without any content encoding."""

    status: int
    body: bytes


class AnswerDifference(msgspec.Struct, frozen=True, omit_defaults=True):
    """One place where two answers differ. `path`: as `$.result.courses[].status`.

    `case`: which row of known.toml explains it. `late`: gone when both were asked again.
    """

    kind: Kind
    path: str
    primary: Any = None
    candidate: Any = None
    case: str = ""
    late: bool = False

    @property
    def explained(self) -> bool:
        return bool(self.case) or self.late

    @property
    def shown_kind(self) -> Kind:
        return Kind.KNOWN if self.case else Kind.LATE if self.late else self.kind


class Credential(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the journal keeps of a token: whose it was, the roles that it gave, and a keyed hash of the whole."""

    subject: str
    hash: str
    roles: list[Any] = []
    parent: str = ""  # of a managed user's token


class RecordedBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """A body in the journal: as it was in `text`, or `shape` alone where it may hold personal data (M52)."""

    status: int = 0
    text: str | None = None
    shape: Any = None
    bytes: int = 0


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of the journal. `at`: when the request came, epoch seconds, as the candidate was told (M57).

    `outcome`: same, differs, skipped or failed, with its `reason`. A line without a route counts alone: `skipped`
    exchanges that were not handed over before it, `lost` lines that could not be written.
    """

    at: float
    route: str = ""
    method: str = ""
    target: str = ""
    learner: str = ""
    headers: dict[str, str] = {}
    credentials: dict[str, Credential] = {}
    is_read: bool = False
    created_id: str = ""
    request: RecordedBody | None = None
    primary: RecordedBody | None = None
    candidate: RecordedBody | None = None
    outcome: str = ""
    reason: str = ""
    differences: list[AnswerDifference] = []
    skipped: int = 0
    lost: int = 0
