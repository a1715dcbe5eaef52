"""Signing in with GitHub, which has OAuth and no id_token: who it is, is asked of GitHub itself.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from honk.adapters.openid.asking import Client, asked, digest_of, disbelieved
from honk.domain.claimed import Claimed
from honk.domain.person import Identity, IdentityKind
from honk.domain.text import Secret
from honk.errors import NotAllowed


@dataclass(frozen=True, kw_only=True)
class GithubWay:
    """Implements honk.ports.Provider. No more is asked for than honk.toml needs."""

    client_id: str
    client_secret: Secret
    web_url: str
    api_url: str
    client: Client
    #: whether honk.toml lets people in by their mail
    mail: bool = False
    #: in which of these it lets people in
    organisations: frozenset[str] = frozenset()

    async def address(self, *, state: str, nonce: str, verifier: str, redirect: str) -> str:
        scopes = ["user:email"] * self.mail + ["read:org"] * bool(self.organisations)
        wanted = {
            "client_id": self.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": digest_of(verifier),
            "code_challenge_method": "S256",
            "allow_signup": "false",
        }
        return f"{self.web_url}/login/oauth/authorize?{urlencode(wanted)}"

    async def claimed(self, *, code: str, nonce: str, verifier: str, redirect: str) -> Claimed:
        async with self.client() as client:
            token = await self._token(client, code, verifier, redirect)
            user = await self._read(client, token, "/user")
            if not isinstance(user, dict) or not isinstance(user.get("login"), str) or not user["login"]:
                raise disbelieved("it does not say who you are")
            found = [Identity.parse(f"{IdentityKind.GITHUB}:{user['login']}")]
            if self.mail:
                found += await self._mail(client, token)
            member = {one for one in sorted(self.organisations) if await self._in(client, token, one, user["login"])}
        name = str(user.get("name") or user["login"])
        return Claimed(identities=tuple(found), name=name, organisations=frozenset(member))

    async def _token(self, client: httpx.AsyncClient, code: str, verifier: str, redirect: str) -> str:
        form = {
            "client_id": self.client_id,
            "client_secret": self.client_secret.reveal(),
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": redirect,
        }
        url, headers = f"{self.web_url}/login/oauth/access_token", {"Accept": "application/json"}
        status, found = await asked(client, "POST", url, data=form, headers=headers)
        token = found.get("access_token") if isinstance(found, dict) else None
        if status != 200 or not isinstance(token, str) or not token:
            said = found.get("error") if isinstance(found, dict) else None
            raise NotAllowed(f"GitHub takes the code no more: {str(said or status)[:80]}", "begin again")
        return token

    async def _mail(self, client: httpx.AsyncClient, token: str) -> list[Identity]:
        """The primary address, where GitHub has verified it."""
        found = await self._read(client, token, "/user/emails")
        listed = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        primary = [
            str(one.get("email")) for one in listed if one.get("primary") is True and one.get("verified") is True
        ]
        return [Identity.parse(f"{IdentityKind.MAIL}:{one}") for one in primary[:1]]

    async def _in(self, client: httpx.AsyncClient, token: str, organisation: str, login: str) -> bool:
        """Also where they do not show it; an invitation that was not accepted is no membership."""
        path = f"/orgs/{quote(organisation, safe='')}/members/{quote(login, safe='')}"
        status, _ = await self._ask(client, token, path)
        return status == 204

    async def _read(self, client: httpx.AsyncClient, token: str, path: str) -> Any:
        status, found = await self._ask(client, token, path)
        return found if status == 200 else None

    async def _ask(self, client: httpx.AsyncClient, token: str, path: str) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
        return await asked(client, "GET", f"{self.api_url.rstrip('/')}{path}", headers=headers)
