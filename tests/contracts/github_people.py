"""A GitHub of the fake kind with people in it, who act over its API as people do; and Honk's app, installed there."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from honk.adapters.git.address import identify
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth, TokenAuth
from honk.adapters.github.own import Own
from honk.domain.repository import Repository, Sha
from honk.domain.text import Secret
from honk.testing.fake_github import PERMISSIONS, FakeGitHub
from partners import github_graphql, github_openapi

APP = "acme/app"
NOON = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


@dataclass
class Time:
    """A clock that moves when somebody sleeps, or when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **how: float) -> None:
        self.now += timedelta(**how)

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class People:
    """What a test needs to act there."""

    hub: FakeGitHub
    api: Api
    own: Own
    time: Time
    web: str
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def world(self) -> Any:
        return self.hub.world

    @property
    def repository(self) -> Repository:
        return identify(f"{self.web}/{APP}.git")

    async def act(self, by: str, method: str, path: str, body: Mapping[str, Any] | None = None, **params: str) -> Any:
        """As that person, in the repository acme/app; every act takes a second."""
        self.time.pass_(seconds=1)
        token = self.tokens.get(by) or self.tokens.setdefault(by, self.world.personal_token(by))
        async with httpx.AsyncClient(base_url=self.hub.url) as client:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.github+json"}
            answer = await client.request(method, f"/repos/{APP}{path}", json=body, params=params, headers=headers)
        assert answer.status_code < 400, f"{by} {method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def as_app(self, app: Any, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """As another app that is installed there."""
        name = f"{app.slug}[bot]"
        if name not in self.tokens:
            self.tokens[name] = self.world.installation_token(self.world.install(app, "acme")).value
        return await self.act(name, method, path, body)

    def commit(self, files: Mapping[str, str], *, branch: str = "") -> Sha:
        self.time.pass_(seconds=1)
        return Sha(self.world.commit(APP, files, branch=branch))


@asynccontextmanager
async def people(root: Path, *, personal: bool = False, without: str = "") -> AsyncIterator[People]:
    """acme/app with ada (admin), bob (write) and eve (nothing); Honk is there by its app, or by bob's token.

    The app has every permission but the one that is named `without`. What was asked is held against GitHub's own words.
    """
    time = Time()
    async with FakeGitHub(root, clock=time).serving() as hub:
        world = hub.world
        for login in ("ada", "bob", "eve"):
            world.user(login)
        repo = world.repository(APP, {"a.py": "".join(f"line {n}\n" for n in range(1, 21))})
        world.collaborate(repo, "ada", "admin")
        world.collaborate(repo, "bob", "write")
        app = world.app("honk")
        world.install(app, "acme", permissions={name: level for name, level in PERMISSIONS.items() if name != without})
        auth = (
            TokenAuth(token=Secret(world.personal_token("bob")))
            if personal
            else AppAuth(app_id=str(app.id), private_key=Secret(app.private_key))
        )
        async with Api(api_url=hub.url, web_url=world.web, auth=auth, clock=time, sleep=time.sleep) as api:
            yield People(hub=hub, api=api, own=Own(api), time=time, web=world.web)
            github_openapi.check_requests(world)
            if github_graphql.installed():
                github_graphql.check_queries(world)
