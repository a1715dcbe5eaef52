"""The fake GitHub with an app on an organization, and somebody who calls it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt

from honk.testing.fake_github import App, FakeGitHub, Installation, Repo
from partners.github_openapi import check_answers

CI = "name: CI\non:\n  push:\n  workflow_dispatch:\n    inputs:\n      target:\n        required: true\njobs: {}\n"
FILES = {"README.md": "# App\n", "a.txt": "1\n2\n3\n", ".github/workflows/ci.yml": CI}
P = "/repos/acme/app"


def assertion(app: App, **claims: Any) -> str:
    """A JWT of the app."""
    now = int(time.time())
    return jwt.encode({"iss": str(app.id), "iat": now - 30, "exp": now + 500, **claims}, app.private_key, "RS256")


@dataclass
class Answer:
    status: int
    json: Any
    headers: httpx.Headers
    text: str


@dataclass
class Hub:
    """`token` is the installation's."""

    fake: FakeGitHub
    app: App
    installation: Installation
    repo: Repo
    token: str
    http: httpx.AsyncClient

    async def call(self, method: str, path: str, body: Any = None, *, token: str | None = None, **more: Any) -> Answer:
        """One call, with the installation's token unless another is given ("" for none)."""
        token = self.token if token is None else token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        url = path if path.startswith("http") else self.fake.url + path
        got = await self.http.request(method, url, json=body, headers=headers | more.pop("headers", {}), **more)
        is_json = "json" in got.headers.get("content-type", "") and got.content
        return Answer(got.status_code, got.json() if is_json else None, got.headers, got.text)

    async def get(self, path: str, **more: Any) -> Any:
        """What a GET gives, which must be 200."""
        found = await self.call("GET", path, **more)
        assert found.status == 200, (path, found)
        return found.json

    async def post(self, path: str, body: Any = None, status: int = 201, **more: Any) -> Any:
        """What a POST gives."""
        found = await self.call("POST", path, body, **more)
        assert found.status == status, (path, found)
        return found.json

    async def refused(self, method: str, path: str, body: Any = None, **more: Any) -> tuple[int, str]:
        """Status and words of a refusal."""
        found = await self.call(method, path, body, **more)
        errors = [one.get("message", "") if isinstance(one, dict) else one for one in found.json.get("errors", [])]
        return found.status, " ".join([found.json["message"], *errors])

    async def graphql(self, query: str, token: str | None = None, **variables: Any) -> Any:
        """A GraphQL answer."""
        body = {"query": query, "variables": variables}
        return (await self.call("POST", self.fake.graphql, body, token=token)).json

    async def pull(self, branch: str = "honk/x", files: dict[str, str] | None = None, **more: Any) -> Any:
        """A pull request of one commit on a new branch."""
        self.fake.world.commit(self.repo, files or {"a.txt": "1\n2\n4\n"}, "Change a", branch=branch)
        return await self.post(f"{P}/pulls", {"title": "A change", "head": branch, "base": "main", **more})


@asynccontextmanager
async def hub_world(root: Path, **more: Any) -> AsyncIterator[Hub]:
    """The app has everything on `acme`; `ada` may write and `ben` read `acme/app`. Answers are checked at the end."""
    async with FakeGitHub(root / "hub", **more).serving() as fake, httpx.AsyncClient() as http:
        world = fake.world
        for login in ("ada", "ben", "eve"):
            world.user(login)
        app = world.app(callback_urls=["http://127.0.0.1:1/back"])
        repo = world.repository("acme/app", FILES)
        world.collaborate(repo, "ada", "write")
        world.collaborate(repo, "ben", "read")
        installation = world.install(app, "acme")
        token = world.installation_token(installation).value
        yield Hub(fake, app, installation, repo, token, http)
        check_answers(world)
