"""A credential as a signed token (VC-JWT)."""

from __future__ import annotations

import warnings
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from joserfc import jws
from joserfc.errors import SecurityWarning

from lernbatch.credential.keys import IssuerKey, KeySet
from lernbatch.credential.strict_json import Unverifiable, canonical, epoch_seconds, read_json

_ALGORITHM = "EdDSA"


def jwt(signed: Mapping[str, Any], issuer_keys: KeySet) -> str:
    """The same credential as a VC-JWT (VC-JOSE-COSE, with the registered claims Open Badges asks for).

    The algorithm is named EdDSA, not RFC 9864's Ed25519, because that is the name verifiers know.
    Raises: keys.KeysUnusable.
    """
    key = issuer_keys.signing
    payload = {name: value for name, value in signed.items() if name != "proof"}
    payload |= {"iss": issuer_keys.did, "jti": signed["id"], "nbf": epoch_seconds(signed["validFrom"])}
    if "validUntil" in signed:
        payload["exp"] = epoch_seconds(signed["validUntil"])
    header = {"alg": _ALGORITHM, "cty": "vc", "kid": issuer_keys.method(key), "typ": "vc+jwt"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # about the algorithm's older name
        return jws.serialize_compact(header, canonical(payload), key.private_jwk, algorithms=[_ALGORITHM])


def holds(token: str, key: IssuerKey) -> bool:
    """Whether `key` signed the token. Its parts are read strictly, so that no two texts are one signature.

    Raises: Unverifiable, when the token cannot be read or is signed in another way.
    """
    if read_header(token).get("alg") not in ("EdDSA", "Ed25519"):
        raise Unverifiable("The token is signed in a way that is not known here.")
    signing_input, _, signature = token.rpartition(".")
    return key.verifies(_unbase64(signature), signing_input.encode())


def read_header(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.partition(".")[0]))


def read_payload(token: str) -> dict[str, Any]:
    return read_json(_unbase64(token.split(".")[1]))


def _unbase64(text: str) -> bytes:
    try:
        data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError as wrong:
        raise Unverifiable("The token cannot be read.") from wrong
    if (
        urlsafe_b64encode(data).rstrip(b"=").decode() != text
    ):  # stray bits at the end would let two texts be one signature
        raise Unverifiable("The token cannot be read.")
    return data
