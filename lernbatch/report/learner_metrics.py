"""The older reports of a batch: course progress and assessment (contract jobs §6.3).

Names and external ids are shown, and e-mail addresses and phone numbers masked, of those who let the organisation see
them; the older reports showed them of everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, NamedTuple

from lernbatch.archive.model import Row
from lernbatch.person.model import Personal

Unseal = Callable[[str, bytes | None], Personal]
IDENTITY_COLUMNS = (
    "External ID",
    "User ID",
    "User Name",
    "Email ID",
    "Mobile Number",
    "Organisation Name",
    "State Name",
    "District Name",
    "School UDISE Code",
    "School Name",
)
_SHOWN_OF_NAME, _SHOWN_OF_PHONE = 2, 4


class MetricRow(NamedTuple):
    """A row of queries.sql, metric_rows. `sealed` is None without consent."""

    user_id: str
    enrolled_on: date
    completed_on: date | None
    has_certificate: bool
    states: str  # JSON
    scores: Mapping[str, Any]
    sealed: bytes | None
    root_org_id: str | None
    state: str | None
    district: str | None
    org_name: str | None
    school_id: str | None
    school_name: str | None
    block: str | None


def identity_cells(learner: MetricRow, unseal: Unseal, *, own: bool) -> Row:
    """The cells of IDENTITY_COLUMNS. What belongs to the school is shown to its own organisation only: `own`."""
    person = unseal(learner.user_id, learner.sealed)
    return (
        person.external_id if own else "",
        learner.user_id,
        person.name,
        masked_email(person.email),
        masked_phone(person.phone),
        learner.org_name or "",
        learner.state or "",
        learner.district or "",
        (learner.school_id or "") if own else "",
        (learner.school_name or "") if own else "",
    )


def masked_email(email: str) -> str:
    """`as***@example.org`"""
    name, at, domain = email.partition("@")
    return f"{name[:_SHOWN_OF_NAME]}***{at}{domain}" if at else ""


def masked_phone(phone: str) -> str:
    """`******3210`"""
    return f"******{phone[-_SHOWN_OF_PHONE:]}" if len(phone) > _SHOWN_OF_PHONE else ""
