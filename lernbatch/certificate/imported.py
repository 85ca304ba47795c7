"""Certificates that another service issued before its data was moved here (migration §4.5, M12).

They are never signed by us: what is answered of them is the old registry's record, with the status of today.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from lernbatch.certificate.model import ImportedCertificate
from lernbatch.database import db, sql
from lernbatch.sealing import Seal, seal_of
from lernbatch.services import Services

Q = sql.load("lernbatch.certificate")
LONGEST_ID = 256
_ABOUT = "imported certificate"


def seal_record(seal: Seal, certificate_id: str, record: Mapping[str, Any]) -> bytes:
    """A registry's record as it is kept: it names the learner."""
    return seal.close(msgspec.json.encode(record), f"{_ABOUT} {certificate_id}")


def open_record(seal: Seal, certificate_id: str, sealed: bytes) -> dict[str, Any]:
    """The record as its registry had it; {} where the learner was erased. Raises: Unusable, as Seal.open."""
    if not sealed:
        return {}
    record: dict[str, Any] = msgspec.json.decode(seal.open(sealed, f"{_ABOUT} {certificate_id}"))
    return record


def record_of(services: Services, certificate: ImportedCertificate) -> dict[str, Any]:
    return open_record(seal_of(services.config), certificate.certificate_id, certificate.sealed_record)


async def find(services: Services, certificate_id: str) -> ImportedCertificate | None:
    """The imported certificate of that id, erased ones too."""
    if len(certificate_id) > LONGEST_ID:
        return None
    return await db.one(services.pool, ImportedCertificate, Q.imported_certificate_by_id, certificate_id=certificate_id)


async def of_learner(
    services: Services, user_id: str, course_id: str | None, batch_id: str | None, limit: int
) -> Sequence[ImportedCertificate]:
    """The active ones of a learner, the newest first."""
    return await db.all(
        services.pool,
        ImportedCertificate,
        Q.imported_of_learner,
        user_id=user_id,
        course_id=course_id,
        batch_id=batch_id,
        limit=limit,
    )


async def key(services: Services, key_id: str) -> str | None:
    """A public key of the old registry, as PEM."""
    pem: str | None = await db.value(services.pool, Q.imported_key, key_id=key_id)
    return pem
