"""Single questions to GitHub for who sets Honk up: the answer with all that it says, without a second try."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from honk.adapters.github.app_key import signed
from honk.domain.text import Secret, shortened, visible
from honk.errors import Unreachable
from honk.settings import Settings

_PATIENCE = 15.0
#: an answer larger than this is not one of those that are asked for here
_LIMIT = 5_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One answer."""

    status: int
    json: Any
    headers: Mapping[str, str]

    @property
    def said(self) -> str:
        """GitHub's own words, where it refused."""
        words = self.json.get("message", "") if isinstance(self.json, dict) else ""
        return shortened(visible(str(words)), 200)

    @property
    def of(self) -> dict[str, Any]:
        """The object that it is, or an empty one."""
        return self.json if isinstance(self.json, dict) else {}

    @property
    def each(self) -> list[dict[str, Any]]:
        """The list of objects that it is, or an empty one."""
        return [one for one in self.json if isinstance(one, dict)] if isinstance(self.json, list) else []

    @property
    def ahead(self) -> float | None:
        """By how many seconds GitHub's clock goes before this machine's; None where it does not say."""
        try:
            return (parsedate_to_datetime(self.headers["date"]) - datetime.now(UTC)).total_seconds()
        except (KeyError, ValueError, TypeError):
            return None


class Asking:
    """The API of the settings. Raises Unreachable where nobody answers."""

    def __init__(self, client: httpx.AsyncClient, settings: Settings) -> None:
        self._client = client
        self._access = settings.github
        self.api = settings.file.github.api

    async def ask(
        self, method: str, path: str, *, token: Secret | None = None, body: object = None, **params: str | int
    ) -> Told:
        headers = {"Accept": "application/vnd.github+json", "User-Agent": "honk"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token.reveal()}"
        try:
            answer = await self._client.request(
                method, f"{self.api}{path}", headers=headers, params=params, json=body, follow_redirects=False
            )
        except httpx.HTTPError as exc:
            raise Unreachable(f"{self.api} cannot be reached ({type(exc).__name__})", "see [github] api_url") from None
        try:
            found = answer.json() if len(answer.content) <= _LIMIT else None
        except ValueError:
            found = None
        return Told(status=answer.status_code, json=found, headers=answer.headers)

    async def as_app(self, method: str, path: str, body: object = None, **params: str | int) -> Told:
        return await self.ask(method, path, token=self._signed(), body=body, **params)

    def _signed(self) -> Secret:
        return signed(self._access.app_id, self._access.private_key, datetime.now(UTC))


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[Asking]:
    """While the context is open."""
    async with httpx.AsyncClient(timeout=_PATIENCE) as client:
        yield Asking(client, settings)
