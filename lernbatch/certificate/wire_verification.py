"""The JSON of who checks a certificate: what it is worth now, and why it is not valid any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lernbatch.certificate.model import Certificate, CertificateStatus, ChangeCode, ImportedCertificate, Revision
from lernbatch.certificate.rules import WITHDRAWN
from lernbatch.certificate.wire import (
    claimed_issuer,
    imported_name,
    iso_millis,
    object_of,
    recipient_name,
    vouching_name,
)
from lernbatch.credential.open_badge import identity_hash
from lernbatch.credential.proof import Proof

# Why a certificate is not valid any more, for everybody; the words of who decided are for those who manage the batch.
_PUBLIC_REASONS: Mapping[str, str] = {
    ChangeCode.ISSUED_IN_ERROR: "issued in error",
    ChangeCode.WRONG_DETAILS: "its details are wrong",
    ChangeCode.MISCONDUCT: "misconduct",
    ChangeCode.UNDER_REVIEW: "under review",
    ChangeCode.REVIEW_PASSED: "a review was passed",
    ChangeCode.HOLDER_ASKED: "its holder asked for it",
    ChangeCode.RE_ISSUED: "re-issued",
    ChangeCode.ACCOUNTS_MERGED: "the holder's accounts were merged",
    ChangeCode.ERASED: "withdrawn at the holder's wish",
}


def show_proof(proof: Proof) -> dict[str, Any]:
    """One of a credential's proofs: whether it is the one that counts, or why not."""
    return {"proof": proof.name, "counts": proof.why_not is None, "reason": proof.why_not}


def show_verification(
    certificate: Certificate, validity: str, chain: Sequence[Revision], public_url: str
) -> dict[str, Any]:
    """What the public page says, as JSON. `chain`: all issues of the award, the newest first."""
    base = f"{public_url}/certs/{certificate.certificate_id}"
    return {
        "identifier": certificate.certificate_id,
        "standing": validity,
        "valid": validity == "valid",
        "name": certificate.name,
        "recipientName": recipient_name(certificate),
        "courseId": certificate.course_id,
        "courseName": certificate.template["courseName"],
        "batchId": certificate.batch_id,
        "issuer": vouching_name(certificate),
        "onBehalfOf": claimed_issuer(certificate),
        "earnedOn": iso_millis(certificate.earned_at),
        "issuedOn": iso_millis(certificate.issued_at),
        "expiresOn": None if certificate.expires_at is None else iso_millis(certificate.expires_at),
        "changedOn": iso_millis(certificate.changed_at),
        "reason": _PUBLIC_REASONS.get(certificate.change_code or ""),
        "reasonCode": certificate.change_code,
        "criteria": certificate.credential["credentialSubject"]["achievement"]["criteria"]["narrative"],
        "evidence": [evidence["narrative"] for evidence in certificate.credential["evidence"]],
        "supersededBy": chain[0].certificate_id if validity == CertificateStatus.SUPERSEDED else None,
        "revisions": [
            {
                "identifier": revision.certificate_id,
                "revision": revision.revision,
                "status": revision.status,
                "issuedOn": iso_millis(revision.issued_at),
            }
            for revision in chain
        ],
        "downloads": {form: f"{base}.{form}" for form in ("svg", "png", "pdf", "json", "jwt")},
        "credential": certificate.credential,
    }


def show_withdrawn(certificate: Certificate) -> dict[str, Any]:
    """What is left to say of a certificate whose holder was erased, as JSON."""
    return {
        "identifier": certificate.certificate_id,
        "standing": WITHDRAWN,
        "valid": False,
        "changedOn": iso_millis(certificate.changed_at),
        "reason": _PUBLIC_REASONS[ChangeCode.ERASED],
        "reasonCode": ChangeCode.ERASED.value,
    }


def show_imported(certificate: ImportedCertificate, record: Mapping[str, Any]) -> dict[str, Any]:
    """What a certificate of another service is worth, as JSON; of one whose holder was erased its number alone.

    {"identifier": "cert-01", "standing": "valid", "valid": true, "issuedElsewhere": true, "name": "Merit",
     "recipientName": "Asha", "issuedOn": "2024-02-06T10:00:00.000Z", "batchId": …, "courseId": …}
    """
    own = {
        "identifier": certificate.certificate_id,
        "standing": certificate.validity,
        "valid": certificate.validity == "valid",
        "issuedElsewhere": True,
    }
    if certificate.is_erased:
        return {**own, "name": None, "recipientName": None, "issuedOn": None}
    return {
        **own,
        "name": certificate.name,
        "recipientName": imported_name(record),
        "issuedOn": None if certificate.issued_at is None else iso_millis(certificate.issued_at),
        "courseId": certificate.course_id,
        "batchId": certificate.batch_id,
    }


# Of a registry's record: the code that validates a certificate, why it was changed, and by whom.
_PRIVATE = frozenset(("accesscode", "reason", "createdby", "updatedby", "osOwner", "osCreatedBy", "osUpdatedBy"))


def public_record(certificate: ImportedCertificate, record: Mapping[str, Any]) -> dict[str, Any]:
    """A registry's record for who has the certificate's number: its own texts, which are signed, as they came.

    The learner's id beside them is a hash, and what is between the registry and who managed the batch is left out.
    """
    shown = {name: value for name, value in record.items() if name not in _PRIVATE}
    if "recipient" in shown:
        learner = identity_hash(certificate.user_id, certificate.certificate_id)
        shown["recipient"] = {**object_of(shown["recipient"]), "id": learner}
    return shown
