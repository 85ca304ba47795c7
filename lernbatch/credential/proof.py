"""The credential: Open Badges 3.0 as a W3C Verifiable Credential 2.0, signed and verified without any network.

Two securing forms of the same content: a Data Integrity proof (`eddsa-jcs-2022`) inside the JSON, and a VC-JWT.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import rfc8785

from lernbatch.credential import keys
from lernbatch.credential.keys import Key, Ring

CONTEXT = [
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
]
SCHEMA = "https://purl.imsglobal.org/spec/ob/v3p0/schema/json/ob_v3p0_achievementcredential_schema.json"
MAX_BYTES = 256 * 1024
MAX_PROOFS = 20
_CHANGED = "The signature does not fit the content: it was changed after signing."


class Unverifiable(Exception):
    """Why a credential does not verify, as a sentence."""


@dataclass(frozen=True, slots=True)
class Award:
    """What a credential says. Texts are as people wrote them; `evidence` is name → sentence."""

    identifier: str  # a URL: where the certificate is shown
    name: str
    issuer_name: str
    issuer_url: str
    recipient_id: str
    recipient_name: str
    course_id: str
    course_name: str
    batch_id: str
    narrative: str
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
    achievement_id = f"urn:lernbatch:{award.batch_id}:{sha256(award.name.encode()).hexdigest()[:16]}"
    achievement: dict[str, Any] = {
        "id": achievement_id,
        "type": ["Achievement"],
        "achievementType": "Certificate",
        "name": award.name,
        "description": award.course_name,
        "criteria": {"narrative": award.narrative},
        "humanCode": award.course_id,
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
                "id": f"{achievement_id}:score",
                "type": ["ResultDescription"],
                "name": "Score",
                "resultType": "Percent",
                "valueMin": "0",
                "valueMax": "100",
            }
        ]
        subject["result"] = [{"type": ["Result"], "resultDescription": f"{achievement_id}:score", "value": percent}]
        evidence.append({"type": ["Evidence"], "name": "Score", "narrative": f"Scored {percent} %."})
    made: dict[str, Any] = {
        "@context": CONTEXT,
        "id": award.identifier,
        "type": ["VerifiableCredential", "OpenBadgeCredential"],
        "name": award.name,
        "issuer": {"id": did, "type": ["Profile"], "name": award.issuer_name, "url": award.issuer_url},
        "validFrom": instant(award.earned_at),
        "awardedDate": instant(award.earned_at),
        "credentialSubject": subject,
        "evidence": evidence,
        "credentialStatus": [_status(award, purpose) for purpose in ("revocation", "suspension")],
        "credentialSchema": [{"id": SCHEMA, "type": "1EdTechJsonSchemaValidator2019"}],
    }
    if award.expires_at is not None:
        made["validUntil"] = instant(award.expires_at)
    return made


def identity_hash(identity: str, salt: str) -> str:
    """Who knows an id can check that it is meant; nobody can read it from here.

    Source: Open Badges 3.0, IdentityObject.
    """
    return f"sha256${sha256((identity + salt).encode()).hexdigest()}"


def _status(award: Award, purpose: str) -> dict[str, str]:
    url = f"{award.status_list_url}/{purpose}/{award.status_list}"
    return {
        "id": f"{url}#{award.status_index}",
        "type": "BitstringStatusListEntry",
        "statusPurpose": purpose,
        "statusListIndex": str(award.status_index),
        "statusListCredential": url,
    }


def sign(unsigned: Mapping[str, Any], ring: Ring, now: datetime) -> dict[str, Any]:
    """`unsigned` with its proof. The same content, key and time give the same bytes.

    Source: W3C Data Integrity EdDSA Cryptosuites, §3.3 eddsa-jcs-2022.
    """
    key = ring.signing
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": instant(now),
        "verificationMethod": ring.method(key),
        "proofPurpose": "assertionMethod",
        "@context": unsigned["@context"],
    }
    digest = sha256(canonical(proof)).digest() + sha256(canonical(unsigned)).digest()
    proof["proofValue"] = keys.multibase(key.sign(digest))
    return {**unsigned, "proof": proof}


def canonical(document: Mapping[str, Any]) -> bytes:
    """The bytes of RFC 8785 for a document of ours: ASCII names, and no numbers but whole ones.

    Python's encoder gives the same bytes for such documents, ten times as fast; a test holds the two together.
    What comes from outside is canonicalized by the library instead.
    """
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def _hash(unsigned: Mapping[str, Any], proof: Mapping[str, Any]) -> bytes:
    return sha256(rfc8785.dumps(dict(proof))).digest() + sha256(rfc8785.dumps(dict(unsigned))).digest()


def jwt(signed: Mapping[str, Any], ring: Ring) -> str:
    """The same credential as a VC-JWT (VC-JOSE-COSE, with the registered claims Open Badges asks for).

    The algorithm is named EdDSA, not RFC 9864's Ed25519, because that is the name verifiers know.
    """
    key = ring.signing
    payload = {name: value for name, value in signed.items() if name != "proof"}
    payload |= {"iss": ring.did, "jti": signed["id"], "nbf": _seconds(signed["validFrom"])}
    if "validUntil" in signed:
        payload["exp"] = _seconds(signed["validUntil"])
    header = {"alg": "EdDSA", "typ": "vc+jwt", "cty": "vc", "kid": ring.method(key)}
    signing_input = f"{_base64(canonical(header))}.{_base64(canonical(payload))}"
    return f"{signing_input}.{_base64(key.sign(signing_input.encode()))}"


def read(data: bytes) -> tuple[dict[str, Any], str | None]:
    """A credential from a file's bytes: its JSON and, if it was one, the JWT around it. Raises: Unverifiable."""
    if len(data) > MAX_BYTES:
        raise Unverifiable("The file is larger than a credential can be.")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError as wrong:
        raise Unverifiable("The file is no text.") from wrong
    if text.count(".") == 2 and not text.startswith("{"):
        return _jwt_payload(text), text
    return read_json(text), None


class Foreign(Unverifiable):
    """Why a proof says nothing for or against a credential: it is of another kind, or of somebody else."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One of a credential's proofs: how it is called, and why it does not count; None for the one that does."""

    name: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Verified:
    """A credential whose signature is right, and the key that made it. `trusted`: the key is one of those given.

    `proofs`: all that it has, in its order; none in a JWT, which has its one signature around it.
    """

    credential: Mapping[str, Any]
    key: Key
    trusted: bool
    proofs: tuple[Proof, ...] = ()


def verify(data: bytes, trusted: Iterable[Key]) -> Verified:
    """Check the signature of a credential, JSON or JWT. Raises: Unverifiable, with the reason.

    With no trusted keys the credential's own key name is used: that shows the content was not changed since that key
    signed it, not whose key it is. Of several proofs one that holds is enough: of the issuer's, the first by a trusted
    key, or else the first. Each is looked at, in a set or a chain.
    """
    credential, token = read(data)
    known = {key.name: key for key in trusted}
    if token is None:
        return _of_proofs(credential, known)
    key = _key(credential, _text(_jwt_header(token), "kid"), known)
    if not _jwt_holds(token, key):
        raise Unverifiable(_CHANGED)
    return Verified(credential, key, trusted=key.name in known)


def _key(credential: Mapping[str, Any], method: str, known: Mapping[str, Key]) -> Key:
    """The issuer's key of that name. Raises: Foreign, Unverifiable."""
    issuer = credential.get("issuer")
    did = issuer.get("id") if isinstance(issuer, dict) else issuer
    controller, _, name = method.partition("#")
    if controller != did:
        raise Foreign("The signing key is not the issuer's.")
    try:
        return known.get(name) or keys.key_of_name(name)
    except ValueError as unreadable:
        raise Unverifiable(f"The key {name!r} is unknown here.") from unreadable


def trusted_proofs(document: Mapping[str, Any], trusted: Iterable[Key]) -> tuple[Proof, ...]:
    """What was found of each proof of a credential; () where none of the `trusted` keys signed what it says."""
    try:
        verified = verify(json.dumps(document).encode(), trusted)
    except Unverifiable:
        return ()
    return verified.proofs if verified.trusted else ()


def _of_proofs(credential: Mapping[str, Any], known: Mapping[str, Key]) -> Verified:
    proofs = credential.get("proof")
    proofs = proofs if isinstance(proofs, list) else [proofs]
    if not any(isinstance(proof, dict) for proof in proofs):
        raise Unverifiable("There is no proof in it.")
    if len(proofs) > MAX_PROOFS:
        raise Unverifiable(f"It has more than {MAX_PROOFS} proofs.")
    looked: dict[int, Key | Unverifiable] = {}
    outcomes = [_outcome(credential, proof, proofs, known, looked) for proof in proofs]
    holding = {place: outcome for place, outcome in enumerate(outcomes) if isinstance(outcome, Key)}
    names = [_name_of(place, proof, len(proofs)) for place, proof in enumerate(proofs)]
    if not holding:
        if len(proofs) == 1:
            raise Unverifiable(str(outcomes[0]))
        said = " ".join(f"{name}: {why}" for name, why in zip(names, outcomes, strict=True))
        raise Unverifiable(f"None of its {len(proofs)} proofs counts. {said}")
    counts = next((place for place, key in holding.items() if key.name in known), next(iter(holding)))
    why_not = [
        None if place == counts else "It holds too; one is enough." if place in holding else str(outcome)
        for place, outcome in enumerate(outcomes)
    ]
    key = holding[counts]
    return Verified(credential, key, key.name in known, tuple(map(Proof, names, why_not)))


def _name_of(place: int, proof: Any, count: int) -> str:
    fields = proof if isinstance(proof, dict) else {}
    kind, method = (str(fields.get(name) or "")[:200] for name in ("cryptosuite", "verificationMethod"))
    kind = kind or str(fields.get("type") or "of no kind")[:200]
    return f"Proof {place + 1} of {count} ({kind}{', ' if method else ''}{method})"


def _outcome(
    credential: Mapping[str, Any],
    proof: Any,
    proofs: list[Any],
    known: Mapping[str, Key],
    looked: dict[int, Key | Unverifiable],
) -> Key | Unverifiable:
    """The key whose signature a proof is, or why it does not count. `looked`: the proofs looked at, by identity.

    Source: W3C Data Integrity, §4.7: a proof signs the document with the proofs that it names as previous.
    """
    if id(proof) in looked:
        return looked[id(proof)]
    looked[id(proof)] = Unverifiable("It builds on itself.")  # for those that it builds on
    try:
        if not isinstance(proof, dict):
            raise Unverifiable("It is no proof.")
        if (proof.get("type"), proof.get("cryptosuite")) != ("DataIntegrityProof", "eddsa-jcs-2022"):
            raise Foreign("The proof is of a kind that is not known here.")
        previous = _previous(proof, proofs)
        for one in previous:
            outcome = _outcome(credential, one, proofs, known, looked)
            if isinstance(outcome, Unverifiable) and not isinstance(outcome, Foreign):
                raise Unverifiable(f"It builds on a proof that does not count: {outcome}")
        key = _key(credential, _text(proof, "verificationMethod"), known)
        if not _proof_holds(credential, proof, previous, key):
            raise Unverifiable(_CHANGED)
        looked[id(proof)] = key
    except Unverifiable as why:
        looked[id(proof)] = why
    return looked[id(proof)]


def _previous(proof: Mapping[str, Any], proofs: list[Any]) -> list[Any]:
    """The proofs that one builds on. Raises: Unverifiable."""
    names = proof.get("previousProof", [])
    names = names if isinstance(names, list) else [names]
    previous = []
    for name in names:
        found = [one for one in proofs if isinstance(one, dict) and one.get("id") == name]
        if not isinstance(name, str) or len(found) != 1:
            raise Unverifiable(f"It builds on the proof {str(name)[:100]!r}, of which there is {len(found) or 'none'}.")
        previous += found
    return previous


def _proof_holds(credential: Mapping[str, Any], proof: Mapping[str, Any], previous: list[Any], key: Key) -> bool:
    if proof.get("proofPurpose") != "assertionMethod":
        raise Unverifiable("The proof was made for another purpose.")
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    unsigned = {name: value for name, value in credential.items() if name != "proof"}
    if options.get("@context", unsigned.get("@context")) != unsigned.get("@context"):
        raise Unverifiable("The proof was made in another context.")
    if previous:
        unsigned["proof"] = previous
    try:
        signature = keys.read_multibase(_text(proof, "proofValue"))
        return key.verifies(signature, _hash(unsigned, options))
    except (ValueError, rfc8785.CanonicalizationError) as wrong:
        raise Unverifiable("The proof cannot be read.") from wrong


def _jwt_holds(token: str, key: Key) -> bool:
    if _jwt_header(token).get("alg") not in ("EdDSA", "Ed25519"):
        raise Unverifiable("The token is signed in a way that is not known here.")
    signing_input, _, signature = token.rpartition(".")
    return key.verifies(_unbase64(signature), signing_input.encode())


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise Unverifiable(f"It has no {name}.")
    return value


def _jwt_header(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.partition(".")[0]))


def _jwt_payload(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.split(".")[1]))


def read_json(text: str | bytes) -> dict[str, Any]:
    """A JSON object in which no name stands twice. Raises: Unverifiable."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise Unverifiable("A name stands twice in it.")
        return made

    try:
        value = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as wrong:
        raise Unverifiable("It is no JSON.") from wrong
    if not isinstance(value, dict):
        raise Unverifiable("It is no credential.")
    return value


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _unbase64(text: str) -> bytes:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as wrong:
        raise Unverifiable("The token cannot be read.") from wrong
    if _base64(data) != text:  # stray bits at the end would let two texts be one signature
        raise Unverifiable("The token cannot be read.")
    return data


def instant(at: datetime) -> str:
    """2026-07-01T10:00:00Z"""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())
