"""The nouns of assessments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec


class Question(msgspec.Struct, frozen=True):
    """An answer to one question, as the attempt keeps it. `resvalues` and `params`: maps of text to text."""

    id: str
    assess_ts: int  # epoch milliseconds
    max_score: float
    score: float
    type: str = ""
    title: str = ""
    resvalues: list[dict[str, str]] = msgspec.field(default_factory=list)
    params: list[dict[str, str]] = msgspec.field(default_factory=list)
    description: str = ""
    duration: float = 0.0


class Score(msgspec.Struct, array_like=True, frozen=True):
    """Of all attempts at one content: the best one's marks, and how many there are."""

    best: float
    max_score: float
    attempts: int


@dataclass(frozen=True, slots=True)
class Submission:
    """One attempt as a client sent it. `questions` None: they cannot be read; empty: recompute only."""

    content_id: str
    course_id: str
    batch_id: str
    attempt_id: str
    attempted_ms: int
    questions: tuple[Question, ...] | None
    payload: Mapping[str, Any] = field(repr=False)  # as it was sent: what others hear


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at one content: its marks, without the questions. `attempted_ms` is the client's clock."""

    content_id: str
    attempt_id: str
    attempted_ms: int
    score: float
    max_score: float
