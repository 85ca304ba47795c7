"""Who asks: tokens and headers become a `Caller` (contract batches §1.5, §1.6)."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import RSAKey

from lernbatch import keyfiles, log
from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import NotAuthenticated, Unusable
from lernbatch.sunbird.http import TOKEN_HEADER
from lernbatch.web.caller import NOBODY, Caller, Role

MANAGED_HEADER = "x-authenticated-for"
_BEARER = "Bearer"  # what Keycloak calls the tokens that open calls; it signs ID and Refresh with the same key
LEEWAY_SECONDS = 60  # by which another clock may be ahead
SHORTEST_KEY = 16  # characters of a machine client's key
MOST_BLOCKED = 500_000
_LASTS = 2**63
CLIENT_HEADER, CLIENT_TOKEN_HEADER = "x-authenticated-client-id", "x-authenticated-client-token"


LEAST_RSA_BITS = 2048
_MAX_PEM_BYTES = 64 * 1024
_KEY_ID = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._=+-]{0,127}(?<!\.bak)(?<!\.orig)(?<!\.swp)(?<!\.tmp)$")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. `parent_id` "": it is a main token.

    `starts_at`: when it was made, or is good from, whichever is later; as `expires_at` in epoch seconds.
    """

    subject: str
    starts_at: int
    expires_at: int
    parent_id: str
    roles: tuple[Role, ...]


class PublicKeys:
    """The public keys of a folder: one PEM file a key, named by key id. Looked at again now and then (defect 40).

    What is no RSA key of LEAST_RSA_BITS, cannot be read, or may be changed by anybody is no key; the log says so once.
    """

    def __init__(self, folder: Path, reload_seconds: float) -> None:
        self._folder, self._reload_seconds = folder, reload_seconds
        self._keys: dict[str, RSAKey] = {}
        self._files: list[tuple[str, int, int, int]] = []
        self._read_at = -reload_seconds
        self._logged: str | None = None

    def current(self) -> dict[str, RSAKey]:
        """Key id → key; the same dict as long as no file of the folder changes. The last ones while it is closed."""
        if time.monotonic() - self._read_at >= self._reload_seconds:
            self._read_at = time.monotonic()
            reason = None
            try:
                self.load()
            except Unusable as closed:
                reason = str(closed)
                if reason != self._logged:
                    log.warning("public keys cannot be read", error=reason)
            self._logged = reason
        return self._keys

    def load(self) -> None:
        """Read the folder if a file of it changed. Raises: Unusable, when it is not there or closed."""
        try:
            if not self._folder.is_dir():
                if self._keys:
                    return  # a folder that is away for a moment withdraws no key
                raise Unusable(f"The folder of public keys, {self._folder}, does not exist.")
            paths = sorted(path for path in self._folder.iterdir() if path.is_file() and _KEY_ID.match(path.name))
            stats = [(path.name, path.stat()) for path in paths]
        except OSError as closed:
            raise Unusable(f"The folder of public keys, {self._folder}, cannot be read: {closed.strerror}.") from closed
        files = [(name, stat.st_mtime_ns, stat.st_mode, stat.st_uid) for name, stat in stats]
        if files != self._files:
            self._keys = {path.name: key for path in paths if (key := read_key(path)) is not None}
            self._files = files


def read_key(path: Path) -> RSAKey | None:
    """The key in a file; None for what is none, which may lie beside the keys: a token naming it is refused."""
    why: str | None
    try:
        why = keyfiles.trouble(path, secret=False)
        if why is None:
            with path.open("rb") as file:
                pem = file.read(_MAX_PEM_BYTES)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SecurityWarning)  # of short keys, which we refuse
                key = RSAKey.import_key(pem)
            if key.public_key.key_size >= LEAST_RSA_BITS:
                return key
            why = f"is an RSA key of fewer than {LEAST_RSA_BITS} bits"
    except OSError as unreadable:
        why = f"cannot be read: {unreadable.strerror}"
    except (ValueError, JoseError):
        why = "is no public RSA key"
    log.warning("a file among the public keys is no key", file=path.name, why=why)
    return None


class TokenVerifier:
    """Verifies tokens. A token is verified once and then remembered, by its digest, as long as the keys stay."""

    def __init__(self, config: Config, clock: Clock, keys: PublicKeys) -> None:
        self._config, self._clock, self._keys = config, clock, keys
        self._clients = read_clients(config.machine_clients.get_secret_value())
        self._late_seconds = config.late_token_days * 86_400
        self._ended: set[str] = set()
        self._blocked: set[str] = set()
        self._trusted: dict[str, RSAKey] = {}
        self._seen: dict[bytes, Claims] = {}

    def end(self, user_id: str) -> None:
        """That account is deleted or merged into another: no token of it counts any more."""
        self._ended.add(user_id)

    def revive(self, user_id: str) -> None:
        """The account is one again."""
        self._ended.discard(user_id)

    def has_ended(self, user_id: str) -> bool:
        """Whether that account is deleted or merged into another, as far as this process was told (seconds ago)."""
        return user_id in self._ended

    def note(self, user_id: str, *, is_active: bool) -> None:
        """Note whether the user service calls an account active, when it was called for another reason."""
        if is_active:
            self._blocked.discard(user_id)
        elif len(self._blocked) < MOST_BLOCKED:
            self._blocked.add(user_id)

    def caller(self, headers: Mapping[str, str], *, required: bool, accept_expired: bool = False) -> Caller:
        """Who `headers` say is asking.

        `required`: without a usable token the call ends; otherwise a bad user token counts as none.
        A managed-user token must always be right. Raises: NotAuthenticated.
        """
        if not self._config.authentication_enabled:
            return Caller(authentication_enabled=False)
        asking = self._user(headers.get(TOKEN_HEADER, ""), accept_expired)
        if asking.user_id is None:
            # A system that calls under its own name (contract batches §1.5).
            client_id, given = headers.get(CLIENT_HEADER, ""), headers.get(CLIENT_TOKEN_HEADER, "").encode()
            is_key = [compare_digest(given, key.encode()) for key in self._clients.get(client_id, ())]
            if any(is_key):  # all of them were compared, so that the time tells nothing
                asking = Caller(user_id=client_id)
        if asking.user_id is None and required:
            raise NotAuthenticated
        managed = headers.get(MANAGED_HEADER, "").strip()
        if not managed:
            return asking
        claims = self.claims(managed)
        if claims is None or not (lasting := self._lasting(claims, accept_expired)):
            raise NotAuthenticated
        # A system is nobody's parent, whatever it is called.
        if not asking.is_user or claims.parent_id.lower() != str(asking.user_id).lower():
            raise NotAuthenticated
        until = min(asking.until or _LASTS, lasting)
        return replace(asking, on_behalf_of=claims.subject, until=None if until == _LASTS else until)

    def _user(self, token: str, accept_expired: bool) -> Caller:
        claims = self.claims(token)
        if claims is None or claims.parent_id or not (lasting := self._lasting(claims, accept_expired)):
            return NOBODY
        return Caller(claims.subject, roles=claims.roles, token=token, until=None if lasting == _LASTS else lasting)

    def _lasting(self, claims: Claims, accept_expired: bool) -> int:
        """Until when the token counts: _LASTS, or when it ended, if it is accepted late; 0: it does not count."""
        now = int(self._clock.now().timestamp())
        if claims.subject in self._ended or claims.subject in self._blocked or claims.starts_at > now + LEEWAY_SECONDS:
            return 0
        if claims.expires_at >= now:
            return _LASTS
        return claims.expires_at if accept_expired and claims.expires_at + self._late_seconds >= now else 0

    def claims(self, token: str) -> Claims | None:
        """The claims of a token with a right signature, expired or not; None for anything else."""
        if (trusted := self._keys.current()) is not self._trusted:
            self._trusted = trusted
            self._seen.clear()  # what a withdrawn key signed counts no more
        digest = sha256(token.encode()).digest()
        claims = self._seen.get(digest)
        if claims is None and (claims := self._verified(token)) is not None:
            if len(self._seen) >= self._config.token_cache_size:
                self._seen.clear()  # rare, cheap to refill, and simpler than an order of use
            self._seen[digest] = claims
        return claims

    def _verified(self, token: str) -> Claims | None:
        if token.count(".") != 2:
            return None
        try:
            signed = jws.extract_compact(token.encode())
            key_id = signed.headers().get("kid")
            key = self._trusted.get(key_id) if isinstance(key_id, str) else None
            if key is None or not jws.validate_compact(signed, key, algorithms=["RS256"]):
                return None
            payload = msgspec.json.decode(signed.payload)
        except (JoseError, ValueError, RecursionError):
            return None
        claims = read_claims(payload, self._config) if isinstance(payload, dict) else None
        return None if claims is None or claims.subject in self._clients else claims


def read_clients(text: str) -> dict[str, tuple[str, ...]]:
    """`reporting=k1, scheduler=k2` → client id → its key, or two while it is changed. Raises: Unusable."""
    clients: dict[str, tuple[str, ...]] = {}
    for entry in filter(str.strip, text.split(",")):
        name, equals, key = (part.strip() for part in entry.partition("="))
        keys = clients.get(name, ())
        if not name or not equals or len(keys) == 2 or key in keys:
            raise Unusable(
                "LERNBATCH_MACHINE_CLIENTS cannot be used: it is `id=key, id=key`, each id once, or twice while its key"
                " is changed, and no comma in a key."
            )
        if len(key) < SHORTEST_KEY:
            raise Unusable(
                f"LERNBATCH_MACHINE_CLIENTS cannot be used: the key of {name} has less than {SHORTEST_KEY} characters."
            )
        clients[name] = (*keys, key)
    return clients


def read_claims(payload: Mapping[str, Any], config: Config) -> Claims | None:
    """What counts of a token's payload; None when it is not one of ours, or not for us."""
    subject, expires_at = payload.get("sub"), payload.get("exp")
    starts_at, issued_at = payload.get("nbf", 0), payload.get("iat", 0)
    parent_id, issuer, kind = payload.get("parentId", ""), payload.get("iss", ""), payload.get("typ", _BEARER)
    if not isinstance(subject, str) or not all(isinstance(text, str) for text in (parent_id, issuer, kind)):
        return None
    if type(expires_at) is not int or not {type(starts_at), type(issued_at)} <= {int, float}:
        return None
    signed_without_issuer = bool(parent_id) and not issuer and not config.managed_token_issuer_required
    if issuer.lower() != config.token_issuer.lower() and not signed_without_issuer:
        return None
    if kind != _BEARER or not is_meant_for_us(payload, config):
        return None
    provider, _, identifier = subject.rpartition(":")
    ours = config.federation_provider_id
    if not identifier.strip() or (ours and provider not in ("", f"f:{ours}")):
        return None
    roles = tuple(read_roles(payload.get("roles")))
    return Claims(identifier, int(max(starts_at, issued_at)), expires_at, parent_id, roles)


def is_meant_for_us(payload: Mapping[str, Any], config: Config) -> bool:
    """Whether audience and client are among those of the settings, where they name any."""
    audience = payload.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    if config.token_audiences and not any(name in config.token_audiences for name in audiences):
        return False
    return not config.token_clients or payload.get("azp") in config.token_clients


def read_roles(roles: object) -> Iterable[Role]:
    """The roles of a token: [{"role": "COURSE_MENTOR", "scope": [{"organisationId": "1"}]}]; others are passed over."""
    for entry in roles if isinstance(roles, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("role"), str):
            scope = entry.get("scope")
            organisations = (
                place.get("organisationId")
                for place in (scope if isinstance(scope, list) else ())
                if isinstance(place, dict)
            )
            yield Role(entry["role"], frozenset(o for o in organisations if isinstance(o, str)))
