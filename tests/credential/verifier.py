"""Our credentials in the hands of verifiers that are not our code.

openvc checks the Data Integrity proof (`eddsa-jcs-2022`), that the key is the issuer's by its did:web document, and the
signed status lists; PyJWT checks the VC-JWT. Both are used as they are; nothing of ours is imported here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jwt
from openvc.did.did_web import DidWebResolver
from openvc.errors import OpenvcError
from openvc.resolvers import default_status_list_resolver
from openvc.status.status_list import CredentialRevoked, CredentialSuspended
from openvc.verify import VerificationPolicy, verify_credential


def proof_holds(file: bytes, did_document: dict[str, Any]) -> bool:
    """Whether the Data Integrity proof of a credential file is by a key of the issuer's document."""
    try:
        credential = json.loads(file)
        resolver = DidWebResolver(lambda _: did_document)
        verify_credential(credential, resolver=resolver, policy=VerificationPolicy(require_status=False))
    except (OpenvcError, ValueError):
        return False
    return True


def standing(file: bytes, did_document: dict[str, Any], fetch: Callable[[str], str]) -> str:
    """valid, or what the status lists say that the credential names. `fetch`: a list by its URL."""
    resolver = DidWebResolver(lambda _: did_document)
    lists = default_status_list_resolver(resolver=resolver, fetch=fetch)
    try:
        verify_credential(json.loads(file), resolver=resolver, resolve_status_list=lists)
    except CredentialRevoked:
        return "revoked"
    except CredentialSuspended:
        return "suspended"
    return "valid"


def jwt_holds(token: str, jwks: dict[str, Any]) -> bool:
    """Whether a VC-JWT is signed by one of the issuer's keys."""
    try:
        key_name = jwt.get_unverified_header(token)["kid"].rpartition("#")[2]
        key = jwt.PyJWKSet.from_dict(jwks)[key_name]
        jwt.decode(token, key=key.key, algorithms=["EdDSA"], options={"verify_iat": False})
    except (KeyError, ValueError, jwt.PyJWTError):
        return False
    return True
