"""A credential as a signed token (VC-JWT)."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from lernbatch.credential.keys import IssuerKey, KeySet
from lernbatch.credential.strict_json import Unverifiable, canonical, epoch_seconds, read_json


def jwt(signed: Mapping[str, Any], ring: KeySet) -> str:
    """The same credential as a VC-JWT (VC-JOSE-COSE, with the registered claims Open Badges asks for).

    The algorithm is named EdDSA, not RFC 9864's Ed25519, because that is the name verifiers know.
    """
    key = ring.signing
    payload = {name: value for name, value in signed.items() if name != "proof"}
    payload |= {"iss": ring.did, "jti": signed["id"], "nbf": epoch_seconds(signed["validFrom"])}
    if "validUntil" in signed:
        payload["exp"] = epoch_seconds(signed["validUntil"])
    header = {"alg": "EdDSA", "typ": "vc+jwt", "cty": "vc", "kid": ring.method(key)}
    signing_input = f"{_base64(canonical(header))}.{_base64(canonical(payload))}"
    return f"{signing_input}.{_base64(key.sign(signing_input.encode()))}"


def holds(token: str, key: IssuerKey) -> bool:
    if read_header(token).get("alg") not in ("EdDSA", "Ed25519"):
        raise Unverifiable("The token is signed in a way that is not known here.")
    signing_input, _, signature = token.rpartition(".")
    return key.verifies(_unbase64(signature), signing_input.encode())


def read_header(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.partition(".")[0]))


def read_payload(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.split(".")[1]))


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
