"""The OpenID Connect provider where people sign in: authorization code with PKCE, refresh, signing out.

Authlib writes the requests, our HTTP client sends them; ID tokens are verified by joserfc, as the API verifies its
own. Source: OpenID Connect Core 1.0, OAuth 2.0 Security Best Current Practice (RFC 9700).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from lernbatch.config import Config
from lernbatch.errors import LernbatchError, Upstream
from lernbatch.session.model import Grant, Pending

DISCOVERED_EVERY = timedelta(hours=1)
LEEWAY_SECONDS = 60
_ALGORITHMS = ["RS256", "PS256", "ES256"]
_RANDOM_BYTES = 32


class SignInRefused(LernbatchError):
    """The provider, or what came back from it, does not say who somebody is. The message is for the log."""

    http_status = 400
    code = "SIGN_IN_REFUSED"


@dataclass(frozen=True, slots=True)
class _Endpoints:
    authorization: str
    token: str
    end_session: str
    keys: KeySet = field(repr=False)
    read_at: datetime


class Provider:
    """One provider, whose description is read when somebody signs in, and hourly then."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._endpoints: _Endpoints | None = None
        self._reading = asyncio.Lock()

    @property
    def host(self) -> str:
        """What people know it by."""
        return urlsplit(self._config.sign_in_issuer).hostname or ""

    async def begin(self, next_path: str, now: datetime) -> tuple[Pending, str]:
        """A sign-in under way, and the address at the provider where it goes on. Raises: Upstream."""
        endpoints = await self._read(now)
        state, nonce, verifier = (secrets.token_urlsafe(_RANDOM_BYTES) for _ in range(3))
        pending = Pending(state, nonce, verifier, next_path)
        address: str = prepare_grant_uri(
            endpoints.authorization,
            self._config.oidc_client_id,
            "code",
            self._redirect_uri,
            list(self._config.oidc_scopes),
            pending.state,
            nonce=pending.nonce,
            code_challenge=create_s256_code_challenge(pending.verifier),
            code_challenge_method="S256",
        )
        return pending, address

    async def finish(self, pending: Pending, query: Mapping[str, str], now: datetime) -> tuple[Grant, str]:
        """The tokens for what came back, and the name of the person. Raises: SignInRefused; Upstream."""
        if not secrets.compare_digest(query.get("state", "").encode(), pending.state.encode()):
            raise SignInRefused("the state is another one")
        if "code" not in query:
            raise SignInRefused(f"the provider said {query.get('error', 'nothing')}")
        endpoints = await self._read(now)
        body = prepare_token_request(
            "authorization_code", redirect_uri=self._redirect_uri, code=query["code"], code_verifier=pending.verifier
        )
        token = await self._fetch(endpoints.token, body)
        claims = self._claims(token, endpoints.keys, now)
        if not secrets.compare_digest(str(claims.get("nonce", "")).encode(), pending.nonce.encode()):
            raise SignInRefused("the nonce is another one")
        return _granted(token, now), str(claims.get("name") or claims.get("preferred_username") or "")

    async def refresh(self, grant: Grant, now: datetime) -> Grant:
        """New tokens for old ones. Raises: SignInRefused; Upstream."""
        endpoints = await self._read(now)
        body = prepare_token_request("refresh_token", refresh_token=grant.refresh_token)
        token = await self._fetch(endpoints.token, body)
        renewed = _granted(token, now)
        return Grant(
            renewed.access_token,
            renewed.refresh_token or grant.refresh_token,
            renewed.id_token or grant.id_token,
            renewed.ends_at,
        )

    async def sign_out_address(self, grant: Grant, back: str, now: datetime) -> str | None:
        """Where the provider's own session ends; None, when it has no such page or does not answer."""
        try:
            endpoints = await self._read(now)
        except Upstream:
            return None
        if not endpoints.end_session or not grant.id_token:
            return None
        query = {
            "id_token_hint": grant.id_token,
            "post_logout_redirect_uri": back,
            "client_id": self._config.oidc_client_id,
        }
        return f"{endpoints.end_session}?{urlencode(query)}"

    @property
    def _redirect_uri(self) -> str:
        return f"{self._config.base_url}/console/callback"

    async def _fetch(self, url: str, body: str) -> Mapping[str, Any]:
        """What the token endpoint answers. Raises: SignInRefused; Upstream."""
        secret = self._config.oidc_client_secret.get_secret_value()
        method = "client_secret_basic" if secret else "none"
        headers = {"Accept": "application/json", "Content-Type": "application/x-www-form-urlencoded"}
        auth = ClientAuth(self._config.oidc_client_id, secret, method)
        url, headers, body = auth.prepare("POST", url, headers, body)
        try:
            async with httpx.AsyncClient(timeout=self._config.upstream_timeout_seconds) as client:
                answer = await client.post(url, content=body, headers=headers)
            if answer.status_code >= 500:
                raise Upstream(f"the identity provider answered {answer.status_code}")
            token: Mapping[str, Any] = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as failed:
            raise Upstream(f"the identity provider: {failed!r}") from failed
        if not isinstance(token, dict) or not isinstance(token.get("access_token"), str):
            reason = token.get("error") if isinstance(token, dict) else None
            raise SignInRefused(f"the provider gave no access token: {reason}")
        return token

    def _claims(self, token: Mapping[str, Any], keys: KeySet, now: datetime) -> dict[str, Any]:
        """The claims of the ID token: signed by the provider, for us, and not over. Raises: SignInRefused."""
        try:
            decoded = jwt.decode(str(token.get("id_token", "")), keys, algorithms=_ALGORITHMS)
        except (JoseError, ValueError) as wrong:
            raise SignInRefused("the ID token cannot be verified") from wrong
        claims = decoded.claims
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        ends_at = claims.get("exp")
        if str(claims.get("iss", "")).rstrip("/") != self._config.sign_in_issuer:
            raise SignInRefused("the ID token is of another issuer")
        if self._config.oidc_client_id not in audiences:
            raise SignInRefused("the ID token is for another client")
        if not isinstance(ends_at, int | float) or ends_at + LEEWAY_SECONDS < now.timestamp():
            raise SignInRefused("the ID token is over")
        return claims

    async def _read(self, now: datetime) -> _Endpoints:
        """The provider's description and keys. Raises: Upstream, when none was ever read."""
        async with self._reading:
            endpoints = self._endpoints
            if endpoints is not None and now - endpoints.read_at < DISCOVERED_EVERY:
                return endpoints
            issuer = self._config.sign_in_issuer
            try:
                async with httpx.AsyncClient(timeout=self._config.upstream_timeout_seconds) as client:
                    described = (
                        (await client.get(f"{issuer}/.well-known/openid-configuration")).raise_for_status().json()
                    )
                    keys = (await client.get(described["jwks_uri"])).raise_for_status().json()
                if described["issuer"].rstrip("/") != issuer:
                    raise ValueError("it calls itself by another name")
                self._endpoints = _Endpoints(
                    described["authorization_endpoint"],
                    described["token_endpoint"],
                    described.get("end_session_endpoint", ""),
                    KeySet.import_key_set(keys),
                    now,
                )
            except (
                httpx.HTTPError,
                httpx.InvalidURL,
                JoseError,
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
            ) as failed:
                if endpoints is not None:
                    return endpoints
                raise Upstream(f"the identity provider's description: {failed!r}") from failed
            return self._endpoints


def _granted(token: Mapping[str, Any], now: datetime) -> Grant:
    lasts = token.get("expires_in")
    ends_at = now.timestamp() + lasts if isinstance(lasts, int | float) else 0
    return Grant(
        token["access_token"], str(token.get("refresh_token") or ""), str(token.get("id_token") or ""), ends_at
    )
