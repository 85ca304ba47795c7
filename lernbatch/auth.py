"""Who asks: tokens and headers become a `Caller` (contract batches §1.5, §1.6)."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from lernbatch.clock import Clock
from lernbatch.config import Config
from lernbatch.errors import NotAuthenticated, Unusable

TOKEN_HEADER = "x-authenticated-user-token"  # noqa: S105 - the name of a header
MANAGED_HEADER = "x-authenticated-for"
CLIENT_HEADER, CLIENT_TOKEN_HEADER = "x-authenticated-client-id", "x-authenticated-client-token"


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

    @property
    def is_user(self) -> bool:
        """Whether a user's token was shown. Nobody, and a system that calls under its own name, have none."""
        return self.token is not None

    @property
    def organisation_ids(self) -> frozenset[str]:
        """The organisations in which the caller holds any role."""
        return frozenset().union(*(role.organisation_ids for role in self.roles))

    @property
    def user_ids(self) -> list[str]:
        """The caller, and the child in whose name they ask."""
        return [user_id for user_id in (self.user_id, self.on_behalf_of) if user_id is not None]

    def speaks_for(self, user_id: str | None) -> bool:
        """Whether `user_id` is the caller, or the child in whose name they ask."""
        return user_id in self.user_ids

    def has_role(self, names: Iterable[str]) -> bool:
        wanted = frozenset(names)
        return any(role.name in wanted for role in self.roles)

    def administers(self, organisation_ids: Iterable[str], names: Iterable[str]) -> bool:
        """Whether one of the roles `names` is held for one of the organisations, or for all: then `()` will do."""
        held_in = self.organisations_with(names)
        return held_in is None or not held_in.isdisjoint(organisation_ids)

    def organisations_with(self, names: Iterable[str]) -> frozenset[str] | None:
        """The organisations for which one of the roles `names` is held; None: for all."""
        wanted = frozenset(names)
        held = [role.organisation_ids for role in self.roles if role.name in wanted]
        return frozenset().union(*held) if all(held) else None


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
    """The public keys of a folder: one PEM file a key, named by key id. Looked at again now and then (defect 40)."""

    def __init__(self, folder: Path, reload_seconds: float) -> None:
        self._folder, self._reload_seconds = folder, reload_seconds
        self._keys: dict[str, RSAKey] = {}
        self._files: list[tuple[str, int]] = []
        self._read_at = -reload_seconds

    def current(self) -> dict[str, RSAKey]:
        """Key id → key; the same dict as long as no file of the folder changes."""
        if time.monotonic() - self._read_at >= self._reload_seconds:
            self._read_at = time.monotonic()
            self._read()
        return self._keys

    def _read(self) -> None:
        if not self._folder.is_dir():
            if self._keys:
                return  # a folder that is away for a moment withdraws no key
            raise Unusable(f"The folder of public keys, {self._folder}, does not exist.")
        paths = sorted(path for path in self._folder.iterdir() if path.is_file())
        files = [(path.name, path.stat().st_mtime_ns) for path in paths]
        if files == self._files:
            return
        keys = {}
        for path in paths:
            try:
                keys[path.name] = RSAKey.import_key(path.read_bytes())
            except (ValueError, JoseError):
                continue  # other files may lie beside the keys; a token naming one is refused
        self._keys, self._files = keys, files


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
