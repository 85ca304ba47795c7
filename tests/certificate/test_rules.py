"""What is true of certificates: one line a case."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from lernbatch.certificate import rules
from lernbatch.certificate.model import CertificateStatus

NOW = datetime(2026, 7, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ACTIVE, SUSPENDED, REVOKED, SUPERSEDED = CertificateStatus


@pytest.mark.parametrize(
    ("status", "expires_at", "validity"),
    [
        (ACTIVE, None, "valid"),
        (ACTIVE, NOW + SECOND, "valid"),
        (ACTIVE, NOW, "expired"),
        (ACTIVE, NOW - SECOND, "expired"),
        (SUSPENDED, None, "suspended"),
        (SUSPENDED, NOW - SECOND, "suspended"),  # may be reinstated, and is expired then
        (REVOKED, NOW, "revoked"),
        (SUPERSEDED, NOW + SECOND, "superseded"),
    ],
)
def test_what_a_certificate_is_worth(status: CertificateStatus, expires_at: datetime | None, validity: str) -> None:
    assert rules.validity(status, expires_at, NOW) == validity


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [
        (ACTIVE, REVOKED, True),
        (ACTIVE, SUSPENDED, True),
        (ACTIVE, ACTIVE, False),
        (SUSPENDED, ACTIVE, True),
        (SUSPENDED, REVOKED, True),
        (SUSPENDED, SUSPENDED, False),
        (REVOKED, ACTIVE, False),  # only a new issue that names the learner
        (REVOKED, SUSPENDED, False),
        (SUPERSEDED, ACTIVE, False),
        (SUPERSEDED, REVOKED, False),
    ],
)
def test_which_changes_are_made_by_hand(before: CertificateStatus, after: CertificateStatus, allowed: bool) -> None:
    assert (before in rules.CHANGES[after]) is allowed


def test_nothing_is_superseded_by_hand() -> None:
    assert SUPERSEDED not in rules.CHANGES


@pytest.mark.parametrize(
    ("vouching", "claimed", "shown"),
    [
        ("State Board", "University of Madras", "University of Madras"),
        ("State Board", "  University of Madras ", "University of Madras"),
        ("State Board", "State Board", None),
        ("State Board", " STATE board", None),
        ("State Board", "", None),
        ("State Board", "   ", None),
    ],
)
def test_who_is_only_claimed_to_issue(vouching: str, claimed: str, shown: str | None) -> None:
    assert rules.on_behalf_of(vouching, claimed) == shown


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({}, {}),
        ({"met": 5}, {"met": 5}),
        ({"met": 4}, {"fewerThanFive": 4}),
        ({"met": 9, "unmet": 4, "waiting": 1}, {"met": 9, "fewerThanFive": 5}),
    ],
)
def test_small_groups_are_counted_together(counts: dict[str, int], shown: dict[str, int]) -> None:
    assert rules.without_few(Counter(counts)) == shown


@pytest.mark.parametrize(
    "other",
    [
        (b"another", "b", "u", "t", 1),
        (b"secret", "b2", "u", "t", 1),
        (b"secret", "b", "u2", "t", 1),
        (b"secret", "b", "u", "t2", 1),
        (b"secret", "b", "u", "t", 2),
    ],
)
def test_a_certificate_id_follows_from_all_that_it_is_for(other: tuple[bytes, str, str, str, int]) -> None:
    certificate_id = rules.certificate_id(b"secret", "b", "u", "t", 1)
    assert UUID(certificate_id).version == 4
    assert certificate_id == rules.certificate_id(b"secret", "b", "u", "t", 1)
    assert certificate_id != rules.certificate_id(*other)
