"""The nouns of certificates: what was issued, what it is worth now, and why that changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class CertificateStatus(StrEnum):
    """What a certificate is worth now; the names are the column's."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"


class ChangeCode(StrEnum):
    """Why a certificate is not valid any more, as anybody may know it."""

    ISSUED_IN_ERROR = "issued-in-error"
    WRONG_DETAILS = "wrong-details"
    MISCONDUCT = "misconduct"
    UNDER_REVIEW = "under-review"
    REVIEW_PASSED = "review-passed"
    HOLDER_ASKED = "holder-asked"
    RE_ISSUED = "re-issued"  # ours alone
    ACCOUNTS_MERGED = "accounts-merged"  # ours alone
    ERASED = "erased"  # ours alone: its holder was erased, and with them all that it said


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate as it was issued, and what it is worth now."""

    user_id: str
    batch_id: str
    template_id: str
    revision: int
    certificate_id: str
    course_id: str
    name: str
    status: str
    status_index: int
    credential: Mapping[str, Any]
    template: Mapping[str, Any]
    decision: Mapping[str, Any]
    earned_at: datetime
    issued_at: datetime
    expires_at: datetime | None
    changed_at: datetime
    changed_by: str | None
    change_reason: str | None
    change_code: str | None


@dataclass(frozen=True, slots=True)
class ImportedCertificate:
    """A certificate of another service. `source`: registry, certreg or entry; `token`: its access code, or ''."""

    user_id: str
    certificate_id: str
    batch_id: str
    course_id: str
    name: str
    source: str
    status: str
    issued_at: datetime | None
    token: str
    sealed_record: bytes
    changed_at: datetime | None
    change_code: str | None

    @property
    def is_erased(self) -> bool:
        return self.change_code == ChangeCode.ERASED

    @property
    def validity(self) -> str:
        """What it is worth: valid as far as its old registry says, or why not."""
        if self.is_erased:
            return "withdrawn"
        return "valid" if self.status == CertificateStatus.ACTIVE else self.status


@dataclass(frozen=True, slots=True)
class Revision:
    """One certificate of a chain of re-issues."""

    certificate_id: str
    revision: int
    status: str
    issued_at: datetime
