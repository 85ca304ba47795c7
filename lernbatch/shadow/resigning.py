"""Tokens of the shadow's own, where an operator gave it a key: the journal has none (contract migration M52)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from lernbatch.errors import Unusable
from lernbatch.shadow.model import Credential

LIFETIME_SECONDS = 3600
_RESIGNED = ("x-authenticated-user-token", "x-authenticated-for")


class Resigner:
    """Signs tokens for the subjects of others. `key_id`: the name of the public key's file at the candidate."""

    def __init__(self, key: RSAKey, key_id: str, issuer: str) -> None:
        self._key, self._key_id, self._issuer = key, key_id, issuer

    @classmethod
    def of(cls, pem: str, key_id: str, issuer: str) -> Resigner | None:
        """None where there is no key. Raises: Unusable."""
        if not pem:
            return None
        try:
            key = RSAKey.import_key(pem)
        except (ValueError, JoseError) as wrong:
            raise Unusable("The key for replay is no RSA key in PEM.") from wrong
        if not key.is_private:
            raise Unusable("The key for replay has no private half: nothing can be signed with it.")
        return cls(key, key_id or key.thumbprint(), issuer)

    def headers(self, credentials: Mapping[str, Credential], at: float) -> dict[str, str]:
        """The token headers of a request, signed anew as of `at`, epoch seconds, which the candidate takes for now."""
        tokens = {}
        for name in _RESIGNED:
            if (credential := credentials.get(name)) is None:
                continue
            claims: dict[str, object] = {
                "sub": credential.subject,
                "iss": self._issuer,
                "iat": int(at),
                "exp": int(at) + LIFETIME_SECONDS,
                "typ": "Bearer",
                "roles": credential.roles,
            }
            if credential.parent:
                claims["parentId"] = credential.parent
            tokens[name] = jwt.encode({"alg": "RS256", "typ": "JWT", "kid": self._key_id}, claims, self._key)
        return tokens


def read_key(path: Path | None) -> str:
    """The PEM in a file; "" without one. Raises: Unusable."""
    if path is None:
        return ""
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as wrong:
        raise Unusable(f"The key for replay, {path}, cannot be read.") from wrong
