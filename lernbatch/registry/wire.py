"""The shapes in which the reference's registries showed certificates (contract jobs §4.6 to §4.8).

Templates name the fields of these shapes too, so what a picture is filled with stands here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from lernbatch.certificate.model import Certificate
from lernbatch.certificate.wire import (
    claimed_issuer,
    iso_millis,
    issuer_in_words,
    recipient_name,
    vouching_name,
)
from lernbatch.credential.open_badge import identity_hash
from lernbatch.drawing.dates import MONTHS
from lernbatch.template.rules import shareable


def show_old_credential(certificate: Certificate, public_url: str) -> dict[str, Any]:
    """The credential as the reference's registry keeps it (contract jobs §4.6), with its date repaired.

    It carries no signature of that shape: the proof is that of the Open Badges credential, which `evidence` names.
    """
    look, signed = certificate.template, certificate.credential
    return {
        "@context": [
            "https://www.w3.org/2018/credentials/v1",
            f"{public_url}/schema/v1_context.json",
            f"{public_url}/schema/sunbird_context.json",
        ],
        "type": ["VerifiableCredential"],
        "id": f"did:sunbird:{certificate.certificate_id}",
        "issuanceDate": iso_millis(certificate.earned_at),
        "credentialSubject": {
            "type": certificate.name,
            "recipientName": recipient_name(certificate),
            "trainingName": look["courseName"],
            "trainingId": certificate.course_id,
        },
        "issuer": {
            "id": signed["issuer"]["url"],
            "type": ["Issuer"],
            "name": vouching_name(certificate),
            "onBehalfOf": claimed_issuer(certificate),
            "publicKey": [key_name(signed)],
        },
        "proof": signed["proof"],
        "evidence": f"{public_url}/certs/{certificate.certificate_id}.json",
    }


def show_entity(certificate: Certificate, public_url: str, *, known: bool) -> dict[str, Any]:
    """A TrainingCertificate of the registry (contract jobs §4.6). `known`: see recipient_id."""
    look = certificate.template
    active = certificate.status == "active"
    return {
        "osid": certificate.certificate_id,
        "certificateLabel": certificate.name,
        "status": "ACTIVE" if active else "REVOKED",
        "templateUrl": look["url"],
        "training": {
            "id": certificate.course_id,
            "name": look["courseName"],
            "type": "Course",
            "batchId": certificate.batch_id,
        },
        "recipient": {
            "id": recipient_id(certificate, known=known),
            "name": recipient_name(certificate),
            "type": None,
        },
        "issuer": {
            "url": certificate.credential["issuer"]["url"],
            "name": vouching_name(certificate),
            "onBehalfOf": claimed_issuer(certificate),
            "kid": key_name(certificate.credential),
        },
        "signatory": look["signatoryList"],
        "osCreatedAt": iso_millis(certificate.issued_at),
        "osUpdatedAt": iso_millis(certificate.changed_at),
        "_osSignedData": show_old_credential(certificate, public_url),
    }


def show_values(certificate: Certificate, public_url: str, zone: tzinfo, qr_code: str) -> dict[str, Any]:
    """What a template may name: the older credential's fields, the registry's, and the legacy names (§4.6, §4.7)."""
    look = certificate.template
    values = {**show_entity(certificate, public_url, known=True), **show_old_credential(certificate, public_url)}
    values["issuer"] = {**values["issuer"], "name": issuer_in_words(certificate)}
    day, expiry = certificate.earned_at.astimezone(zone), certificate.expires_at
    for place, signatory in enumerate(look["signatoryList"]):
        values |= {f"signatory{place}{key.capitalize()}": value for key, value in signatory.items()}
    values |= _centres(len(look["signatoryList"]))
    return {
        **values,
        "certificateName": certificate.name,
        "certificateDescription": certificate.credential["credentialSubject"]["achievement"]["criteria"]["narrative"],
        "courseName": look["courseName"],
        "issuedDate": f"{day:%d} {MONTHS[day.month - 1]} {day:%Y}",
        "expiryDate": "" if expiry is None else f"{expiry:%d} {MONTHS[expiry.month - 1]} {expiry:%Y}",
        "recipientId": certificate.user_id,
        "recipientName": recipient_name(certificate),
        "issuerName": issuer_in_words(certificate),
        "qrCode": qr_code,
        "qrCodeImage": qr_code,
        "certificateId": certificate.certificate_id,
        "verificationUrl": f"{public_url}/certs/{certificate.certificate_id}",
        "expirationDate": None if expiry is None else iso_millis(expiry),
    }


def _centres(count: int) -> dict[str, float]:
    """Where our own template puts its signatories: side by side around the middle, those it has no room for away."""
    columns = min(count, 3)
    return {
        f"signatory{place}Centre": 561.5 + 240 * (place - (columns - 1) / 2) if place < columns else -5000
        for place in range(3)
    }


def show_hit(certificate: Certificate) -> dict[str, Any]:
    """A certificate as certreg's search answers those of the newer registry (contract jobs §4.8)."""
    return {
        "_index": "certv3",
        "_type": "_doc",
        "_id": certificate.certificate_id,
        "_source": {
            "data": {
                "badge": {"name": certificate.name, "issuer": {"name": vouching_name(certificate)}},
                "issuedOn": iso_millis(certificate.earned_at),
            },
            "related": show_related(certificate),
            "pdfUrl": None,
        },
    }


def show_related(certificate: Certificate) -> dict[str, Any]:
    """{"batchId": …, "courseId": …, "type": the certificate's name, …what the template wants beside it} (§4.4)"""
    own = {"batchId": certificate.batch_id, "courseId": certificate.course_id, "type": certificate.name}
    return {**shareable(certificate.template.get("related", {})), **own}


def show_record(certificate: Certificate, public_url: str, *, known: bool) -> dict[str, Any]:
    """A certificate as certreg's read and validate answer it. `known`: see recipient_id.

    Whoever has a certificate's id may validate it; what its template had copied beside it is none of their business.
    """
    learner = recipient_id(certificate, known=known)
    look, base = certificate.template, f"{public_url}/certs/{certificate.certificate_id}"
    related = show_related(certificate)
    return {
        "id": certificate.certificate_id,
        "recipient": {"id": learner, "name": recipient_name(certificate), "type": "individual"},
        "isRevoked": certificate.status in ("revoked", "superseded"),
        "pdfUrl": f"{base}.pdf",
        "jsonUrl": f"{base}.json",
        "related": related if known else {name: related[name] for name in ("batchId", "courseId", "type")},
        "json": {
            "id": base,
            "type": ["Assertion", "Extension", "extensions:CertificateExtension"],
            "recipient": {
                "identity": learner,
                "name": recipient_name(certificate),
                "hashed": not known,
                "type": ["id"],
            },
            "badge": {
                "type": ["BadgeClass"],
                "name": look["courseName"],
                "description": certificate.name,
                "criteria": certificate.credential["credentialSubject"]["achievement"]["criteria"],
                "issuer": {
                    **look["issuer"],
                    "url": certificate.credential["issuer"]["url"],
                    "name": vouching_name(certificate),
                    "onBehalfOf": claimed_issuer(certificate),
                },
            },
            "issuedOn": credential_time(certificate.earned_at),
            "expires": None if certificate.expires_at is None else credential_time(certificate.expires_at),
            "signatory": look["signatoryList"],
            "verification": {"type": ["hosted"]},
        },
    }


def recipient_id(certificate: Certificate, *, known: bool) -> str:
    """Whose it is. `known`: for its learner or somebody who manages the batch; others cannot read the id from it."""
    return certificate.user_id if known else identity_hash(certificate.user_id, certificate.certificate_id)


def credential_time(at: datetime) -> str:
    """2026-07-01T10:00:00Z, the legacy pattern (contract jobs §4.7)."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def key_name(signed: Mapping[str, Any]) -> str:
    return str(signed["proof"]["verificationMethod"]).rpartition("#")[2]
