"""An OpenID Connect provider for tests: it asks nobody for a password, and checks what a real one checks."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from lernbatch.clock import Clock
from tests.people import Person

CLIENT, SECRET = "lernbatch-console", "a secret of the console"
ACCESS_SECONDS = 300


@dataclass
class StandIn:
    """The provider. `person`: who is signed in there; `spoil`: changes the claims of the next ID tokens.

    `asked`: the queries of authorization; `refreshed`: how often tokens were renewed; `refuses_refresh`: it does.
    """

    clock: Clock
    person: Person
    url: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048))
    spoil: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    refreshed: int = 0
    refuses_refresh: bool = False
    signed_out: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)
    _refresh_tokens: set[str] = field(default_factory=set)

    def publish(self, folder: Path) -> None:
        """Its public key, where the API looks for it."""
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / self.key.thumbprint()
        file.write_bytes(self.key.as_pem(private=False))
        file.chmod(0o644)

    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/realms/learn/.well-known/openid-configuration", self._describe),
                Route("/realms/learn/keys", self._keys),
                Route("/realms/learn/authorize", self._authorize),
                Route("/realms/learn/token", self._token, methods=["POST"]),
                Route("/realms/learn/end", self._end),
            ]
        )

    @property
    def issuer(self) -> str:
        return f"{self.url}/realms/learn"

    async def _describe(self, _: Request) -> Response:
        places = {"authorization": "authorize", "token": "token", "end_session": "end"}
        described = {f"{name}_endpoint": f"{self.issuer}/{path}" for name, path in places.items()}
        return JSONResponse({"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **described})

    async def _keys(self, _: Request) -> Response:
        return JSONResponse({"keys": [{**self.key.as_dict(private=False), "kid": self.key.thumbprint()}]})

    async def _authorize(self, request: Request) -> Response:
        query = dict(request.query_params)
        self.asked.append(query)
        code = secrets.token_urlsafe()
        self._codes[code] = query
        return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 302)

    async def _token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return JSONResponse({"error": "invalid_client"}, 401)
        if form.get("grant_type") == "refresh_token":
            if self.refuses_refresh or form["refresh_token"] not in self._refresh_tokens:
                return JSONResponse({"error": "invalid_grant"}, 400)
            self._refresh_tokens.discard(form["refresh_token"])
            self.refreshed += 1
            return JSONResponse(self._tokens(""))
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if asked is None or asked["code_challenge"] != challenge.decode().rstrip("="):
            return JSONResponse({"error": "invalid_grant"}, 400)
        if asked["redirect_uri"] != form.get("redirect_uri"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        return JSONResponse(self._tokens(asked["nonce"]))

    async def _end(self, request: Request) -> Response:
        self.signed_out.append(dict(request.query_params))
        return PlainTextResponse("signed out")

    def _tokens(self, nonce: str) -> dict[str, Any]:
        now, person = int(self.clock.now().timestamp()), self.person
        common = {"iss": self.issuer, "iat": now, "exp": now + ACCESS_SECONDS}
        access = {
            **common,
            "sub": f"f:platform:{person.user_id}",
            "typ": "Bearer",
            "roles": [{"role": role, "scope": [{"organisationId": person.org_id}]} for role in person.roles],
        }
        name = f"{person.first_name} {person.last_name}"
        identity = {**common, "sub": person.user_id, "aud": CLIENT, "nonce": nonce, "name": name, **self.spoil}
        refresh_token = secrets.token_urlsafe()
        self._refresh_tokens.add(refresh_token)
        return {
            "access_token": self._signed(access),
            "id_token": self._signed(identity),
            "refresh_token": refresh_token,
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
        }

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.thumbprint()}, claims, self.key)
