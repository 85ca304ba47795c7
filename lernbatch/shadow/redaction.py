"""What the journal and the report may keep of a request: no token, and no personal data (contract migration M52)."""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import msgspec

from lernbatch.shadow.model import Credential, RecordedBody

TOKEN_HEADERS = ("x-authenticated-user-token", "x-authenticated-for", "authorization", "x-service-token", "cookie")
# What a replay needs of the other headers, and what names nobody.
_KEPT_HEADERS = frozenset(
    (
        "accept",
        "content-type",
        "idempotency-key",
        "if-match",
        "x-app-id",
        "x-channel-id",
        "x-msgid",
        "x-request-id",
    )
)
_HASH_CHARACTERS = 16
_DEEPEST = 60
_NAME = re.compile(r"[A-Za-z_@][A-Za-z_]{0,38}[0-9]?")


class Redaction:
    """Hides with one key, so that the same value has the same hash in every line and nobody else can compute it."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def hash(self, value: str | bytes) -> str:
        data = value.encode(errors="surrogatepass") if isinstance(value, str) else value
        return hmac.new(self._key, data, sha256).hexdigest()[:_HASH_CHARACTERS]

    def credentials(self, headers: Mapping[str, str]) -> dict[str, Credential]:
        """The tokens of a request by header; `headers`: names in lower case."""
        credentials = {}
        for name in TOKEN_HEADERS:
            if token := headers.get(name):
                claims = claims_of(token)
                roles = claims.get("roles")
                credentials[name] = Credential(
                    subject=subject_of(token),
                    hash=self.hash(token),
                    roles=roles if isinstance(roles, list) else [],
                    parent=_last_part(claims.get("parentId")),
                )
        return credentials

    def recorded(self, body: bytes, *, keep: bool, status: int = 0) -> RecordedBody:
        """A body for the journal: its text if it may be kept and is one, else its shape."""
        if not body:
            return RecordedBody(status=status)
        if keep:
            try:
                return RecordedBody(status=status, text=body.decode(), bytes=len(body))
            except UnicodeDecodeError:
                pass
        return RecordedBody(status=status, shape=self.shape(body), bytes=len(body))

    def shape(self, body: bytes) -> Any:
        """The JSON in `body` with every value hashed; a hash alone where it is none."""
        try:
            return self._hidden(msgspec.json.decode(body), 0)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return f"bytes {self.hash(body)}"

    def _hidden(self, value: Any, depth: int) -> Any:
        if depth >= _DEEPEST:
            return "deeper"
        if isinstance(value, dict):
            return {  # a key that is an id or a name of somebody is hidden too
                key if _NAME.fullmatch(key) else f"key {self.hash(key)}": self._hidden(inner, depth + 1)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._hidden(inner, depth + 1) for inner in value]
        if value is None or isinstance(value, bool):
            return value
        kind = "text" if isinstance(value, str) else "number"
        return f"{kind} {self.hash(str(value))}"

    def value(self, value: Any) -> Any:
        """A value of a difference on a route whose bodies are not kept."""
        return self._hidden(value, 0)


def kept_headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in _KEPT_HEADERS}


def claims_of(token: str) -> Mapping[str, Any]:
    """What a token says, unverified; {} for what is no token. A `Bearer` before it is no part of it."""
    parts = token.removeprefix("Bearer ").removeprefix("bearer ").split(".")
    if len(parts) != 3:
        return {}
    try:
        claims = msgspec.json.decode(urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (ValueError, msgspec.DecodeError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def subject_of(token: str) -> str:
    """The user id that a token names: the last part of `f:provider:id`; "" where it names none."""
    return _last_part(claims_of(token).get("sub"))


def caller_of(headers: Mapping[str, str]) -> str:
    """Whom a request is made for by its tokens: the managed user, else the user; "" nobody."""
    managed, own = headers.get("x-authenticated-for", ""), headers.get("x-authenticated-user-token", "")
    return subject_of(managed) or subject_of(own)


def shown(value: Any) -> Any:
    """A value for people who read the report: numbers and flags as they are, of a text how long it is."""
    return f"text of {len(value)} characters" if isinstance(value, str) else value


def _last_part(subject: object) -> str:
    return subject.rpartition(":")[2][:256] if isinstance(subject, str) else ""
