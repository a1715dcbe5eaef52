"""emulate's GitHub: REST, a GitHub App and webhooks on loopback, with a proxy before it that keeps what it is asked.

Its limits: no GraphQL, no rulesets, commit statuses, reactions or git over HTTP; the head of a pull request never
follows its branch; merges are refused with 422 alone; answers lack fields, and times have milliseconds; an unknown
token is the first user's. It knows each person of the seed by a token "token-<login>".

The proxy puts right what nothing could be tested without: a check run says which App made it, and the annotations of
one are a list (https://docs.github.com/en/rest/checks/runs). An update of a run still takes its annotations away.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import httpx
import uvicorn
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from starlette.applications import Starlette
from starlette.requests import Request as Incoming
from starlette.responses import Response
from starlette.routing import Route

from honk.domain.text import Secret
from honk.testing.fake_github import PERMISSIONS, Request
from partners import emulate, github_openapi

REPOSITORY = "acme/widgets"
APP_ID = 12345
SLUG = "honk"
PEOPLE = ("ada", "ben", "eve")
SECRET = Secret("it is a secret to everybody")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_HOP = frozenset({"host", "content-length", "connection", "transfer-encoding", "accept-encoding"})


@cache
def private_key() -> Secret:
    """In PKCS#1, as GitHub makes those of Apps."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return Secret(key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode())


def seed(webhook_url: str, permissions: Mapping[str, str]) -> dict[str, Any]:
    """The organisation acme with its private repository, and the App with one installation there."""
    installation = {"installation_id": 100, "account": "acme", "repository_selection": "all"}
    app: dict[str, Any] = {
        "app_id": APP_ID,
        "slug": SLUG,
        "name": "Honk",
        "private_key": private_key().reveal(),
        "permissions": dict(permissions),
        "events": ["*"],
        "installations": [installation],
    }
    if webhook_url:
        app |= {"webhook_url": webhook_url, "webhook_secret": SECRET.reveal()}
    return {
        "tokens": {f"token-{one}": {"login": one, "scopes": ["repo", "user"]} for one in PEOPLE},
        "github": {
            "users": [{"login": one, "name": one.capitalize()} for one in PEOPLE],
            "orgs": [{"login": "acme", "members": [{"login": "ada", "role": "admin"}, {"login": "ben"}]}],
            "repos": [
                {"owner": "acme", "name": "widgets", "private": True, "auto_init": True, "default_branch": "main"},
                {"owner": "acme", "name": "other", "private": True, "auto_init": True, "default_branch": "main"},
            ],
            "apps": [app],
        },
    }


@dataclass(kw_only=True)
class EmulatedGitHub:
    """Its API and its pages are at `url`; what went through there is in `requests`."""

    url: str
    #: without the proxy, for people
    direct: httpx.AsyncClient
    requests: list[Request] = field(default_factory=list)
    #: of the next request for which it holds the answer is lost on its way
    loses: Callable[[Request], bool] | None = None
    #: what is sent in place of a body, by method and path
    changes: Callable[[str, str, Any], Any] = lambda method, path, body: body
    #: what is answered where emulate has nothing, by the end of the path
    gaps: dict[str, Any] = field(default_factory=dict)
    #: check runs that the App made
    own_runs: set[int] = field(default_factory=set)

    async def by(self, login: str, method: str, path: str, body: object = None, *, status: int = 0) -> Any:
        """Somebody does that; the answer's JSON."""
        headers = {"Authorization": f"Bearer token-{login}"}
        answer = await self.direct.request(method, path, json=body, headers=headers)
        assert answer.status_code == status if status else answer.is_success, (answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def asked(self, method: str, path: str) -> list[Request]:
        """Requests whose path ends like that."""
        return [one for one in self.requests if one.method == method and one.path.endswith(path)]

    def faults(self) -> list[str]:
        """Every request that GitHub does not document."""
        return [fault for one in self.requests for fault in github_openapi.request_faults(one)]

    async def take(self, incoming: Incoming) -> Response:
        """Passes it on, and keeps both sides of what is asked of the API."""
        raw = await incoming.body()
        path, sent = incoming.url.path, json.loads(raw) if raw.startswith(b"{") else None
        body = self.changes(incoming.method, path, sent)
        headers = {name: value for name, value in incoming.headers.items() if name not in _HOP}
        answer = await self.direct.request(
            incoming.method,
            f"{path}?{incoming.url.query}" if incoming.url.query else path,
            content=raw if body == sent else json.dumps(body).encode(),
            headers=headers,
        )
        status, said = self._mended(incoming, answer)
        kept = Request(
            method=incoming.method,
            path=path,
            route=route_of(path),
            query=dict(incoming.query_params),
            headers=headers,
            body=body,
            status=status,
            answer=said,
            kind="",
            at=datetime.now(UTC),
        )
        if ".git/" not in path:
            self.requests.append(kept)
        if self.loses is not None and self.loses(kept):
            self.loses = None
            return Response(status_code=502)
        passed = {name: value for name, value in answer.headers.items() if name not in _HOP | {"content-encoding"}}
        return Response(answer.content if said is None else json.dumps(said).encode(), status, passed)

    def _mended(self, incoming: Incoming, answer: httpx.Response) -> tuple[int, Any]:
        said, path = _json(answer), incoming.url.path
        if answer.status_code == 404 and incoming.method == "GET":
            for end, there in self.gaps.items():
                if path.endswith(end):
                    return 200, there
        if path.endswith("/annotations") and answer.is_success:
            return answer.status_code, said["check_annotations"]
        by_app = incoming.headers.get("authorization", "").startswith("Bearer ghs_")
        if answer.status_code == 201 and path.endswith("/check-runs") and by_app:
            self.own_runs.add(said["id"])
        if "/check-runs" in path and answer.is_success:
            for run in said.get("check_runs", [said]):
                run["app"] = {"slug": SLUG, "name": "Honk"} if run["id"] in self.own_runs else None
        return answer.status_code, said


def route_of(path: str) -> str:
    """The path of GitHub's description that it is of; "" for none."""
    return next((route for pattern, route in _routes() if pattern.fullmatch(path)), "")


@cache
def _routes() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The most exact first. A ref and a file's path have slashes in them."""
    found = []
    for route in sorted(github_openapi.paths(), key=lambda one: (one.count("{}"), -len(one))):
        last = ".+" if re.search(r"/(git/refs?|git/matching-refs|contents|compare)/\{\}$", route) else "[^/]+"
        head, _, tail = route.rpartition("{}")
        pattern = "[^/]+".join(map(re.escape, head.split("{}"))) + (last if head else "") + re.escape(tail)
        found.append((re.compile(pattern), route))
    found.append((re.compile("/graphql"), "/graphql"))
    return tuple(found)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The address on loopback where the application answers."""
    config = uvicorn.Config(
        app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1, date_header=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    try:
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def emulated_github(
    *, webhook_url: str = "", granted: Mapping[str, str] | None = None
) -> AsyncIterator[EmulatedGitHub]:
    """It delivers its webhooks to that URL; the App has every permission but what is `granted` at another level."""
    permissions = {**PERMISSIONS, **(granted or {})}
    async with httpx.AsyncClient() as direct:
        hub = EmulatedGitHub(url="", direct=direct)
        proxy = Starlette(routes=[Route("/{path:path}", hub.take, methods=_METHODS)])
        async with (
            served(proxy) as url,
            emulate.running("github", seed(webhook_url, permissions), advertised=url) as at,
        ):
            hub.url, direct.base_url = url, httpx.URL(at)
            yield hub
