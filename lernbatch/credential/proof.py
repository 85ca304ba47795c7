"""The credential: Open Badges 3.0 as a W3C Verifiable Credential 2.0, signed and verified without any network.

Two securing forms of the same content: a Data Integrity proof (`eddsa-jcs-2022`) inside the JSON, and a VC-JWT.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import rfc8785

from lernbatch.credential import keys
from lernbatch.credential.keys import IssuerKey, KeySet
from lernbatch.credential.strict_json import Unverifiable, canonical, instant, read_json, required_text
from lernbatch.credential.vc_jwt import holds, read_header, read_payload

MAX_BYTES = 256 * 1024
MAX_PROOFS = 20
_CHANGED = "The signature does not fit the content: it was changed after signing."


def sign(unsigned: Mapping[str, Any], issuer_keys: KeySet, now: datetime) -> dict[str, Any]:
    """`unsigned` with its proof. The same content, key and time give the same bytes.

    Source: W3C Data Integrity EdDSA Cryptosuites, §3.3 eddsa-jcs-2022.
    """
    key = issuer_keys.signing
    proof = {
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": instant(now),
        "verificationMethod": issuer_keys.method(key),
        "proofPurpose": "assertionMethod",
        "@context": unsigned["@context"],
    }
    digest = sha256(canonical(proof)).digest() + sha256(canonical(unsigned)).digest()
    proof["proofValue"] = keys.multibase(key.sign(digest))
    return {**unsigned, "proof": proof}


def read(data: bytes) -> tuple[dict[str, Any], str | None]:
    """A credential from a file's bytes: its JSON and, if it was one, the JWT around it. Raises: Unverifiable."""
    if len(data) > MAX_BYTES:
        raise Unverifiable("The file is larger than a credential can be.")
    try:
        text = data.decode().strip()
    except UnicodeDecodeError as wrong:
        raise Unverifiable("The file is no text.") from wrong
    if text.count(".") == 2 and not text.startswith("{"):
        return read_payload(text), text
    return read_json(text), None


class ForeignProof(Unverifiable):
    """Why a proof says nothing for or against a credential: it is of another kind, or of somebody else."""


@dataclass(frozen=True, slots=True)
class Proof:
    """One of a credential's proofs: how it is called, and why it does not count; None for the one that does."""

    name: str
    why_not: str | None


@dataclass(frozen=True, slots=True)
class VerifiedCredential:
    """A credential whose signature is right, and the key that made it. `trusted`: the key is one of those given.

    `proofs`: all that it has, in its order; none in a JWT, which has its one signature around it.
    """

    credential: Mapping[str, Any]
    key: IssuerKey
    trusted: bool
    proofs: tuple[Proof, ...] = ()


def verify(data: bytes, trusted: Iterable[IssuerKey]) -> VerifiedCredential:
    """Check the signature of a credential, JSON or JWT. Raises: Unverifiable, with the reason.

    With no trusted keys the credential's own key name is used: that shows the content was not changed since that key
    signed it, not whose key it is. Of several proofs one that holds is enough: of the issuer's, the first by a trusted
    key, or else the first. Each is looked at, in a set or a chain.
    """
    credential, token = read(data)
    known_keys = {key.name: key for key in trusted}
    if token is None:
        return _of_proofs(credential, known_keys)
    key = _key(credential, required_text(read_header(token), "kid"), known_keys)
    if not holds(token, key):
        raise Unverifiable(_CHANGED)
    return VerifiedCredential(credential, key, trusted=key.name in known_keys)


def _key(credential: Mapping[str, Any], method: str, known_keys: Mapping[str, IssuerKey]) -> IssuerKey:
    """The issuer's key of that name. Raises: ForeignProof, Unverifiable."""
    issuer = credential.get("issuer")
    did = issuer.get("id") if isinstance(issuer, dict) else issuer
    controller, _, name = method.partition("#")
    if controller != did:
        raise ForeignProof("The signing key is not the issuer's.")
    try:
        return known_keys.get(name) or keys.key_of_name(name)
    except ValueError as unreadable:
        raise Unverifiable(f"The key {name!r} is unknown here.") from unreadable


def trusted_proofs(document: Mapping[str, Any], trusted: Iterable[IssuerKey]) -> tuple[Proof, ...]:
    """What was found of each proof of a credential; () where none of the `trusted` keys signed what it says."""
    try:
        verified = verify(json.dumps(document).encode(), trusted)
    except Unverifiable:
        return ()
    return verified.proofs if verified.trusted else ()


def _of_proofs(credential: Mapping[str, Any], known_keys: Mapping[str, IssuerKey]) -> VerifiedCredential:
    proofs = credential.get("proof")
    proofs = proofs if isinstance(proofs, list) else [proofs]
    if not any(isinstance(proof, dict) for proof in proofs):
        raise Unverifiable("There is no proof in it.")
    if len(proofs) > MAX_PROOFS:
        raise Unverifiable(f"It has more than {MAX_PROOFS} proofs.")
    looked: dict[int, IssuerKey | Unverifiable] = {}
    outcomes = [_outcome(credential, proof, proofs, known_keys, looked) for proof in proofs]
    holding = {place: outcome for place, outcome in enumerate(outcomes) if isinstance(outcome, IssuerKey)}
    names = [proof_name(place, proof, len(proofs)) for place, proof in enumerate(proofs)]
    if not holding:
        if len(proofs) == 1:
            raise Unverifiable(str(outcomes[0]))
        said = " ".join(f"{name}: {why}" for name, why in zip(names, outcomes, strict=True))
        raise Unverifiable(f"None of its {len(proofs)} proofs counts. {said}")
    counts = next((place for place, key in holding.items() if key.name in known_keys), next(iter(holding)))
    why_not = [
        None if place == counts else "It holds too; one is enough." if place in holding else str(outcome)
        for place, outcome in enumerate(outcomes)
    ]
    key = holding[counts]
    return VerifiedCredential(credential, key, key.name in known_keys, tuple(map(Proof, names, why_not)))


def proof_name(place: int, proof: Any, count: int) -> str:
    """How a proof is called in sentences, by its place (from 0) among `count`, its kind and its key."""
    fields = proof if isinstance(proof, dict) else {}
    kind, method = (str(fields.get(name) or "")[:200] for name in ("cryptosuite", "verificationMethod"))
    kind = kind or str(fields.get("type") or "of no kind")[:200]
    return f"Proof {place + 1} of {count} ({kind}{', ' if method else ''}{method})"


def _outcome(
    credential: Mapping[str, Any],
    proof: Any,
    proofs: list[Any],
    known_keys: Mapping[str, IssuerKey],
    looked: dict[int, IssuerKey | Unverifiable],
) -> IssuerKey | Unverifiable:
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
            raise ForeignProof("The proof is of a kind that is not known here.")
        previous = previous_proofs(proof, proofs)
        for earlier in previous:
            outcome = _outcome(credential, earlier, proofs, known_keys, looked)
            if isinstance(outcome, Unverifiable) and not isinstance(outcome, ForeignProof):
                raise Unverifiable(f"It builds on a proof that does not count: {outcome}")
        key = _key(credential, required_text(proof, "verificationMethod"), known_keys)
        if not _proof_holds(credential, proof, previous, key):
            raise Unverifiable(_CHANGED)
        looked[id(proof)] = key
    except Unverifiable as why:
        looked[id(proof)] = why
    return looked[id(proof)]


def previous_proofs(proof: Mapping[str, Any], proofs: list[Any]) -> list[Any]:
    """The proofs among `proofs` that `proof` builds on. Raises: Unverifiable, when one is missing or ambiguous."""
    names = proof.get("previousProof", [])
    names = names if isinstance(names, list) else [names]
    previous = []
    for name in names:
        named = [other for other in proofs if isinstance(other, dict) and other.get("id") == name]
        if not isinstance(name, str) or len(named) != 1:
            raise Unverifiable(f"It builds on the proof {str(name)[:100]!r}, of which there is {len(named) or 'none'}.")
        previous += named
    return previous


def _proof_holds(credential: Mapping[str, Any], proof: Mapping[str, Any], previous: list[Any], key: IssuerKey) -> bool:
    if proof.get("proofPurpose") != "assertionMethod":
        raise Unverifiable("The proof was made for another purpose.")
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    unsigned = {name: value for name, value in credential.items() if name != "proof"}
    if options.get("@context", unsigned.get("@context")) != unsigned.get("@context"):
        raise Unverifiable("The proof was made in another context.")
    if previous:
        unsigned["proof"] = previous
    try:
        signature = keys.read_multibase(required_text(proof, "proofValue"))
        digest = sha256(rfc8785.dumps(options)).digest() + sha256(rfc8785.dumps(unsigned)).digest()
        return key.verifies(signature, digest)
    except (ValueError, rfc8785.CanonicalizationError) as wrong:
        raise Unverifiable("The proof cannot be read.") from wrong
