"""A fake GitLab before a real bare repository, Honk's adapters at it, and GitLab's published description of the API."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from honk.adapters.git.targets import GitTargets
from honk.adapters.gitlab import GitlabCi, GitlabForge, Server
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.testing.fake_gitlab import TOKEN, Asked, FakeGitlab
from honk.testing.git_world import NOON, GitWorld

T1 = TaskId("t1")
BRANCH = "honk/t1"
MESSAGE = "Fix it\n\nHonk-Task: t1\n"
CONTRACT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/gitlab/contract.json").read_text())


@dataclass
class Store:
    """Pull requests in memory."""

    kept: dict[TaskId, PullRequest] = field(default_factory=dict)

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        self.kept[pull_request.task] = pull_request
        return pull_request

    async def pull_request(self, task: TaskId) -> PullRequest | None:
        return self.kept.get(task)


@dataclass
class Target:
    """The git adapter on the project's repository itself, because the fake serves no git."""

    real: GitTargets
    local: Repository

    async def refresh(self, repository: Repository) -> None:
        await self.real.refresh(self.local)

    async def tip(self, repository: Repository, branch: str) -> Sha | None:
        return await self.real.tip(self.local, branch)

    async def known_tip(self, repository: Repository, branch: str) -> Sha | None:
        return await self.real.known_tip(self.local, branch)

    async def hold(self, repository: Repository, branch: str, commit: Sha) -> None:
        await self.real.hold(self.local, branch, commit)

    async def held(self, repository: Repository, branch: str) -> Sha | None:
        return await self.real.held(self.local, branch)

    def mirror(self, repository: Repository) -> Path:
        return self.real.mirror(self.local)

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        return await self.real.push(self.local, branch, commit, over=over)

    async def landed(self, repository: Repository, head: Sha, tip: Sha, mark: str) -> Sha | None:
        return await self.real.landed(self.local, head, tip, mark)

    async def with_trailers(self, repository: Repository, message: str, onto: Sha, head: Sha) -> str:
        return await self.real.with_trailers(self.local, message, onto, head)


@dataclass
class GitlabWorld:
    """One project with one commit of Honk's that is not pushed yet."""

    git: GitWorld
    hub: FakeGitlab
    server: Server
    forge: GitlabForge
    ci: GitlabCi
    store: Store
    local: Repository
    repository: Repository
    base: Sha
    head: Sha
    #: seconds that the forge waited
    waited: list[float]

    def wanted(self, **changes: Any) -> PullRequest:
        plain = PullRequest(
            task=T1,
            number=0,
            branch=BRANCH,
            base="main",
            head=self.head,
            title="Fix it",
            body="What was done",
            state=PullRequestState.OPEN,
        )
        return replace(plain, **changes)

    async def proposed(self, **changes: Any) -> PullRequest:
        """Pushed and opened."""
        published = await self.forge.publish(self.repository, BRANCH, self.head, over=None)
        assert not published.refused
        return await self.forge.open(self.repository, self.wanted(**changes))

    async def commit(self, parent: Sha, message: str) -> Sha:
        """Another commit with the same files, in the mirror."""
        tree = await self.git.repositories.tree(self.local, parent)
        return await self.git.repositories.commit_tree(self.local, tree, parent, message, NOON)

    def show(self, template: str, commit: str) -> str:
        return self.git.git(self.hub.bare, "log", "-1", f"--format={template}", commit)


@asynccontextmanager
async def gitlab_world(git: GitWorld, *, former: str = "") -> AsyncIterator[GitlabWorld]:
    """At its end everything that was asked of the fake is held against GitLab's description."""
    bare = git.make_bare()
    workspace = await git.opened(bare)
    Path(workspace.path, "README.md").write_text("Music!\n")
    change = await git.take(workspace, message="Fix it\n\nHonk-Task: t1\nRequested-by: Ada\n")
    hub = FakeGitlab(bare, former=former)
    waited: list[float] = []

    async def wait(seconds: float) -> None:
        waited.append(seconds)

    async with hub.serving():
        server, store = Server(hub.url, Secret(TOKEN), timeout=5.0), Store()
        target = Target(GitTargets(git.repositories), workspace.repository)
        repository = git.repositories.identify(f"{hub.url}/{former or hub.path}.git")
        try:
            yield GitlabWorld(
                git=git,
                hub=hub,
                server=server,
                forge=GitlabForge(server, target, store, sleep=wait),
                ci=GitlabCi(server),
                store=store,
                local=workspace.repository,
                repository=repository,
                base=change.base,
                head=change.commit,
                waited=waited,
            )
        finally:
            server.close()
        assert [said for one in hub.asked for said in unmet(one)] == []


# ── GitLab's description ───────────────────────────────────────────────────────────────────────
def operation_of(asked: Asked) -> str:
    """Which operation the request is, such as "GET /projects/{id}"; "" for none."""
    for name in CONTRACT:
        method, path = name.split(" ")
        pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))
        if method == asked.method and re.fullmatch(pattern, asked.path):
            return name
    return ""


def unmet(asked: Asked) -> list[str]:
    """What of the request GitLab does not describe."""
    name = operation_of(asked)
    if not name:
        return [f"{asked.method} {asked.path}: no such operation"]
    known = CONTRACT[name]
    query, body = known.get("query", {}), known.get("body", {})
    wrong = [f"{name}: ?{one}" for one, value in asked.query.items() if not _fits(query.get(one), value, text=True)]
    wrong += [f"{name}: {one}" for one, value in asked.body.items() if not _fits(body.get(one), value, text=False)]
    return wrong + [f"{name}: lacks {one}" for one in known.get("required", ()) if one not in asked.body]


def _fits(kind: object, value: Any, *, text: bool) -> bool:
    match kind:
        case list():
            return value in kind
        case "string":
            return isinstance(value, str)
        case "integer":
            return value.isdigit() if text else type(value) is int
        case "boolean":
            return value in {"true", "false"} if text else type(value) is bool
        case "strings":
            return isinstance(value, list) and all(isinstance(one, str) for one in value)
        case "integers":
            return isinstance(value, list) and all(type(one) is int for one in value)
    return False
