"""The Open Badges 3.0 credential of an award."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from typing import Any

from lernbatch.credential.strict_json import instant

CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]


SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"


@dataclass(frozen=True, slots=True)
class Award:
    """What a credential says. Texts are as people wrote them."""

    identifier: str  # a URL: where the certificate is shown
    name: str
    issuer_name: str
    issuer_url: str
    recipient_id: str
    recipient_name: str
    achievement_id: str  # a URI: the same for all who earn the same
    achievement_code: str  # for people
    description: str
    narrative: str  # of the criteria
    earned_at: datetime
    earned_on: date  # the same, as a day of the platform's zone
    expires_at: datetime | None
    percent: float | None  # the score that counted
    status_list_url: str
    status_list: int
    status_index: int


def build(award: Award, did: str) -> dict[str, Any]:
    """The credential of `award`, unsigned. No number in it is a fraction, so every JSON reader agrees on its bytes."""
    salt = award.identifier.rpartition("/")[2]  # as hard to guess as the certificate's number is
    achievement: dict[str, Any] = {
        "id": award.achievement_id,
        "type": ["Achievement"],
        "achievementType": "Certificate",
        "name": award.name,
        "description": award.description,
        "criteria": {"narrative": award.narrative},
        "humanCode": award.achievement_code,
    }
    subject: dict[str, Any] = {
        "type": ["AchievementSubject"],
        "identifier": [
            {
                "type": "IdentityObject",
                "hashed": True,
                "identityType": "systemId",
                "identityHash": identity_hash(award.recipient_id, salt),
                "salt": salt,
            },
            {"type": "IdentityObject", "hashed": False, "identityType": "name", "identityHash": award.recipient_name},
        ],
        "achievement": achievement,
    }
    evidence = [{"type": ["Evidence"], "name": "Completion", "narrative": f"Completed on {award.earned_on}."}]
    if award.percent is not None:
        percent = f"{award.percent:.2f}".rstrip("0").rstrip(".")
        achievement["resultDescription"] = [
            {
                "id": f"{award.achievement_id}:score",
                "type": ["ResultDescription"],
                "name": "Score",
                "resultType": "Percent",
                "valueMin": "0",
                "valueMax": "100",
            }
        ]
        subject["result"] = [
            {"type": ["Result"], "resultDescription": f"{award.achievement_id}:score", "value": percent}
        ]
        evidence.append({"type": ["Evidence"], "name": "Score", "narrative": f"Scored {percent} %."})
    credential: dict[str, Any] = {
        "@context": CONTEXT,
        "id": award.identifier,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.name,
        "issuer": {"id": did, "type": ["Profile"], "name": award.issuer_name, "url": award.issuer_url},
        "validFrom": instant(award.earned_at),
        "awardedDate": instant(award.earned_at),
        "credentialSubject": subject,
        "evidence": evidence,
        "credentialStatus": [status_entry(award, purpose) for purpose in ("revocation", "suspension")],
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
    }
    if award.expires_at is not None:
        credential["validUntil"] = instant(award.expires_at)
    return credential


def identity_hash(identity: str, salt: str) -> str:
    """Who knows an id can check that it is meant; nobody can read it from here.

    Source: Open Badges 3.0, IdentityObject.
    """
    return f"sha256${sha256((identity + salt).encode()).hexdigest()}"


def status_entry(award: Award, purpose: str) -> dict[str, str]:
    """Where to read whether a credential was revoked or suspended. Source: W3C Bitstring Status List 1.0, §2.1."""
    url = f"{award.status_list_url}/{purpose}/{award.status_list}"
    return {
        "id": f"{url}#{award.status_index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(award.status_index),
        "statusListCredential": url,
    }
