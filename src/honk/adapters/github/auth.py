"""As whom Honk speaks to GitHub: as a GitHub App, or with the token of one person who is trying it."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Protocol

import anyio
import structlog

from honk.adapters.github.app_key import signed
from honk.adapters.github.calling import Calls, Moved
from honk.adapters.github.pacing import skew
from honk.adapters.github.permissions import Purpose
from honk.adapters.github.trouble import GithubRefused, NotGranted, refused, words
from honk.adapters.github.wire import Answer, Request
from honk.domain.text import Secret
from honk.errors import HonkError, RepositoryUnusable

_log = structlog.get_logger()

APP_LANE = "app"
#: A token that is nearer to its end is not given out.
_MARGIN = timedelta(minutes=5)
#: GitHub's tokens last an hour; where it says no time that can be read, they are taken for shorter.
_UNKNOWN_LIFE = timedelta(minutes=15)


@dataclass(frozen=True, kw_only=True, slots=True)
class AppAuth:
    """A GitHub App. `app_id` may be its client id too."""

    app_id: str
    #: PEM
    private_key: Secret


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenAuth:
    """A personal access token, used as it is."""

    token: Secret


Auth = AppAuth | TokenAuth


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A token, and the account whose limits it counts against."""

    token: Secret
    lane: str
    #: by our clock; None for one that Honk did not mint
    until: datetime | None = None


class Tokens(Protocol):
    """Tokens for requests. Raises RepositoryUnusable, NotGranted, Unreachable, RateLimited."""

    async def held(self, full_name: str, purpose: Purpose) -> Held:
        """For the repository "owner/name"; for "" one that reads what everybody may read."""

    async def fresh(self, full_name: str, purpose: Purpose) -> Held:
        """One that nobody else uses, and that `revoked` ends."""

    async def revoked(self, token: Secret) -> None:
        """Ends a fresh one. Failing at it is no error: it ends by itself."""

    async def as_app(self) -> Held | None:
        """For the App's own paths; None for a personal token."""

    async def renewed(self, full_name: str, *, rejected: bool) -> bool:
        """Looks again at what Honk has been granted: GitHub did not take the token, or not for this.

        Whether another token may help. Raises RepositoryUnusable where Honk was let out of the repository.
        """


class PersonalTokens:
    """One token for everything."""

    def __init__(self, auth: TokenAuth) -> None:
        self._held = Held(token=auth.token, lane=lane_of(auth.token))

    async def held(self, full_name: str, purpose: Purpose) -> Held:
        return self._held

    async def fresh(self, full_name: str, purpose: Purpose) -> Held:
        return self._held

    async def revoked(self, token: Secret) -> None:
        return

    async def as_app(self) -> Held | None:
        return None

    async def renewed(self, full_name: str, *, rejected: bool) -> bool:
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Installation:
    id: int
    account: str
    permissions: Mapping[str, str]
    #: the repository's, where GitHub said it
    repository_id: int | None = None


@dataclass
class _Known:
    """What is remembered, by the repository's name in lower case."""

    installations: dict[str, _Installation] = field(default_factory=dict)
    tokens: dict[tuple[str, str], Held] = field(default_factory=dict)
    slug: str = ""
    ahead: timedelta = timedelta()


class AppTokens:
    """Installation tokens, each for one repository and one purpose.

    https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
    """

    def __init__(self, auth: AppAuth, calls: Calls, web_url: str) -> None:
        self._auth = auth
        self._calls = calls
        self._web_url = web_url
        self._known = _Known()
        self._minting = anyio.Lock()

    async def held(self, full_name: str, purpose: Purpose) -> Held:
        key = (full_name.casefold(), purpose.name)
        if (held := self._live(key)) is not None:
            return held
        async with self._minting:
            if (held := self._live(key)) is None:
                held = await self.fresh(full_name, purpose)
                for one in [one for one in self._known.tokens if self._live(one) is None]:
                    del self._known.tokens[one]
                self._known.tokens[key] = held
        return held

    async def fresh(self, full_name: str, purpose: Purpose) -> Held:
        known = full_name.casefold() in self._known.installations
        try:
            return await self._minted(full_name, await self._installation(full_name), purpose)
        except (GithubRefused, RepositoryUnusable):
            if not known:
                raise
        # What was known of it may have changed: removed and installed again, moved, given other permissions.
        self._known.installations.pop(full_name.casefold(), None)
        return await self._minted(full_name, await self._installation(full_name), purpose)

    async def revoked(self, token: Secret) -> None:
        try:
            request = Request(method="DELETE", path="/installation/token")
            await self._calls.call(request, token=token, lane=lane_of(token))
        except HonkError as error:
            _log.warning(
                "a token could not be revoked; it ends by itself", name="github.unrevoked", reason=error.message
            )

    async def as_app(self) -> Held | None:
        return Held(token=self._signed(), lane=APP_LANE)

    async def renewed(self, full_name: str, *, rejected: bool) -> bool:
        key = full_name.casefold()
        before = self._known.installations.pop(key, None)
        try:
            useless = rejected or before != await self._installation(full_name)
        except RepositoryUnusable:
            self._forget(key)
            raise
        if useless:
            self._forget(key)
        return useless

    def _forget(self, key: str) -> None:
        for one in [one for one in self._known.tokens if one[0] == key]:
            del self._known.tokens[one]

    def _live(self, key: tuple[str, str]) -> Held | None:
        held = self._known.tokens.get(key)
        return held if held is not None and held.until and held.until - _MARGIN > self._calls.clock() else None

    async def _installation(self, full_name: str) -> _Installation:
        key = full_name.casefold()
        if key in self._known.installations:
            return self._known.installations[key]
        ids: list[int] = []

        async def moved(_: str, to: str) -> None:
            found = to.split("/repositories/", 1)[-1].split("/", 1)[0]
            ids.extend([int(found)] if found.isdigit() else [])

        if full_name:
            answer = await self._ask(Request(method="GET", path=f"/repos/{full_name}/installation"), moved)
        else:
            answer = await self._ask(Request(method="GET", path="/app/installations", params={"per_page": 1}), None)
        if answer.status in {404, 301} or (not full_name and answer.json == []):
            raise await self._not_installed(full_name)
        found = answer.json if full_name else answer.json[0]
        installation = _read(found, full_name, ids[0] if ids else None)
        self._known.installations[key] = installation
        return installation

    async def _minted(self, full_name: str, installation: _Installation, purpose: Purpose) -> Held:
        if missing := purpose.missing(installation.permissions):
            self._known.installations.pop(full_name.casefold(), None)
            raise NotGranted(
                403,
                missing,
                (),
                f"the GitHub App was not granted {missing} on {full_name or installation.account}",
                "add it to the App's permissions, and accept the change where the App is installed",
            )
        asked: dict[str, Any] = {"permissions": purpose.within(installation.permissions)}
        if installation.repository_id is not None:
            asked["repository_ids"] = [installation.repository_id]
        elif full_name:
            asked["repositories"] = [full_name.partition("/")[2]]
        path = f"/app/installations/{installation.id}/access_tokens"
        answer = await self._ask(Request(method="POST", path=path, body=asked), None)
        token = answer.json.get("token") if isinstance(answer.json, dict) else None
        if answer.status != HTTPStatus.CREATED or not isinstance(token, str):
            raise self._unminted(full_name, answer)
        until = _expiry(answer, self._calls.clock())
        return Held(token=Secret(token), lane=f"installation/{installation.id}", until=until)

    async def _ask(self, request: Request, moved: Moved | None) -> Answer:
        """As the App. A clock that is wrong here is set by GitHub's, since a JWT is judged by that one."""
        answer = await self._calls.call(request, token=self._signed(), lane=APP_LANE, moved=moved)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            ahead = skew(answer.headers, self._calls.clock())
            if abs(ahead - self._known.ahead) > timedelta(seconds=20):
                self._known.ahead = ahead
                answer = await self._calls.call(request, token=self._signed(), lane=APP_LANE, moved=moved)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            raise GithubRefused(
                401,
                *words(answer.json),
                f"GitHub does not accept the key of the App {self._auth.app_id}: {words(answer.json)[0]}",
                "check the App's id and private key, and this machine's clock",
            )
        return answer

    def _signed(self) -> Secret:
        return signed(self._auth.app_id, self._auth.private_key, self._calls.clock() + self._known.ahead)

    async def _not_installed(self, full_name: str) -> RepositoryUnusable:
        if not self._known.slug:
            answer = await self._ask(Request(method="GET", path="/app"), None)
            self._known.slug = str(answer.json.get("slug") or "") if isinstance(answer.json, dict) else ""
        at = f" at {self._web_url}/apps/{self._known.slug}/installations/new" if self._known.slug else ""
        if not full_name:
            return RepositoryUnusable("the GitHub App is installed nowhere", f"install it{at}")
        return RepositoryUnusable(
            f"the GitHub App is not installed on {full_name}, or there is no such repository",
            f"install it{at}, for that repository too",
        )

    def _unminted(self, full_name: str, answer: Answer) -> HonkError:
        said, _ = words(answer.json)
        if "suspended" in said.lower():
            return _suspended(full_name, "")
        if answer.status in {403, 404, 422}:
            return RepositoryUnusable(
                f"GitHub gives Honk no token for {full_name or 'the App'}: {said or answer.status}",
                "look at the App's installation: its repositories, its permissions, and changes that wait there",
            )
        return refused("a token", answer.status, answer.json, answer.headers, whose=full_name, web_url=self._web_url)


def lane_of(token: Secret) -> str:
    """Names a token's limits without showing it."""
    return f"token/{hashlib.sha256(token.reveal().encode()).hexdigest()[:12]}"


def _read(found: Any, full_name: str, repository_id: int | None) -> _Installation:
    """GitHub's installation object. Raises RepositoryUnusable for one that is suspended."""
    if not isinstance(found, dict) or not isinstance(found.get("id"), int):
        raise RepositoryUnusable(f"GitHub says nothing of the App's installation on {full_name}", "try again later")
    account = found.get("account")
    login = str(account.get("login", "")) if isinstance(account, dict) else ""
    if found.get("suspended_at"):
        by = found.get("suspended_by")
        raise _suspended(full_name or login, str(by.get("login", "")) if isinstance(by, dict) else "")
    given = found.get("permissions")
    permissions = {str(name): str(level) for name, level in given.items()} if isinstance(given, dict) else {}
    return _Installation(id=found["id"], account=login, permissions=permissions, repository_id=repository_id)


def _suspended(whose: str, by: str) -> RepositoryUnusable:
    who = f" by {by}" if by else ""
    return RepositoryUnusable(
        f"the GitHub App's installation for {whose} is suspended{who}",
        "an owner of the account can unsuspend it in the installation's settings on GitHub",
    )


def _expiry(answer: Answer, now: datetime) -> datetime:
    """By our clock."""
    try:
        at = datetime.fromisoformat(str(answer.json["expires_at"]))
    except (KeyError, ValueError):
        return now + _UNKNOWN_LIFE
    return (at if at.tzinfo else at.replace(tzinfo=UTC)) - skew(answer.headers, now)
