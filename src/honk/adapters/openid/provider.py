"""OpenID Connect: discovery, authorization code with PKCE, and an id_token that is checked.

https://openid.net/specs/openid-connect-core-1_0.html, sections 3.1.2 and 3.1.3.7; RFC 7636; RFC 9700.
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import jwt

from honk.adapters.openid.asking import Client, asked, digest_of, disbelieved, secure
from honk.domain.claimed import Claimed
from honk.domain.person import Identity, IdentityKind
from honk.domain.text import Secret
from honk.errors import NotAllowed, Unreachable
from honk.ports import Clock

#: What tells keys apart from whoever checks with them: no secret that both sides know, and never "none".
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: by how much the provider's clock may be off
_SKEW = timedelta(minutes=2)
#: for how long what the provider says of itself is taken as it was
_FRESH = timedelta(hours=1)
#: a key that is not known is looked for no oftener
_LOOK_AGAIN = timedelta(seconds=30)
_SLACK = "https://slack.com/"
_TRUE = (True, "true")


@dataclass(kw_only=True)
class OpenId:
    """Implements honk.ports.Provider."""

    #: its name in honk.toml
    name: str
    issuer: str
    client_id: str
    #: empty for a client that has none, which PKCE makes safe
    client_secret: Secret
    client: Client
    clock: Clock
    #: whether its users are users of Slack, whom the door there knows by the same ids
    slack: bool = False
    #: those from which it lets anybody in, where it is Slack; empty: from any
    workspaces: frozenset[str] = frozenset()
    #: whether its addresses are believed although it does not say that it has verified them
    mail_is_verified: bool = False
    _about: tuple[datetime, Mapping[str, Any]] | None = field(default=None, init=False)
    _keys: tuple[datetime, jwt.PyJWKSet] | None = field(default=None, init=False)

    async def address(self, *, state: str, nonce: str, verifier: str, redirect: str) -> str:
        async with self.client() as client:
            about = await self._discovered(client)
        to = secure(about.get("authorization_endpoint"))
        wanted = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": redirect,
            "scope": "openid profile email",
            "state": state,
            "nonce": nonce,
            "code_challenge": digest_of(verifier),
            "code_challenge_method": "S256",
        }
        if len(self.workspaces) == 1:
            wanted["team"] = next(iter(self.workspaces))
        return f"{to}{'&' if '?' in to else '?'}{urlencode(wanted)}"

    async def claimed(self, *, code: str, nonce: str, verifier: str, redirect: str) -> Claimed:
        async with self.client() as client:
            about = await self._discovered(client)
            answer = await self._exchanged(client, about, code, verifier, redirect)
            claims = await self._checked(client, about, str(answer.get("id_token") or ""))
            if not hmac.compare_digest(str(claims.get("nonce") or "").encode(), nonce.encode()):
                raise disbelieved("its token was made for somebody else's way here (nonce)")
            if "email" not in claims and about.get("userinfo_endpoint") and answer.get("access_token"):
                claims = {**await self._more(client, about, answer, str(claims["sub"])), **claims}
        return self._said(claims)

    # ── what the provider says of itself ───────────────────────────────────────────────────────
    async def _discovered(self, client: httpx.AsyncClient) -> Mapping[str, Any]:
        if self._about is not None and self.clock() - self._about[0] < _FRESH:
            return self._about[1]
        url = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        status, about = await asked(client, "GET", url)
        if status != 200 or not isinstance(about, dict):
            raise Unreachable(f"{url} does not say how to sign in (status {status})", "look at issuer in honk.toml")
        if about.get("issuer") != self.issuer:
            raise disbelieved(f"it calls itself {str(about.get('issuer'))[:200]!r}, and honk.toml {self.issuer!r}")
        self._about = (self.clock(), about)
        return about

    async def _key(self, client: httpx.AsyncClient, about: Mapping[str, Any], kid: str | None) -> jwt.PyJWK:
        """The key that signed. One that is not known may be new: it is looked for again, though not all the time."""
        now = self.clock()
        if self._keys is None or now - self._keys[0] >= _FRESH:
            self._keys = (now, await self._read_keys(client, about))
        found = _one(self._keys[1], kid)
        if found is None and now - self._keys[0] >= _LOOK_AGAIN:
            self._keys = (now, await self._read_keys(client, about))
            found = _one(self._keys[1], kid)
        if found is None:
            raise disbelieved("it is signed with a key that the provider does not list")
        return found

    async def _read_keys(self, client: httpx.AsyncClient, about: Mapping[str, Any]) -> jwt.PyJWKSet:
        status, found = await asked(client, "GET", secure(about.get("jwks_uri")))
        if status != 200 or not isinstance(found, dict):
            raise Unreachable(f"the provider does not list its keys (status {status})", "try again in a minute")
        try:
            return jwt.PyJWKSet.from_dict(found)
        except (jwt.PyJWTError, AttributeError, TypeError, ValueError):
            raise disbelieved("the keys that it lists are none") from None

    # ── what the code stands for ───────────────────────────────────────────────────────────────
    async def _exchanged(
        self, client: httpx.AsyncClient, about: Mapping[str, Any], code: str, verifier: str, redirect: str
    ) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect, "code_verifier": verifier}
        more: dict[str, Any] = {}
        methods = about.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        if not self.client_secret:
            form["client_id"] = self.client_id
        elif "client_secret_basic" in methods:  # RFC 6749, section 2.3.1, wants both encoded first
            more["auth"] = httpx.BasicAuth(quote(self.client_id, safe=""), quote(self.client_secret.reveal(), safe=""))
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret.reveal()}
        url = secure(about.get("token_endpoint"))
        status, found = await asked(client, "POST", url, data=form, headers={"Accept": "application/json"}, **more)
        if status != 200 or not isinstance(found, dict) or not found.get("id_token"):
            said = found.get("error") if isinstance(found, dict) else None
            raise NotAllowed(
                f"the provider takes the code no more: {str(said or status)[:80]}", "begin again; a code is good once"
            )
        return found

    async def _checked(self, client: httpx.AsyncClient, about: Mapping[str, Any], token: str) -> dict[str, Any]:
        try:
            header = jwt.get_unverified_header(token)
            algorithm = str(header.get("alg"))
            if algorithm not in _ALGORITHMS:
                raise disbelieved(f"it is signed by {algorithm[:20]!r}")
            kid = header.get("kid")
            key = await self._key(client, about, kid if isinstance(kid, str) else None)
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                # Times are checked below, against the one clock that Honk has.
                options={
                    "require": ["iss", "sub", "aud", "exp", "iat"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
                audience=self.client_id,
                issuer=self.issuer,
            )
        except jwt.PyJWTError as exc:
            raise disbelieved(_WRONG.get(type(exc), str(exc)[:200])) from None
        self._in_time(claims)
        for_others = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (for_others or "azp" in claims) and claims.get("azp") != self.client_id:
            raise disbelieved("its token is for another client (azp)")
        return claims

    def _in_time(self, claims: Mapping[str, Any]) -> None:
        now, skew = self.clock().timestamp(), _SKEW.total_seconds()
        try:
            ends, made, begins = float(claims["exp"]), float(claims["iat"]), float(claims.get("nbf", 0))
        except (TypeError, ValueError):
            raise disbelieved("its times are none") from None
        if ends + skew <= now:
            raise disbelieved("its token has expired; is the clock of this machine right?")
        if made - skew > now or begins - skew > now:
            raise disbelieved("its token is of a time to come; is the clock of this machine right?")

    async def _more(
        self, client: httpx.AsyncClient, about: Mapping[str, Any], answer: Mapping[str, Any], subject: str
    ) -> Mapping[str, Any]:
        """What some providers say only there; of somebody else it counts for nothing (section 5.3.2)."""
        headers = {"Authorization": f"Bearer {answer['access_token']}", "Accept": "application/json"}
        status, found = await asked(client, "GET", secure(about["userinfo_endpoint"]), headers=headers)
        return found if status == 200 and isinstance(found, dict) and found.get("sub") == subject else {}

    def _said(self, claims: Mapping[str, Any]) -> Claimed:
        found: list[Identity] = []
        # users of two workspaces may have the same id
        if self.workspaces and claims.get(f"{_SLACK}team_id") not in self.workspaces:
            raise NotAllowed(
                "Slack says that you are of another workspace", "choose the right one there, and try again"
            )
        if self.slack and (user := str(claims.get(f"{_SLACK}user_id") or claims["sub"])).isalnum():
            found.append(Identity(kind=IdentityKind.SLACK, value=user))
        mail = str(claims.get("email") or "").strip().lower()
        verified = claims.get("email_verified") in _TRUE or self.mail_is_verified
        if verified and mail.count("@") == 1 and mail.isprintable() and not mail.startswith("@"):
            found.append(Identity(kind=IdentityKind.MAIL, value=mail))
        if not self.slack:
            found.append(Identity(kind=IdentityKind.OIDC, value=f"{self.name}/{claims['sub']}"))
        if not found:
            raise disbelieved("it does not say who you are")
        organisations = {str(one) for one in (claims.get(f"{_SLACK}team_id"), claims.get("hd")) if one}
        if isinstance(groups := claims.get("groups"), list):
            organisations |= {one for one in groups if isinstance(one, str)}
        name = claims.get("name") or claims.get("preferred_username") or mail or claims["sub"]
        return Claimed(identities=tuple(found), name=str(name), organisations=frozenset(organisations))


_WRONG: Mapping[type[Exception], str] = {
    jwt.InvalidSignatureError: "its signature is wrong",
    jwt.InvalidAudienceError: "its token is for another client (aud)",
    jwt.InvalidIssuerError: "its token is of another provider (iss)",
}


def _one(keys: jwt.PyJWKSet, kid: str | None) -> jwt.PyJWK | None:
    """By its id; without one the only key there is."""
    usable = [one for one in keys.keys if one.public_key_use in (None, "sig") and one.key_type != "oct"]
    if kid is None:
        return usable[0] if len(usable) == 1 else None
    return next((one for one in usable if one.key_id == kid), None)
