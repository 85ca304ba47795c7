"""The nouns of accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class EnrolmentRow:
    """All of an enrolment that goes over to another account; `states` is JSON."""

    user_id: str
    batch_id: str
    course_id: str
    active: bool
    added_by: str | None
    added_how: str
    enrolled_at: datetime
    status: int
    progress: int
    percentage: int
    completed_at: datetime | None
    states: str
    certificates: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class SupersededCertificate:
    """A certificate that another one stands for."""

    certificate_id: str
