"""An OpenID provider that behaves: it signs people in, and is strict with whoever asks it.

By https://openid.net/specs/openid-connect-core-1_0.html, https://openid.net/specs/openid-connect-discovery-1_0.html,
RFC 6749 and RFC 7636. It makes its tokens itself, with no library that reads them elsewhere.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import unquote, urlencode

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

Claims = dict[str, Any]
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def encoded(content: bytes) -> str:
    """Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Grant:
    """What a code stands for, until it is exchanged."""

    subject: str
    redirect: str
    challenge: str
    nonce: str
    until: datetime


@dataclass
class FakeOpenId:
    """Made by `serving()`. People sign in by `subject` in the query of the authorization endpoint."""

    client_id: str = "honk"
    client_secret: str = "a secret that both know"
    redirects: tuple[str, ...] = ()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    #: how the client says who it is: "basic", "post", or "none" for one without a secret
    auth: str = "basic"
    address: str = ""
    #: what it says of each of its users
    people: dict[str, Claims] = field(default_factory=dict)
    #: whether the token itself says so, or the userinfo endpoint alone
    in_token: bool = True
    keys: dict[str, Key] = field(default_factory=dict)
    #: changes what the next tokens say, and their header
    twisted: Callable[[Claims, dict[str, Any]], None] = lambda claims, header: None
    #: changes what it says of itself
    told: Claims = field(default_factory=dict)
    #: what was asked, by its path
    asked: list[str] = field(default_factory=list)
    _codes: dict[str, Grant] = field(default_factory=dict)
    _access: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.keys:
            self.new_key("first")

    def new_key(self, kid: str, *, elliptic: bool = False) -> None:
        """From now on tokens are signed with this one; those before are listed no more."""
        self.keys = {kid: ec.generate_private_key(ec.SECP256R1()) if elliptic else _rsa()}

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeOpenId"]:
        """On a free port of this machine."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_get("/userinfo", self._userinfo)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    def person(self, subject: str, **claims: object) -> None:
        """Somebody who can sign in."""
        self.people[subject] = claims

    # ── what it answers ────────────────────────────────────────────────────────────────────────
    async def _configuration(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        methods = {"basic": ["client_secret_basic"], "post": ["client_secret_post"], "none": ["none"]}[self.auth]
        about: Claims = {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "jwks_uri": f"{self.address}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "token_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256"],
        }
        return web.json_response(about | self.told)

    async def _keys(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"keys": [_public(kid, key) for kid, key in self.keys.items()]})

    async def _authorize(self, request: web.Request) -> web.Response:
        query = request.query
        if query.get("client_id") != self.client_id or query.get("redirect_uri") not in self.redirects:
            return web.Response(status=400, text="unknown client, or a redirect_uri that is not registered")
        if "openid" not in query.get("scope", "").split() or query.get("response_type") != "code":
            return self._away(query["redirect_uri"], error="invalid_request", state=query.get("state", ""))
        if query.get("code_challenge_method") != "S256" or len(query.get("code_challenge", "")) != 43:
            return self._away(query["redirect_uri"], error="invalid_request", state=query.get("state", ""))
        if query.get("subject") not in self.people:
            return self._away(query["redirect_uri"], error="access_denied", state=query.get("state", ""))
        code = secrets.token_urlsafe(16)
        self._codes[code] = Grant(
            subject=query["subject"],
            redirect=query["redirect_uri"],
            challenge=query["code_challenge"],
            nonce=query.get("nonce", ""),
            until=self.clock() + timedelta(minutes=1),
        )
        return self._away(query["redirect_uri"], code=code, state=query.get("state", ""))

    def _away(self, to: str, **said: str) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{to}?{urlencode(said)}"})

    async def _token(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not self._is_the_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        grant = self._codes.pop(form.get("code", ""), None)
        right = (
            grant is not None
            and form.get("grant_type") == "authorization_code"
            and form.get("redirect_uri") == grant.redirect
            and encoded(hashlib.sha256(form.get("code_verifier", "").encode()).digest()) == grant.challenge
            and self.clock() < grant.until
        )
        if grant is None or not right:
            return web.json_response({"error": "invalid_grant"}, status=400)
        access = secrets.token_urlsafe(16)
        self._access[access] = grant.subject
        return web.json_response(
            {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": self._id_token(grant)}
        )

    def _is_the_client(self, request: web.Request, form: Mapping[str, str]) -> bool:
        shown = request.headers.get("Authorization", "")
        if self.auth == "none":
            return form.get("client_id") == self.client_id and "client_secret" not in form and not shown
        if self.auth == "post":
            return (form.get("client_id"), form.get("client_secret")) == (self.client_id, self.client_secret)
        if not shown.startswith("Basic ") or "client_secret" in form:
            return False
        user, _, secret = base64.b64decode(shown[6:]).decode().partition(":")
        return (unquote(user), unquote(secret)) == (self.client_id, self.client_secret)

    async def _userinfo(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        subject = self._access.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if subject is None:
            return web.json_response({"error": "invalid_token"}, status=401)
        return web.json_response({"sub": subject, **self.people[subject]})

    # ── tokens ─────────────────────────────────────────────────────────────────────────────────
    def _id_token(self, grant: Grant) -> str:
        now = int(self.clock().timestamp())
        claims: Claims = {
            "iss": self.address,
            "aud": self.client_id,
            "sub": grant.subject,
            "iat": now,
            "exp": now + 300,
            "nonce": grant.nonce,
            **(self.people[grant.subject] if self.in_token else {}),
        }
        kid, key = next(iter(self.keys.items()))
        header: dict[str, Any] = {"alg": "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256", "kid": kid}
        self.twisted(claims, header)
        parts = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
        return f"{parts}.{encoded(_signed(key, parts.encode()))}"


@cache
def _rsa() -> rsa.RSAPrivateKey:
    """One for the whole process: making it takes longer than signing in."""
    return rsa.generate_private_key(65537, key_size=2048)


def _signed(key: Key, content: bytes) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), SHA256())
    r, s = decode_dss_signature(key.sign(content, ec.ECDSA(SHA256())))
    return r.to_bytes(32) + s.to_bytes(32)


def _public(kid: str, key: Key) -> Claims:
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        n, e = (encoded(one.to_bytes((one.bit_length() + 7) // 8)) for one in (numbers.n, numbers.e))
        return {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": n, "e": e}
    point = key.public_key().public_numbers()
    x, y = (encoded(one.to_bytes(32)) for one in (point.x, point.y))
    return {"kty": "EC", "use": "sig", "alg": "ES256", "kid": kid, "crv": "P-256", "x": x, "y": y}
