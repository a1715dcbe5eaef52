"""The fake GitHub on loopback: API, GraphQL, the pages of the web flows, and git."""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from honk.testing.fake_github import (
    access,
    api_actions,
    api_apps,
    api_checks,
    api_deployments,
    api_git,
    api_issues,
    api_pulls,
    api_repos,
    api_reviews,
    graphql,
    smart_http,
    web_flows,
)
from honk.testing.fake_github.bare import GitFailed
from honk.testing.fake_github.heads import settle
from honk.testing.fake_github.limits import Trouble
from honk.testing.fake_github.machines import Machines
from honk.testing.fake_github.people import People
from honk.testing.fake_github.records import Repo
from honk.testing.fake_github.wire import DOCS, Call, Refused, Reply, Route, Who, absent, cut
from honk.testing.fake_github.world import Request, World

_MODULES = (
    api_apps,
    api_actions,
    api_checks,
    api_deployments,
    api_git,
    api_issues,
    api_reviews,
    api_pulls,
    api_repos,
)
ROUTES = [
    *(one for module in _MODULES for one in module.ROUTES),
    *api_repos.LAST,
    Route("POST", "/graphql", graphql.serve, harmless=True),
]
_COMPILED = [(one, one.regex()) for one in ROUTES]
#: headers whose values are not kept
_SECRET = ("authorization", "cookie", "proxy-authorization")
_NO_AGENT = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header"
_SECRET_FIELDS = ("client_secret", "refresh_token", "access_token", "code", "secret")


class FakeGitHub:
    """GitHub with one server; `root` gets the repositories. `enterprise` is a version such as "3.17.0"."""

    def __init__(
        self,
        root: Path,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        enterprise: str = "",
        prefix: str = "/api/v3",
        port: int = 0,
    ) -> None:
        self.world = World(root, clock=clock, enterprise=enterprise)
        #: what people do on the pages
        self.people = People(self.world)
        #: what GitHub Actions and others who deploy do
        self.machines = Machines(self.world)
        self.prefix = prefix
        self.web = ""
        self._port = port

    @property
    def url(self) -> str:
        """Base of the REST API; GraphQL is beside it, as on a GitHub Enterprise Server."""
        return f"{self.web}{self.prefix}"

    @property
    def graphql(self) -> str:
        """Address of the GraphQL API."""
        return f"{self.web}/api/graphql" if self.prefix else f"{self.web}/graphql"

    @property
    def git(self) -> str:
        """Base of the addresses of repositories: `{git}/owner/name.git`."""
        return self.web

    def clone_url(self, repo: Repo) -> str:
        """What git clones."""
        return f"{self.git}/{repo.full_name}.git"

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serves on loopback while the context is open."""
        routes = web.Application(client_max_size=1 << 30)
        routes.router.add_route("*", "/_blobs/{name}", self._blob)
        for method, path, handler in web_flows.ROUTES:
            routes.router.add_route(method, path, self._flow(handler))
        routes.router.add_route("*", "/{owner}/{repo:[^/]+?}.git/{rest:.+}", self._git)
        for rest in ("info/refs", "git-upload-pack", "git-receive-pack"):  # git may leave ".git" out, too
            routes.router.add_route("*", f"/{{owner}}/{{repo}}/{{rest:{rest}}}", self._git)
        routes.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(routes, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._port).start()
        self.web = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self.world.url, self.world.web = self.url, self.web
        await self.world.hooks.open()
        try:
            yield self
        finally:
            for one in self.world.limits.troubles:
                if one.gate is not None:
                    one.gate.set()
            await self.world.hooks.close()
            await runner.cleanup()

    # the API

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        for route, pattern in _COMPILED:
            if route.method == method and (found := pattern.match(path)):
                return route, found.groupdict()
        return None

    def _api_path(self, raw: str) -> str:
        for prefix in (self.prefix, "/api"):
            if prefix and raw.startswith(f"{prefix}/"):
                return raw[len(prefix) :]
        return raw

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = self._api_path(request.path)
        trouble = self.world.limits.next(request.method, path)
        body = await self._body(request)
        if trouble is not None:
            met = await self._trouble(request, trouble, path, body)
            if met is not None:
                return met
        reply, who, route = self._answer(request, path, body)
        response = self._respond(request, reply, who, path, body, route)
        if trouble is not None and trouble.cut == "after":
            self._cut(request)
        return response

    async def _body(self, request: web.Request) -> Any:
        raw = await request.read()
        if not raw:
            return None
        try:
            return json.loads(raw)
        except ValueError:
            return Refused(400, "Problems parsing JSON")

    async def _trouble(self, request: web.Request, met: Trouble, path: str, body: Any) -> web.Response | None:
        if met.gate is not None:
            await met.gate.wait()
        if met.act is not None:
            met.act()
        if met.cut == "before":
            self._cut(request)
            self._record(request, path, "", body, 0, None, "")
            return web.Response()
        if not met.status or met.cut == "after":
            return None
        content = met.body if met.body is not None else {"message": "Server Error"}
        self._record(request, path, "", body, met.status, content, "")
        return web.json_response(content, status=met.status, headers=met.headers)

    def _cut(self, request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()

    def _answer(self, request: web.Request, path: str, body: Any) -> tuple[Reply, Who, str]:
        who, route = Who("anonymous"), ""
        try:
            if "User-Agent" not in request.headers:
                self.world.faults.append(f"{request.method} {path}: no User-Agent")
                raise Refused(
                    403,
                    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header",
                )
            who = access.identify(self.world, request.headers.get("Authorization", ""))
            moved = self._by_id(path)
            found = self._route(request.method, moved)
            if found is None:
                self.world.faults.append(f"{request.method} {path}: no such endpoint")
                raise absent()
            route = found[0].pattern
            if isinstance(body, Refused):
                raise body
            return self._limited(request, who) or self._call(request, moved, found, who, body), who, route
        except Refused as refused:
            return Reply(refused.status, refused.body(), refused.headers), who, route
        except GitFailed as failed:
            self.world.faults.append(f"{request.method} {path}: the fake failed: {failed}")
            return Reply(500, {"message": "Server Error"}), who, route

    def _limited(self, request: web.Request, who: Who) -> Reply | None:
        said, over = self.world.limits.headers(who, counts=False)
        if not over or request.path.endswith("/rate_limit"):
            return None
        name = who.account.login if who.account else "127.0.0.1"
        return Reply(403, {"message": f"API rate limit exceeded for {name}.", "documentation_url": DOCS}, said)

    def _by_id(self, path: str) -> str:
        """/repositories/{id}/… is the same as /repos/{owner}/{repo}/…"""
        words = path.split("/", 3)
        if len(words) < 3 or words[1] != "repositories" or not words[2].isdigit():
            return path
        repo = self.world.repos.get(int(words[2]))
        if repo is None:
            raise absent()
        return f"/repos/{repo.full_name}" + (f"/{words[3]}" if len(words) > 3 else "")

    def _call(self, request: web.Request, path: str, found: tuple[Route, dict[str, str]], who: Who, body: Any) -> Reply:
        route, params = found
        query = dict(request.query)
        call = Call(self.world, request.method, path, params, query, body, who, request.headers)
        if "repo" in params and "owner" in params:
            call.found = self._repository(call, path, route)
        if call.found is not None and who.kind != "app":
            self._only(route, who)
            access.check(self.world, who, call.found, route)
            settle(self.world, call.found)
        else:
            self._only(route, who)
        return route.handler(call)

    def _only(self, route: Route, who: Who) -> None:
        if not route.only or who.kind in route.only:
            return
        if who.kind == "anonymous":
            raise Refused(401, "Requires authentication")
        if route.only == ("app",):
            raise Refused(401, "A JSON web token could not be decoded")
        if who.kind == "app":
            raise Refused(401, "Bad credentials")
        if "installation" in route.only:
            raise Refused(403, "You must authenticate via a GitHub App.")
        raise Refused(403, "Resource not accessible by integration")

    def _repository(self, call: Call, path: str, route: Route) -> Repo:
        name = f"{call.params['owner']}/{call.params['repo']}"
        found = smart_http.find(self.world, name)
        if found is None or (call.who.kind == "app" and route.only != ("app",)):
            raise absent()
        if found.full_name.lower() != name.lower():
            if call.who.kind != "app" and not access.sees(self.world, call.who, found):
                raise absent()
            rest = path.removeprefix(f"/repos/{name}")
            where = f"{self.world.url}/repositories/{found.id}{rest}"
            raise _Moved(301 if call.method == "GET" else 307, where)
        return found

    def _respond(self, request: web.Request, reply: Reply, who: Who, path: str, body: Any, route: str) -> web.Response:
        extra: dict[str, str] = {}
        content = reply.body
        if reply.page is not None:
            content, extra = cut(reply, request.query, f"{self.world.url}{path}")
        raw = reply.content if reply.content is not None else b"" if content is None else json.dumps(content).encode()
        headers = {"X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Request-Id": "FA4E:1", **extra}
        if self.world.enterprise:
            headers["X-GitHub-Enterprise-Version"] = self.world.enterprise
        status = reply.status
        if request.method == "GET" and status == 200:
            headers["ETag"] = f'W/"{hashlib.sha256(raw + who.kind.encode()).hexdigest()}"'
            headers["Cache-Control"] = "private, max-age=60, s-maxage=60"
            headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
            if request.headers.get("If-None-Match") == headers["ETag"]:
                status, raw = 304, b""
        if who.kind == "personal" and who.token is not None:
            headers["X-OAuth-Scopes"] = ", ".join(sorted(who.token.scopes))
        said, _ = self.world.limits.headers(who, counts=status != 304)
        headers |= said | reply.headers
        shown = content if reply.content is None else None
        self._record(request, path, route, body, status, None if status == 304 else shown, who.kind)
        if raw and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json; charset=utf-8"
        return web.Response(status=status, body=raw or None, headers=headers)

    def _record(  # noqa: PLR0913 - what a record has
        self, request: web.Request, path: str, route: str, body: Any, status: int, answer: Any, kind: str
    ) -> None:
        named = {name.lower(): value for name, value in request.headers.items()}
        headers = {name: "***" if name in _SECRET else value for name, value in named.items()}
        if isinstance(body, dict):
            body = {name: "***" if name in _SECRET_FIELDS else value for name, value in body.items()}
        self.world.requests.append(
            Request(
                method=request.method,
                path=path,
                route=route,
                query=dict(request.query),
                headers=headers,
                body=None if isinstance(body, Refused) else body,
                status=status,
                answer=answer,
                kind=kind,
                at=self.world.now(),
            )
        )

    # everything else

    async def _git(self, request: web.Request) -> web.StreamResponse:
        return await smart_http.serve(self.world, request)

    async def _blob(self, request: web.Request) -> web.StreamResponse:
        """Content behind a signed address; a token has no business here."""
        if "Authorization" in request.headers:
            self.world.faults.append(f"{request.method} {request.path}: a token was sent to the storage")
            return web.Response(status=400, text="InvalidAuthenticationInfo")
        found = self.world.blobs.get(request.match_info["name"])
        if found is None:
            return web.Response(status=404)
        return web.Response(body=found[1], content_type=found[0])

    def _flow(self, handler: web_flows.Handler) -> Callable[[web.Request], Any]:
        async def serve(request: web.Request) -> web.StreamResponse:
            await asyncio.sleep(0)
            return await handler(self.world, request)

        return serve


class _Moved(Refused):
    """The repository has another name."""

    def __init__(self, status: int, where: str) -> None:
        super().__init__(status, "Moved Permanently", headers={"Location": where})
        self.where = where

    def body(self) -> dict[str, Any]:
        return {**super().body(), "url": self.where}
