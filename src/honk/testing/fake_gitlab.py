"""A GitLab on loopback, after docs.gitlab.com/api (in parts from memory): one project, of which the branches are those
of a real bare repository. A merge request's `sha` follows its branch, and a merge makes commits.

What was asked of it is in `asked`, for a comparison with GitLab's published description.
"""

import json
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

TOKEN = "glpat-of-honk"
HONK = {"id": 7, "username": "honk", "name": "Honk"}
PROJECT = 42
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "GitLab"), ("EMAIL", "gitlab@example.org"), ("DATE", "2026-11-20T09:00:00Z"))
}
_BASE = "/api/v4"
_OVER = frozenset({"success", "failed", "canceled", "skipped"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """One request, its path below /api/v4 and with %2F as it came."""

    method: str
    path: str
    query: dict[str, str]
    body: dict[str, Any]
    headers: dict[str, str]


@dataclass
class FakeGitlab:
    """Serves the project while `serving` is open. Its fields are for arranging, and for looking."""

    bare: Path
    path: str = "acme/tools/app"
    #: where the project was before it was renamed
    former: str = ""
    project: dict[str, Any] = field(
        default_factory=lambda: {
            "only_allow_merge_if_pipeline_succeeds": False,
            "merge_method": "merge",
            "squash_option": "default_off",
        }
    )
    users: dict[str, int] = field(default_factory=lambda: {"honk": 7, "ada": 11, "ben": 12})
    merge_requests: dict[int, dict[str, Any]] = field(default_factory=dict)
    notes: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    approvals: dict[int, list[str]] = field(default_factory=dict)
    pipelines: list[dict[str, Any]] = field(default_factory=list)
    jobs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    traces: dict[int, bytes] = field(default_factory=dict)
    kept: dict[int, bytes] = field(default_factory=dict)
    statuses: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    #: what a merge is held back by besides what follows from the merge request
    held_back: str = ""
    #: how many reads it takes until a push, or whether it can be merged, is known; a merge request is listed; or merged
    lag: int = 0
    hidden: int = 0
    locked: int = 0
    may_merge: bool = True
    may_approve: bool = True
    #: entries of a page, at most
    page: int = 100
    #: answers to the next requests in place of the usual ones: status and headers
    troubles: deque[tuple[int, dict[str, str]]] = field(default_factory=deque)
    #: the next merge is done, and its answer lost
    loses_merge: bool = False
    asked: list[Asked] = field(default_factory=list)
    #: headers of requests to where artifacts are stored, on another port
    stored: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    _storage: str = ""
    _ids: int = 100

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeGitlab"]:
        app = web.Application(middlewares=[self._guarded], client_max_size=1 << 22)
        one = f"{_BASE}/projects/{{id}}"
        many: list[tuple[str, str, Callable[[web.Request], Awaitable[web.StreamResponse]]]] = [
            ("GET", f"{_BASE}/user", _me),
            ("GET", f"{_BASE}/users", self._users),
            ("GET", one, self._project),
            ("GET", f"{one}/repository/branches/{{branch}}", self._branch),
            ("GET", f"{one}/repository/commits/{{sha}}/statuses", self._statuses),
            ("POST", f"{one}/statuses/{{sha}}", self._report),
            ("GET", f"{one}/merge_requests", self._list),
            ("POST", f"{one}/merge_requests", self._open),
            ("GET", f"{one}/merge_requests/{{iid}}", self._read),
            ("PUT", f"{one}/merge_requests/{{iid}}", self._change),
            ("PUT", f"{one}/merge_requests/{{iid}}/merge", self._merge),
            ("POST", f"{one}/merge_requests/{{iid}}/approve", self._approve),
            ("GET", f"{one}/merge_requests/{{iid}}/notes", self._list_notes),
            ("POST", f"{one}/merge_requests/{{iid}}/notes", self._note),
            ("GET", f"{one}/pipelines", self._list_pipelines),
            ("GET", f"{one}/pipelines/{{pipeline}}/jobs", self._list_jobs),
            ("GET", f"{one}/jobs/{{job}}/trace", self._trace),
            ("GET", f"{one}/jobs/{{job}}/artifacts", self._artifacts),
        ]
        for method, path, answer in many:
            app.router.add_route(method, path, answer)
        storage = web.Application()
        storage.router.add_get("/{job}", self._stored)
        async with _served(app) as self.url, _served(storage) as self._storage:
            yield self

    # ── arranging ──────────────────────────────────────────────────────────────────────────────
    def pipeline(self, sha: str, status: str, *, source: str = "push") -> int:
        id = self._next()
        one = {"id": id, "sha": sha, "status": status, "source": source, "web_url": f"{self.url}/-/pipelines/{id}"}
        self.pipelines.append(one)
        self.jobs[id] = []
        return id

    def job(self, pipeline: int, name: str, status: str, *, kept: bytes | None = None, **more: Any) -> int:
        id = self._next()
        one = {"id": id, "name": name, "status": status, "web_url": f"{self.url}/-/jobs/{id}", **more}
        if kept is not None:
            self.kept[id] = kept
            one["artifacts_file"] = {"filename": "artifacts.zip", "size": len(kept)}
        self.jobs[pipeline].append(one)
        sha = next(str(found["sha"]) for found in self.pipelines if found["id"] == pipeline)
        self.statuses.setdefault(sha, []).append({"id": id, "name": name, "status": status})
        return id

    def tip(self, branch: str) -> str:
        return self._git("rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", fine=(0, 1))

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _git(self, *argv: str, fine: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            ["git", "-C", str(self.bare), *argv],
            env={"PATH": "/usr/bin:/bin", **_WHO},
            capture_output=True,
            check=False,
        )
        if done.returncode not in fine:
            raise ValueError(done.stderr.decode())
        return done.stdout.decode().strip()

    # ── every request ──────────────────────────────────────────────────────────────────────────
    @property
    def _guarded(self) -> Any:
        @web.middleware
        async def guard(request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
            body = json.loads(await request.read() or b"{}") if request.can_read_body else {}
            path = request.raw_path.partition("?")[0].removeprefix(_BASE)
            headers = dict(request.headers)
            one = Asked(method=request.method, path=path, query=dict(request.query), body=body, headers=headers)
            self.asked.append(one)
            if request.headers.get("Authorization") != f"Bearer {TOKEN}":
                return _no(401, "401 Unauthorized")
            if self.troubles:
                status, extra = self.troubles.popleft()
                return web.json_response({"message": "trouble"}, status=status, headers=extra)
            if (id := request.match_info.get("id")) is not None:
                if self.former and id == self.former:
                    return web.Response(status=301, headers={"Location": f"{self.url}{_BASE}/projects/{PROJECT}"})
                if id not in {str(PROJECT), self.path}:
                    return _no(404, "404 Project Not Found")
            if "iid" in request.match_info and int(request.match_info["iid"]) not in self.merge_requests:
                return _no(404, "404 Not found")
            return await handler(request)

        return guard

    def _paged(self, request: web.Request, listed: list[dict[str, Any]]) -> web.Response:
        page, size = int(request.query.get("page", "1")), min(int(request.query.get("per_page", "20")), self.page)
        shown = listed[(page - 1) * size : page * size]
        after = str(page + 1) if page * size < len(listed) else ""
        return web.json_response(shown, headers={"X-Next-Page": after, "X-Page": str(page)})

    # ── the project and its people ─────────────────────────────────────────────────────────────
    async def _users(self, request: web.Request) -> web.Response:
        name = request.query.get("username", "")
        return self._paged(request, self._named([self.users[name]]) if name in self.users else [])

    async def _project(self, _: web.Request) -> web.Response:
        return web.json_response({"id": PROJECT, "path_with_namespace": self.path, **self.project})

    async def _branch(self, request: web.Request) -> web.Response:
        tip = self.tip(request.match_info["branch"])
        if not tip:
            return _no(404, "404 Branch Not Found")
        return web.json_response({"name": request.match_info["branch"], "commit": {"id": tip}})

    # ── merge requests ─────────────────────────────────────────────────────────────────────────
    def _seen(self, one: dict[str, Any]) -> dict[str, Any]:
        """As an answer, after the branch was looked at."""
        draft = str(one["title"]).lower().startswith("draft:")
        if one["state"] == "opened" and self.lag > 0:
            self.lag, status = self.lag - 1, "checking"
        elif one["state"] == "opened":
            one["sha"] = self.tip(one["source_branch"]) or one["sha"]
            status = self._status(one, draft=draft)
        else:
            status, self.locked = "not_open", self.locked - 1
            if one["state"] == "locked" and self.locked <= 0:
                self._make(one, {})
        return {**one, "draft": draft, "detailed_merge_status": status, "has_conflicts": status == "conflict"}

    def _status(self, one: dict[str, Any], *, draft: bool) -> str:
        if draft:
            return "draft_status"
        if self.held_back:
            return self.held_back
        if self.project["only_allow_merge_if_pipeline_succeeds"]:
            states = [found["status"] for found in self.pipelines if found["sha"] == one["sha"]]
            if not states or states[-1] != "success":
                return "ci_still_running" if states and states[-1] not in _OVER else "ci_must_pass"
        if self._merged_tree(one) is None:
            return "conflict"
        behind = self._git("merge-base", one["target_branch"], one["sha"]) != self.tip(one["target_branch"])
        return "need_rebase" if behind and self.project["merge_method"] == "ff" else "mergeable"

    def _merged_tree(self, one: dict[str, Any]) -> str | None:
        """None where it conflicts."""
        onto, head = self.tip(one["target_branch"]), one["sha"]
        tree = self._git("merge-tree", "--write-tree", "--no-messages", onto, head, fine=(0, 1))
        return tree if len(tree.splitlines()) == 1 else None

    async def _list(self, request: web.Request) -> web.Response:
        query = request.query
        if self.hidden > 0:
            self.hidden -= 1
            return self._paged(request, [])
        branch, state = query.get("source_branch"), query.get("state", "all")
        same = [one for one in self.merge_requests.values() if branch in {None, one["source_branch"]}]
        found = [self._seen(one) for one in same if state in {"all", one["state"]}]
        found.sort(key=lambda one: one["iid"], reverse=query.get("sort", "desc") == "desc")
        return self._paged(request, found)

    async def _open(self, request: web.Request) -> web.Response:
        body = await request.json()
        branch = str(body["source_branch"])
        same = [one for one in self.merge_requests.values() if one["source_branch"] == branch]
        if any(one["state"] == "opened" for one in same):
            return _no(409, ["Another open merge request already exists for this source branch: !1"])
        if not self.tip(branch):
            return _no(400, {"source_branch": ["does not exist"]})
        iid = len(self.merge_requests) + 1
        self.merge_requests[iid] = {
            "iid": iid,
            "id": self._next(),
            "state": "opened",
            "title": body["title"],
            "description": body.get("description", ""),
            "source_branch": branch,
            "target_branch": body["target_branch"],
            "source_project_id": PROJECT,
            "target_project_id": PROJECT,
            "sha": self.tip(branch),
            "labels": list(body.get("labels", [])),
            "reviewers": self._named(body.get("reviewer_ids", [])),
            "author": HONK,
            "merge_commit_sha": None,
            "squash_commit_sha": None,
            "web_url": f"{self.url}/{self.path}/-/merge_requests/{iid}",
        }
        self.notes[iid], self.approvals[iid] = [], []
        return web.json_response(self._seen(self.merge_requests[iid]), status=201)

    def _named(self, ids: list[int]) -> list[dict[str, Any]]:
        return [{"id": id, "username": name} for name, id in self.users.items() if id in ids]

    async def _read(self, request: web.Request) -> web.Response:
        return web.json_response(self._seen(self.merge_requests[int(request.match_info["iid"])]))

    async def _change(self, request: web.Request) -> web.Response:
        one, body = self.merge_requests[int(request.match_info["iid"])], await request.json()
        one.update({name: body[name] for name in ("title", "description", "target_branch") if name in body})
        one["labels"] += [name for name in body.get("add_labels", []) if name not in one["labels"]]
        if "reviewer_ids" in body:
            one["reviewers"] = self._named(body["reviewer_ids"])
        if "state_event" in body and one["state"] != "merged":
            one["state"] = {"close": "closed", "reopen": "opened"}[body["state_event"]]
        return web.json_response(self._seen(one))

    async def _merge(self, request: web.Request) -> web.Response:
        one, body = self.merge_requests[int(request.match_info["iid"])], await request.json()
        if not self.may_merge:
            return _no(401, "401 Unauthorized")
        seen = self._seen(one)
        if body.get("sha") not in {None, one["sha"]}:
            return _no(409, "SHA does not match HEAD of source branch")
        if self.locked > 0:
            one["state"] = "locked"
            return web.json_response(self._seen(one))
        if seen["detailed_merge_status"] == "conflict":
            return _no(422, "Branch cannot be merged")
        if seen["detailed_merge_status"] != "mergeable":
            return _no(405, "405 Method Not Allowed")
        self._make(one, body)
        if self.loses_merge:
            self.loses_merge = False
            return _no(502, "Bad Gateway")
        return web.json_response(self._seen(one))

    def _make(self, one: dict[str, Any], body: dict[str, Any]) -> None:
        """Commits as the project's method has it, with a squashed one before where it is asked for."""
        base, head, tree = one["target_branch"], one["sha"], self._merged_tree(one)
        tip = self.tip(base)
        assert tree is not None
        if body.get("squash"):
            words = body.get("squash_commit_message") or one["title"]
            head = one["squash_commit_sha"] = self._git("commit-tree", tree, "-p", tip, "-m", words)
        if self.project["merge_method"] != "ff":
            words = body.get("merge_commit_message") or f"Merge branch '{one['source_branch']}'"
            head = one["merge_commit_sha"] = self._git("commit-tree", tree, "-p", tip, "-p", head, "-m", words)
        self._git("update-ref", f"refs/heads/{base}", head, tip)
        one["state"] = "merged"

    async def _approve(self, request: web.Request) -> web.Response:
        iid, body = int(request.match_info["iid"]), await request.json()
        if body.get("sha") != self.merge_requests[iid]["sha"]:
            return _no(409, "SHA does not match HEAD of source branch")
        if not self.may_approve or "honk" in self.approvals[iid]:
            return _no(401, "401 Unauthorized")
        self.approvals[iid].append("honk")
        return web.json_response({"approved_by": [{"user": HONK}]}, status=201)

    async def _list_notes(self, request: web.Request) -> web.Response:
        listed = self.notes[int(request.match_info["iid"])]
        return self._paged(request, listed[::-1] if request.query.get("sort") == "desc" else listed)

    async def _note(self, request: web.Request) -> web.Response:
        body = await request.json()
        note = {"id": self._next(), "body": body["body"], "author": HONK, "system": False}
        self.notes[int(request.match_info["iid"])].append(note)
        return web.json_response(note, status=201)

    # ── CI ─────────────────────────────────────────────────────────────────────────────────────
    async def _list_pipelines(self, request: web.Request) -> web.Response:
        found = [one for one in self.pipelines if request.query.get("sha") in {None, one["sha"]}]
        return self._paged(request, found[::-1])

    async def _list_jobs(self, request: web.Request) -> web.Response:
        return self._paged(request, self.jobs[int(request.match_info["pipeline"])])

    async def _statuses(self, request: web.Request) -> web.Response:
        return self._paged(request, self.statuses.get(request.match_info["sha"], []))

    async def _report(self, request: web.Request) -> web.Response:
        body, sha = await request.json(), request.match_info["sha"]
        there = self.statuses.setdefault(sha, [])
        same = next((one for one in there if one["name"] == body["name"]), None)
        if same is not None and same["status"] in _OVER:
            return _no(400, f"Cannot transition status via :success from :{same['status']}")
        values = {"status": body["state"], "name": body["name"], "description": body.get("description")}
        if same is None:
            there.append(same := {"id": self._next(), "author": HONK, "allow_failure": False})
        same.update(values)
        return web.json_response(same, status=201)

    async def _trace(self, request: web.Request) -> web.Response:
        printed = self.traces.get(int(request.match_info["job"]))
        return _no(404, "404 Not found") if printed is None else web.Response(body=printed, content_type="text/plain")

    async def _artifacts(self, request: web.Request) -> web.Response:
        """By way of object storage, as gitlab.com does."""
        return web.Response(status=302, headers={"Location": f"{self._storage}/{request.match_info['job']}"})

    async def _stored(self, request: web.Request) -> web.Response:
        self.stored.append(dict(request.headers))
        return web.Response(body=self.kept[int(request.match_info["job"])], content_type="application/zip")


async def _me(_: web.Request) -> web.Response:
    return web.json_response(HONK)


def _no(status: int, said: object) -> web.Response:
    return web.json_response({"message": said}, status=status)


@asynccontextmanager
async def _served(app: web.Application) -> AsyncIterator[str]:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
