"""The bundled identity provider: a local key, and tokens in the shape that the platform's one makes."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from joserfc import jwt
from joserfc.jwk import RSAKey

from lernbatch.config import Config
from lernbatch.web.caller import Role

LIFETIME = timedelta(days=1)
_PROVIDER = "lernbatch-local"
_KEY_BITS = 2048
_CLIENT = "lernbatch-cli"


def public_folder(home: Path) -> Path:
    """Where the public keys lie: one PEM file a key, named by key id. The first call makes the key."""
    folder = home / "keys" / "public"
    private = _private_key(home)
    published = folder / _key_id(private)
    if not published.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(published, private.as_pem(private=False), 0o644)
    return folder


def mint(
    home: Path,
    config: Config,
    user_id: str,
    *,
    now: datetime,
    roles: Iterable[Role] = (Role("PUBLIC"),),
    expired: bool = False,
    parent_id: str | None = None,
) -> str:
    """A token for `user_id`, good for a day from `now`; `expired`: over for an hour. `roles`: by default everybody's.

    `parent_id`: it is the token of a managed user, for the header X-Authenticated-For of that parent.
    """
    public_folder(home)
    key = _private_key(home)
    issued_at = now - timedelta(hours=1) - LIFETIME if expired else now
    claims: dict[str, object] = {
        "sub": f"f:{config.federation_provider_id or _PROVIDER}:{user_id}",
        "iss": config.token_issuer,
        "iat": int(issued_at.timestamp()),
        "exp": int((issued_at + LIFETIME).timestamp()),
        "typ": "Bearer",
        "azp": _CLIENT,
        "roles": [
            {"role": role.name, "scope": [{"organisationId": org} for org in sorted(role.organisation_ids)]}
            for role in roles
        ],
    }
    if parent_id is not None:
        claims["parentId"] = parent_id
    return jwt.encode({"alg": "RS256", "typ": "JWT", "kid": _key_id(key)}, claims, key)


def _key_id(key: RSAKey) -> str:
    return key.thumbprint()


def _private_key(home: Path) -> RSAKey:
    path = home / "keys" / "private.pem"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Whole under another name first, then linked: of two processes that start at once one wins, and neither
        # ever reads half a key.
        _write_whole(path, RSAKey.generate_key(_KEY_BITS).as_pem(private=True), 0o600)
    return _imported(path.read_bytes())


@cache
def _imported(pem: bytes) -> RSAKey:
    return RSAKey.import_key(pem)  # checks that the numbers are prime, which takes longer than many signatures


def _write_whole(path: Path, content: bytes, mode: int) -> None:
    """Make `path` with `content`, unless somebody else did so meanwhile."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(name, mode)
        with suppress(FileExistsError):  # the other one's is as good
            os.link(name, path)
    finally:
        os.unlink(name)
