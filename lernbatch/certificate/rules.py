"""What is true of certificates: refusals, changes of status, ids, small groups. Who earns one: template/criteria.py."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from lernbatch.certificate.model import CertificateStatus
from lernbatch.errors import Refused


class NoTemplates(Refused):
    def __init__(self, batch_id: str) -> None:
        super().__init__(f"No certificate templates associated with {batch_id}")


class CannotChange(Refused):
    """A certificate is not in a state from which the asked one can be reached."""

    code = "INVALID_DATA"

    def __init__(self, status: CertificateStatus) -> None:
        super().__init__(f"This certificate cannot become {status.value} any more.")


# From which statuses each can be reached by hand; superseded comes from a re-issue alone.
CHANGES: Mapping[CertificateStatus, tuple[CertificateStatus, ...]] = {
    CertificateStatus.REVOKED: (CertificateStatus.ACTIVE, CertificateStatus.SUSPENDED),
    CertificateStatus.SUSPENDED: (CertificateStatus.ACTIVE,),
    CertificateStatus.ACTIVE: (CertificateStatus.SUSPENDED,),
}


def on_behalf_of(vouching: str, claimed: str) -> str | None:
    """The name that a template gives its issuer, where that is not who vouches: a claim that nobody checked."""
    claimed = claimed.strip()
    return None if not claimed or claimed.casefold() == vouching.strip().casefold() else claimed


def achievement_id(batch_id: str, name: str) -> str:
    """The URI of what everybody earns who gets a certificate of that name in the batch."""
    return f"urn:lernbatch:{batch_id}:{sha256(name.encode()).hexdigest()[:16]}"


def certificate_id(secret: bytes, batch_id: str, user_id: str, template_id: str, revision: int) -> str:
    """The same for the same award, so that nothing is issued twice; without `secret` nobody can compute it.

    The address of a certificate is all that is needed to see it, and ids of learners and batches are no secrets.
    """
    award = "\n".join((batch_id, user_id, template_id, str(revision)))
    return str(UUID(bytes=hmac.digest(secret, award.encode(), sha256)[:16], version=4))


FEWEST_TOLD = 5  # learners; of fewer a count tells about persons. FEW has the number, so it is no setting
FEW = "fewerThanFive"


def without_few(counts: Counter[str]) -> Counter[str]:
    """The counts with all groups of fewer than FEWEST_TOLD as one, under FEW."""
    few = sum(count for count in counts.values() if count < FEWEST_TOLD)
    told = {name: count for name, count in counts.items() if count >= FEWEST_TOLD}
    return Counter({**told, FEW: few} if few else told)


WITHDRAWN = "withdrawn"  # the validity of a certificate whose holder was erased


def validity(status: str, expires_at: datetime | None, now: datetime) -> str:
    """What a certificate is worth now: valid, or why not."""
    if status == CertificateStatus.ACTIVE:
        return "expired" if expires_at is not None and now >= expires_at else "valid"
    return status
