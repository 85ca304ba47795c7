"""What is true of sessions: how long one lasts, which forms are its own, who may choose who they are."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest, digest
from ipaddress import ip_address
from urllib.parse import urlsplit

from lernbatch.config import Config
from lernbatch.errors import Refused
from lernbatch.session.model import Session

LASTS = timedelta(hours=12)
UNUSED_LASTS = timedelta(hours=2)
NOTED_EVERY = timedelta(minutes=1)  # by how much the stored time of the last use may be behind
REFRESHED_BEFORE_SECONDS = 60
FORM_KEPT = timedelta(minutes=10)
_PAD_BYTES = 32


class FormNotOurs(Refused):
    """A form without the token of this session: it lay open too long, or another site has sent it."""

    http_status = 403
    code = "FORM_NOT_OURS"
    message = "This form was no longer valid."


def ended(session: Session, now: datetime) -> bool:
    """Whether `session` is over: 12 hours after it began, or 2 hours after its last use."""
    return now >= session.ends_at or now >= session.used_at + UNUSED_LASTS


def csrf_token(secret: bytes, path: str, pad: bytes | None = None) -> str:
    """The token of a form that is posted to `path`.

    Each has a pad of its own, so that the same page compressed twice says nothing about the secret (BREACH).
    """
    pad = os.urandom(_PAD_BYTES) if pad is None else pad
    mac = digest(secret, path.encode(), "sha256")
    return pad.hex() + bytes(a ^ b for a, b in zip(pad, mac, strict=True)).hex()


def check_csrf(secret: bytes, path: str, token: str) -> None:
    """Raises: FormNotOurs, unless `token` was made for this session and path."""
    try:
        pad = bytes.fromhex(token)[:_PAD_BYTES]
    except ValueError:
        raise FormNotOurs from None
    if len(pad) != _PAD_BYTES or not compare_digest(csrf_token(secret, path, pad), token):
        raise FormNotOurs


def check_site(fetch_site: str | None) -> None:
    """Raises: FormNotOurs, when the browser says that another site sends the form."""
    if fetch_site not in (None, "same-origin"):
        raise FormNotOurs


def session_id(cookie: str) -> bytes:
    """What is stored of a cookie's value, so that who reads the table is nobody's twin."""
    return sha256(cookie.encode()).digest()


def is_loopback(host: str) -> bool:
    """Whether a host (of a URL or of the header) is this machine for whoever uses it."""
    name = host if host.count(":") > 1 and not host.startswith("[") else urlsplit(f"//{host}").hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def signs_in_locally(config: Config) -> bool:
    """Whether anybody may choose who they are: only among the bundled people, and not in the open unless it is wished.

    The local key must sign the tokens, and no provider may be named.
    """
    is_embedded = config.public_key_folder is None and not config.oidc_issuer and not config.oidc_client_id
    return is_embedded and (is_loopback(config.host) or config.demo_sign_in)


def signs_in_at_provider(config: Config) -> bool:
    """Whether people sign in at an OpenID Connect provider."""
    return bool(config.oidc_client_id)


def needs_refresh(session: Session, now: datetime) -> bool:
    """Whether the access token ends within a minute, and can be renewed."""
    grant = session.grant
    return bool(grant.refresh_token and grant.ends_at) and now.timestamp() + REFRESHED_BEFORE_SECONDS >= grant.ends_at
