"""The shapes in which the reference's registries showed certificates (contract jobs §4.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.certificate.model import Certificate, ImportedCertificate
from lernbatch.certificate.record import recipient_id
from lernbatch.certificate.wire import (
    CertificateId,
    claimed_issuer,
    imported_name,
    iso_millis,
    object_of,
    recipient_name,
    vouching_name,
)
from lernbatch.certificate.wire_verification import public_record
from lernbatch.credential.open_badge import identity_hash
from lernbatch.credential.strict_json import instant
from lernbatch.template.rules import shareable
from lernbatch.web.schema import Fields


class RegistryHits(Fields):
    """What the index answers to a search."""

    count: int
    content: list[dict[str, Any]]


class RegistrySearchAnswer(Fields):
    """The certificates of a learner, as the index holds them."""

    response: RegistryHits


class RegistrySearch(Fields):
    """A query of the index, somewhere in which a recipient is named."""

    query: (
        Annotated[
            dict[str, Any], Meta(examples=[{"match_phrase": {"recipient.id": "5f1c7a3e-5b5c-4d6e-8f00-1a2b3c4d5e6f"}}])
        ]
        | UnsetType
    ) = UNSET


class PrintableCertificate(Fields):
    """A certificate as a picture."""

    print_uri: Annotated[str, Meta(description="The SVG as a data URL.")]


class PdfRequest(Fields):
    """The PDF of a certificate, by its address."""

    pdf_url: Annotated[str, Meta(examples=["https://learning.example/certs/351cf1ef-5c07-5b7f-a881-0e71c2e92bf1.pdf"])]


class PdfLink(Fields):
    """Where the PDF is downloaded."""

    signed_url: str


class RegistryRecordAnswer(Fields):
    """A certificate as certreg keeps it."""

    response: dict[str, Any]


class ValidationRequest(Fields):
    """A certificate by its number; ours have no access code."""

    cert_id: CertificateId
    access_code: str | UnsetType = UNSET


class CertificateReference(Fields):
    """A certificate by the address that its `id` is."""

    id: str | UnsetType = UNSET


class VerificationRequest(Fields):
    """A certificate's record, or its `id` alone."""

    data: CertificateReference | UnsetType = UNSET
    id: str | UnsetType = UNSET


class Verification(Fields):
    """Whether a certificate is valid, and if not, why."""

    valid: bool
    messages: list[str]
    error_count: int


class VerificationAnswer(Fields):
    """The answer of a verification."""

    response: Verification


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
    """{"batchId": …, "courseId": …, "type": the certificate's name, …what the template wants beside it} (jobs §4.4)"""
    own = {"batchId": certificate.batch_id, "courseId": certificate.course_id, "type": certificate.name}
    return {**shareable(certificate.template.get("related", {})), **own}


def show_record(certificate: Certificate, public_url: str, *, names_learner: bool) -> dict[str, Any]:
    """A certificate as certreg's read and validate answer it. `names_learner`: see recipient_id.

    Whoever has a certificate's id may validate it; what its template had copied beside it is none of their business.
    """
    learner = recipient_id(certificate, names_learner=names_learner)
    look, base = certificate.template, f"{public_url}/certs/{certificate.certificate_id}"
    related = show_related(certificate)
    return {
        "id": certificate.certificate_id,
        "recipient": {"id": learner, "name": recipient_name(certificate), "type": "individual"},
        "isRevoked": certificate.status in ("revoked", "superseded"),
        "pdfUrl": f"{base}.pdf",
        "jsonUrl": f"{base}.json",
        "related": related if names_learner else {name: related[name] for name in ("batchId", "courseId", "type")},
        "json": {
            "id": base,
            "type": ["Assertion", "Extension", "extensions:CertificateExtension"],
            "recipient": {
                "identity": learner,
                "name": recipient_name(certificate),
                "hashed": not names_learner,
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
            "issuedOn": instant(certificate.earned_at),
            "expires": None if certificate.expires_at is None else instant(certificate.expires_at),
            "signatory": look["signatoryList"],
            "verification": {"type": ["hosted"]},
        },
    }


def show_imported(
    certificate: ImportedCertificate, record: Mapping[str, Any], *, names_learner: bool
) -> dict[str, Any]:
    """A TrainingCertificate of the registry that another service kept: its record, with the status of today.

    Of a certificate without such a record, what is known of it in the same shape. `names_learner`: see recipient_id.
    """
    is_active = certificate.status == "active"
    recipient = object_of(record.get("recipient"))
    learner = certificate.user_id if names_learner else identity_hash(certificate.user_id, certificate.certificate_id)
    issued = None if certificate.issued_at is None else iso_millis(certificate.issued_at)
    own = {
        "osid": certificate.certificate_id,
        "certificateLabel": certificate.name,
        "templateUrl": record.get("templateUrl", ""),
        "training": {"id": certificate.course_id, "type": "Course", "batchId": certificate.batch_id},
        "osCreatedAt": issued,
        "osUpdatedAt": issued,
    }
    given = record if names_learner else public_record(certificate, record)
    shown = {**own, **(given if certificate.source == "registry" else {})}
    return {**shown, "status": "ACTIVE" if is_active else "REVOKED", "recipient": {**recipient, "id": learner}}


def show_imported_hit(certificate: ImportedCertificate, record: Mapping[str, Any]) -> dict[str, Any]:
    """An imported certificate as certreg's search answers (contract jobs §4.8)."""
    issued = None if certificate.issued_at is None else iso_millis(certificate.issued_at)
    return {
        "_index": "certv3" if certificate.source == "registry" else "certs",
        "_type": "_doc",
        "_id": certificate.certificate_id,
        "_source": {
            "data": {"badge": {"name": certificate.name}, "issuedOn": issued},
            "related": {"batchId": certificate.batch_id, "courseId": certificate.course_id, "type": certificate.name},
            "pdfUrl": record.get("pdfurl"),
        },
    }


def show_imported_record(
    certificate: ImportedCertificate, record: Mapping[str, Any], *, names_learner: bool
) -> dict[str, Any]:
    """An imported certificate as certreg's read and validate answer it. `names_learner`: see recipient_id."""
    learner = certificate.user_id if names_learner else identity_hash(certificate.user_id, certificate.certificate_id)
    return {
        "id": certificate.certificate_id,
        "recipient": {"id": learner, "name": imported_name(record), "type": "individual"},
        "isRevoked": certificate.status in ("revoked", "superseded"),
        "pdfUrl": record.get("pdfurl"),
        "jsonUrl": record.get("jsonurl"),
        "related": {"batchId": certificate.batch_id, "courseId": certificate.course_id, "type": certificate.name},
        "json": object_of(record.get("data")),
    }


def imported_picture(record: Mapping[str, Any]) -> str | None:
    """The picture in a record of the older registry, as a data URL; None where it has none."""
    uri = object_of(record.get("data")).get("printUri")
    return uri if isinstance(uri, str) and uri.startswith("data:image/svg+xml") else None
