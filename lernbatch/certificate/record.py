"""A certificate as the platform's registry keeps it (contract jobs §4.6): portals and templates name these fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lernbatch.certificate.model import Certificate
from lernbatch.certificate.wire import claimed_issuer, iso_millis, issuer_in_words, recipient_name, vouching_name
from lernbatch.credential.open_badge import identity_hash
from lernbatch.drawing.values import PictureValues


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


def show_entity(certificate: Certificate, public_url: str, *, names_learner: bool) -> dict[str, Any]:
    """A TrainingCertificate of the registry (contract jobs §4.6). `names_learner`: see recipient_id."""
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
            "id": recipient_id(certificate, names_learner=names_learner),
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


def recipient_id(certificate: Certificate, *, names_learner: bool) -> str:
    """Whose it is. `names_learner`: for its learner or who manages the batch; others cannot read the id from it."""
    return certificate.user_id if names_learner else identity_hash(certificate.user_id, certificate.certificate_id)


def key_name(signed: Mapping[str, Any]) -> str:
    return str(signed["proof"]["verificationMethod"]).rpartition("#")[2]


def picture_values(certificate: Certificate, public_url: str, qr_code: str) -> PictureValues:
    """What the picture of a certificate is filled with. `qr_code`: a data URL."""
    return PictureValues(
        certificate_id=certificate.certificate_id,
        name=certificate.name,
        description=certificate.credential["credentialSubject"]["achievement"]["criteria"]["narrative"],
        course_name=certificate.template["courseName"],
        recipient_id=certificate.user_id,
        recipient_name=recipient_name(certificate),
        issuer=issuer_in_words(certificate),
        signatories=certificate.template["signatoryList"],
        earned_at=certificate.earned_at,
        expires_at=certificate.expires_at,
        verification_url=f"{public_url}/certs/{certificate.certificate_id}",
        qr_code=qr_code,
        record={
            **show_entity(certificate, public_url, names_learner=True),
            **show_old_credential(certificate, public_url),
        },
    )
