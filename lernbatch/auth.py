"""Who asks: tokens and headers become a `Caller` (contract batches §1.5, §1.6)."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
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

TOKEN_HEADER = "x-authenticated-user-token"  # noqa: S105 - the name of a header
MANAGED_HEADER = "x-authenticated-for"
CLIENT_HEADER, CLIENT_TOKEN_HEADER = "x-authenticated-client-id", "x-authenticated-client-token"


LEAST_RSA_BITS = 2048
_MAX_PEM_BYTES = 64 * 1024
_KEY_ID = re.compile(r"^[A-Za-z0-9_-][A-Za-z0-9._=+-]{0,127}(?<!\.bak)(?<!\.orig)(?<!\.swp)(?<!\.tmp)$")


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the token; `organisation_ids` empty: everywhere."""

    name: str
    organisation_ids: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks (`user_id`, None: nobody known), on whose behalf, and with which roles."""

    user_id: str | None = None
    on_behalf_of: str | None = None
    roles: tuple[Role, ...] = ()
    token: str | None = field(default=None, repr=False)
    authentication_enabled: bool = True

    @property
    def subject(self) -> str | None:
        """Whose data a call about oneself concerns: the managed user, else the caller."""
        return self.on_behalf_of or self.user_id

    def has_role(self, names: Iterable[str]) -> bool:
        wanted = frozenset(names)
        return any(role.name in wanted for role in self.roles)

    def administers(self, organisation_ids: Iterable[str], names: Iterable[str]) -> bool:
        """Whether one of the roles `names` is held for one of the organisations (or for all)."""
        wanted, organisations = frozenset(names), frozenset(organisation_ids)
        return any(
            role.name in wanted and (not role.organisation_ids or role.organisation_ids & organisations)
            for role in self.roles
        )


NOBODY = Caller()


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says; `issuer` and `parent_id` are checked by whoever knows what they must be."""

    subject: str
    expires_at: int
    issuer: str
    parent_id: str
    roles: tuple[Role, ...]


class Keys:
    """The public keys of a folder: one PEM file a key, named by key id. Looked at again now and then (defect 40).

    What is no RSA key of LEAST_RSA_BITS, cannot be read, or may be changed by anybody is no key; the log says so once.
    """

    def __init__(self, folder: Path, reload_seconds: float) -> None:
        self._folder, self._reload_seconds = folder, reload_seconds
        self._keys: dict[str, RSAKey] = {}
        self._files: list[tuple[str, int, int, int]] = []
        self._read_at = -reload_seconds
        self._told: str | None = None

    def current(self) -> dict[str, RSAKey]:
        """Key id → key; the same dict as long as no file of the folder changes. The last ones while it is closed."""
        if time.monotonic() - self._read_at >= self._reload_seconds:
            self._read_at = time.monotonic()
            told = None
            try:
                self.load()
            except Unusable as closed:
                told = str(closed)
                if told != self._told:
                    log.warning("public keys cannot be read", error=told)
            self._told = told
        return self._keys

    def load(self) -> None:
        """Read the folder if a file of it changed. Raises: Unusable, when it is not there or closed."""
        try:
            if not self._folder.is_dir():
                if self._keys:
                    return  # a folder that is away for a moment withdraws no key
                raise Unusable(f"The folder of public keys, {self._folder}, does not exist.")
            paths = sorted(path for path in self._folder.iterdir() if path.is_file() and _KEY_ID.match(path.name))
            found = [(path.name, path.stat()) for path in paths]
        except OSError as closed:
            raise Unusable(f"The folder of public keys, {self._folder}, cannot be read: {closed.strerror}.") from closed
        files = [(name, stat.st_mtime_ns, stat.st_mode, stat.st_uid) for name, stat in found]
        if files != self._files:
            self._keys = {path.name: key for path in paths if (key := _read_key(path)) is not None}
            self._files = files


def _read_key(path: Path) -> RSAKey | None:
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


class Gate:
    """Verifies tokens. A token is verified once and then remembered, by its digest, as long as the keys stay."""

    def __init__(self, config: Config, clock: Clock, keys: Keys) -> None:
        self._config, self._clock, self._keys = config, clock, keys
        self._issuer = config.token_issuer.lower()
        self._clients = _read_clients(config.machine_clients.get_secret_value())
        self._trusted: dict[str, RSAKey] = {}
        self._seen: dict[bytes, Claims] = {}

    def caller(self, headers: Mapping[str, str], *, required: bool, accept_expired: bool = False) -> Caller:
        """Who `headers` say is asking.

        `required`: without a usable token the call ends; otherwise a bad user token counts as none.
        A managed-user token must always be right. Raises: NotAuthenticated.
        """
        if not self._config.authentication_enabled:
            return Caller(authentication_enabled=False)
        asking = self._user(headers.get(TOKEN_HEADER, ""), accept_expired)
        if asking.user_id is None:
            asking = self._client(headers.get(CLIENT_HEADER, ""), headers.get(CLIENT_TOKEN_HEADER, ""))
        if asking.user_id is None and required:
            raise NotAuthenticated
        managed = headers.get(MANAGED_HEADER, "").strip()
        return self._on_behalf(asking, managed, accept_expired) if managed else asking

    def _user(self, token: str, accept_expired: bool) -> Caller:
        claims = self.claims(token)
        if claims is None or claims.issuer.lower() != self._issuer or not self._lasts(claims, accept_expired):
            return NOBODY
        return Caller(user_id=claims.subject, roles=claims.roles, token=token)

    def _client(self, client_id: str, token: str) -> Caller:
        """A system that calls under its own name (contract batches §1.5)."""
        key = self._clients.get(client_id)
        if key is None or not compare_digest(token.encode(), key.encode()):
            return NOBODY
        return Caller(user_id=client_id)

    def _on_behalf(self, asking: Caller, managed: str, accept_expired: bool) -> Caller:
        claims = self.claims(managed)
        if claims is None or not asking.user_id or not self._lasts(claims, accept_expired):
            raise NotAuthenticated
        if claims.parent_id.lower() != asking.user_id.lower():
            raise NotAuthenticated
        return replace(asking, on_behalf_of=claims.subject)

    def _lasts(self, claims: Claims, accept_expired: bool) -> bool:
        return accept_expired or claims.expires_at >= int(self._clock.now().timestamp())

    def claims(self, token: str) -> Claims | None:
        """The claims of a token with a right signature, expired or not; None for anything else."""
        if (trusted := self._keys.current()) is not self._trusted:
            self._trusted = trusted
            self._seen.clear()  # what a withdrawn key signed counts no more
        digest = sha256(token.encode()).digest()
        known = self._seen.get(digest)
        if known is None and (known := self._verified(token)) is not None:
            if len(self._seen) >= self._config.token_cache_size:
                self._seen.clear()  # rare, cheap to refill, and simpler than an order of use
            self._seen[digest] = known
        return known

    def _verified(self, token: str) -> Claims | None:
        if token.count(".") != 2:
            return None
        try:
            signed = jws.extract_compact(token.encode())
            key_id = signed.headers().get("kid")
            key = self._trusted.get(key_id) if isinstance(key_id, str) else None
            if key is None or not jws.validate_compact(signed, key, algorithms=["RS256"]):
                return None
            return _read_claims(msgspec.json.decode(signed.payload))
        except (JoseError, ValueError):
            return None


def _read_clients(text: str) -> dict[str, str]:
    """`reporting=k1, scheduler=k2` → client id → key."""
    pairs = (entry.partition("=") for entry in text.split(","))
    return {name.strip(): key.strip() for name, _, key in pairs if name.strip() and key.strip()}


def _read_claims(payload: Any) -> Claims | None:
    if not isinstance(payload, dict):
        return None
    subject, expires_at = payload.get("sub"), payload.get("exp")
    if not isinstance(subject, str) or not isinstance(expires_at, int):
        return None
    subject = subject.rpartition(":")[2]
    if not subject.strip():
        return None
    return Claims(
        subject=subject,
        expires_at=expires_at,
        issuer=str(payload.get("iss", "")),
        parent_id=str(payload.get("parentId", "")),
        roles=tuple(_read_roles(payload.get("roles"))),
    )


def _read_roles(roles: object) -> Iterable[Role]:
    for entry in roles if isinstance(roles, list) else ():
        if isinstance(entry, dict) and isinstance(entry.get("role"), str):
            scope = entry.get("scope")
            organisations = (
                place.get("organisationId")
                for place in (scope if isinstance(scope, list) else ())
                if isinstance(place, dict)
            )
            yield Role(entry["role"], frozenset(o for o in organisations if isinstance(o, str)))
