"""A verifier of our credentials that is not our code: written from the W3C texts, on other libraries.

Data Integrity EdDSA Cryptosuites §3.3 (eddsa-jcs-2022), Securing Verifiable Credentials using JOSE and COSE, and the
did:web document. It uses libsodium, another canonicalization and another JWT library, and imports nothing of ours.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import base58
import jcs
import jwt
import nacl.exceptions
import nacl.signing


def proof_holds(file: bytes, did_document: dict[str, Any]) -> bool:
    """Whether the Data Integrity proof of a credential file is by a key of the issuer's document."""
    try:
        credential = json.loads(file)
        proof = credential.pop("proof")
        signature = _base58(proof.pop("proofValue"))
        if proof["cryptosuite"] != "eddsa-jcs-2022" or proof["proofPurpose"] != "assertionMethod":
            return False
        key = _key(proof["verificationMethod"], credential["issuer"]["id"], did_document)
        signed = sha256(jcs.canonicalize(proof)).digest() + sha256(jcs.canonicalize(credential)).digest()
        nacl.signing.VerifyKey(key).verify(signed, signature)
    except (KeyError, ValueError, TypeError, AttributeError, nacl.exceptions.CryptoError):
        return False
    return True


def jwt_holds(token: str, jwks: dict[str, Any]) -> bool:
    """Whether a VC-JWT is signed by one of the issuer's keys."""
    try:
        key_name = jwt.get_unverified_header(token)["kid"].rpartition("#")[2]
        key = jwt.PyJWKSet.from_dict(jwks)[key_name]
        jwt.decode(token, key=key.key, algorithms=["EdDSA"], options={"verify_iat": False})
    except (KeyError, ValueError, jwt.PyJWTError):
        return False
    return True


def _key(method_id: str, issuer: str, did_document: dict[str, Any]) -> bytes:
    if did_document["id"] != issuer or method_id not in did_document["assertionMethod"]:
        raise ValueError("not the issuer's key")
    (method,) = [one for one in did_document["verificationMethod"] if one["id"] == method_id]
    key = _base58(method["publicKeyMultibase"])
    if not key.startswith(b"\xed\x01"):
        raise ValueError("not Ed25519")
    return key[2:]


def _base58(text: str) -> bytes:
    if not text.startswith("z"):
        raise ValueError("not base58btc")
    return base58.b58decode(text[1:])
