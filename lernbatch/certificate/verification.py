"""Reading certificates: one with what it is worth now, status lists."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lernbatch.certificate import rules
from lernbatch.certificate.model import Certificate, ChangeCode, Revision
from lernbatch.credential import baking, proof
from lernbatch.credential import status_list as status
from lernbatch.credential.keys import key_set
from lernbatch.credential.proof import Proof, VerifiedCredential
from lernbatch.credential.strict_json import Unverifiable
from lernbatch.database import db, sql
from lernbatch.drawing.queue import checking_queue
from lernbatch.errors import NotFound
from lernbatch.person import names
from lernbatch.sealing import seal_of
from lernbatch.services import Services

Q = sql.load("lernbatch.certificate")
LARGEST_FILE = 16 * 1024 * 1024  # of a picture that somebody wants checked


@dataclass(frozen=True, slots=True)
class CheckedCertificate:
    """A certificate as somebody who checks it sees it. `validity`: valid, or why not, in one word."""

    certificate: Certificate
    validity: str
    chain: list[Revision]
    proofs: tuple[Proof, ...]  # of its credential; none where it is broken


@dataclass(frozen=True, slots=True)
class StatusBit:
    """A certificate that is not active, by its place in the status lists."""

    status_index: int
    status: str


async def find(services: Services, certificate_id: str) -> Certificate | None:
    """The certificate of that id; None also where its holder was erased, and nothing of it can be shown."""
    certificate = await _stored(services, certificate_id)
    return None if certificate is None or certificate.change_code == ChangeCode.ERASED else certificate


async def _stored(services: Services, certificate_id: str) -> Certificate | None:
    if len(certificate_id) > 100:
        return None
    return await db.one(services.pool, Certificate, Q.certificate_by_id, certificate_id=certificate_id)


async def of_learner(
    services: Services,
    user_id: str,
    *,
    course_id: str | None = None,
    batch_id: str | None = None,
    active_only: bool,
    limit: int,
) -> list[Certificate]:
    """A learner's certificates, the newest first, of all courses and batches or of those named. `limit`: at most."""
    return await db.all(
        services.pool,
        Certificate,
        Q.certificates_of_learner,
        user_id=user_id,
        course_id=course_id,
        batch_id=batch_id,
        active_only=active_only,
        limit=limit,
    )


async def issued_in(
    services: Services,
    batch_id: str,
    since: datetime,
    until: datetime,
    before: tuple[datetime, str] | None,
    name: str | None = None,
    *,
    limit: int,
) -> list[Certificate]:
    """What a batch issued from `since` until before `until`, without what was replaced, the newest first.

    `before`: moment and id where a page ended.

    `name`: only those of a number, of a learner's id, or of learners who are called so.
    """
    before_at, before_id = before or (None, None)
    return await db.all(
        services.pool,
        Certificate,
        Q.issued_in,
        batch_id=batch_id,
        since=since,
        until=until,
        before_at=before_at,
        before_id=before_id,
        **names.condition(seal_of(services.config), name),
        limit=limit,
    )


async def check(services: Services, certificate_id: str) -> CheckedCertificate | None:
    """The certificate, its signature checked again, and the chain it stands in; None when there is none."""
    certificate = await _stored(services, certificate_id)
    if certificate is None:
        return None
    if certificate.change_code == ChangeCode.ERASED:
        return CheckedCertificate(certificate, rules.WITHDRAWN, [], ())
    chain = await db.all(
        services.pool,
        Revision,
        Q.chain_of,
        user_id=certificate.user_id,
        batch_id=certificate.batch_id,
        certificate_id=certificate_id,
    )
    validity = rules.validity(certificate.status, certificate.expires_at, services.clock.now())
    keys = key_set(services.config)
    proofs = proof.trusted_proofs(certificate.credential, keys.keys)
    if not proofs:
        proofs = proof.trusted_proofs(certificate.credential, keys.bad)
        validity = "broken" if not proofs else "untrusted" if validity == "valid" else validity
    return CheckedCertificate(certificate, validity, chain, proofs)


async def number_in(services: Services, file: bytes, client: str) -> str:
    """The number of the certificate in a PDF, picture or credential that was issued here, and not changed since.

    Anybody may ask: files are read one at a time, in rotation among clients, and `client` says who sent this one.
    Raises: Unverifiable, with a sentence why it is not; TooManyChecks.
    """
    keys = key_set(services.config)
    if len(file) > LARGEST_FILE:
        raise Unverifiable(f"The file is larger than {LARGEST_FILE // 1024 // 1024} MB.")

    def verified() -> VerifiedCredential:
        return proof.verify(baking.credential_apart(file), [*keys.keys, *keys.bad])

    async with checking_queue().slot(client, services.config.certificate_drawing_seconds):
        verified_file = await asyncio.to_thread(verified)
    if not verified_file.trusted:
        raise Unverifiable("The key that signed it is none of ours.")
    return str(verified_file.credential.get("id", "")).rpartition("/")[2]


async def status_list(services: Services, purpose: str, number: int) -> dict[str, Any]:
    """The signed status list of one purpose (one of status.PURPOSES). Raises: NotFound, when it is not begun yet."""
    if number > await db.value(services.pool, Q.last_status_list, size=status.LIST_SIZE):
        raise NotFound
    first = number * status.LIST_SIZE
    bits = await db.all(services.pool, StatusBit, Q.not_active_in_list, first=first, size=status.LIST_SIZE)
    set_bits = [bit.status_index - first for bit in bits if bit.status in status.PURPOSES[purpose]]
    keys, now = key_set(services.config), services.clock.now()
    url = f"{services.config.base_url}/certs/status/{purpose}/{number}"
    return proof.sign(status.build(url, keys.did, purpose, set_bits, now), keys, now)
