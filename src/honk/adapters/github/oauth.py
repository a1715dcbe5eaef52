"""A person lets the app act in their name: GitHub's web application flow, and what it gives.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx

from honk.domain.grant import Grant
from honk.domain.text import Secret
from honk.errors import ForgeRefused, Unreachable

_PATIENCE = 15.0
_AGAIN = "begin again: open /github/link of Honk's pages"
#: What GitHub says, and what it means for whoever sits before the page.
_SAID = {
    "bad_verification_code": ("the code is too old, or was used before", _AGAIN),
    "bad_refresh_token": ("GitHub takes the kept token no more", _AGAIN),
    "incorrect_client_credentials": (
        "GitHub does not know the client secret of the app",
        "make a new one on the app's page, and set GITHUB_APP_CLIENT_SECRET",
    ),
    "redirect_uri_mismatch": (
        "the app does not know the address of this Honk",
        "add <public_url>/github/callback under Callback URL on the app's page",
    ),
    "unverified_user_email": ("GitHub wants your mail address verified first", "https://github.com/settings/emails"),
}


@dataclass(frozen=True, kw_only=True)
class GithubOauth:
    """The app, as people meet it. Raises Unreachable and ForgeRefused."""

    client: httpx.AsyncClient
    web_url: str
    api_url: str
    client_id: str
    client_secret: Secret
    clock: Callable[[], datetime]

    def address(self, state: str, verifier: str, redirect: str) -> str:
        """Where the person agrees. The verifier stays here: only its digest goes along (RFC 7636)."""
        digest = hashlib.sha256(verifier.encode()).digest()
        asked = {
            "client_id": self.client_id,
            "redirect_uri": redirect,
            "state": state,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
            "allow_signup": "false",
        }
        return f"{self.web_url}/login/oauth/authorize?{urlencode(asked)}"

    async def exchange(self, code: str, verifier: str, redirect: str) -> Grant:
        """What the code that came back stands for."""
        return await self._grant({"code": code, "code_verifier": verifier, "redirect_uri": redirect})

    async def renew(self, refresh: Secret) -> Grant:
        """Another token. The one that was given is worth nothing from now on, and neither is the old access."""
        return await self._grant({"grant_type": "refresh_token", "refresh_token": refresh.reveal()})

    async def login(self, access: Secret) -> str:
        """Whose token it is."""
        headers = {"Authorization": f"Bearer {access.reveal()}", "Accept": "application/vnd.github+json"}
        answer = await self._ask("GET", f"{self.api_url}/user", headers=headers)
        found = _object(answer)
        if answer.status_code != 200 or not isinstance(found.get("login"), str):
            raise ForgeRefused(f"GitHub did not say whose token that is (status {answer.status_code})", _AGAIN)
        return str(found["login"])

    async def end(self, access: Secret) -> None:
        """The person's consent is taken back at GitHub too. Taken back already: no error."""
        answer = await self._ask(
            "DELETE",
            f"{self.api_url}/applications/{self.client_id}/grant",
            auth=httpx.BasicAuth(self.client_id, self.client_secret.reveal()),
            json={"access_token": access.reveal()},
            headers={"Accept": "application/vnd.github+json"},
        )
        if answer.status_code not in {204, 404, 422}:
            raise ForgeRefused(
                f"GitHub did not take the consent back (status {answer.status_code})",
                f"take it back there: {self.web_url}/settings/apps/authorizations",
            )

    async def _grant(self, asked: Mapping[str, str]) -> Grant:
        form = {"client_id": self.client_id, "client_secret": self.client_secret.reveal(), **asked}
        answer = await self._ask(
            "POST", f"{self.web_url}/login/oauth/access_token", data=form, headers={"Accept": "application/json"}
        )
        found = _object(answer)
        if error := found.get("error"):
            said, remedy = _SAID.get(str(error), (f"GitHub said {str(error)[:80]!r}", _AGAIN))
            raise ForgeRefused(said, remedy)
        if answer.status_code != 200 or not isinstance(found.get("access_token"), str):
            raise ForgeRefused(f"GitHub gave no token (status {answer.status_code})", _AGAIN)
        return Grant(
            access=Secret(found["access_token"]),
            refresh=Secret(str(found.get("refresh_token") or "")),
            until=self._in(found.get("expires_in")),
            refresh_until=self._in(found.get("refresh_token_expires_in")),
        )

    def _in(self, seconds: object) -> datetime | None:
        return self.clock() + timedelta(seconds=seconds) if isinstance(seconds, int) and seconds > 0 else None

    async def _ask(self, method: str, url: str, **more: Any) -> httpx.Response:
        try:
            answer = await self.client.request(method, url, timeout=_PATIENCE, follow_redirects=False, **more)
        except httpx.HTTPError as exc:
            raise Unreachable(f"{url.split('?')[0]} cannot be reached ({type(exc).__name__})", "try again") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unreachable(f"GitHub answers with {answer.status_code}", "try again in a minute")
        return answer


def _object(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
