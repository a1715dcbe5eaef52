"""Honk's classes for GitHub in front of emulate, whose repository acme/widgets has one branch of Honk's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from github_forge_world import BODY, BRANCH, MESSAGE, OPEN, T1, Linked, Store

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth
from honk.adapters.github.checks import GithubCi
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.discussions import GithubDiscussions
from honk.adapters.github.forge import GithubForge
from honk.adapters.github.own import Own
from honk.domain.pull_request import MergeMethod, MergeResult, PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes
from honk.wiring.github_contents import MirrorContents
from partners.emulate_github import APP_ID, REPOSITORY, EmulatedGitHub, emulated_github, private_key

AT = f"/repos/{REPOSITORY}"


def now() -> datetime:
    """GitHub's own time: a JWT is judged by it."""
    return datetime.now(UTC)


@dataclass(kw_only=True)
class Emulated:
    """One repository at emulate, as Honk sees it."""

    hub: EmulatedGitHub
    api: Api
    own: Own
    store: Store
    users: Linked
    ci: GithubCi
    forge: GithubForge
    discussions: GithubDiscussions
    credentials: GithubCredentials
    repository: Repository
    head: Sha = Sha("")

    async def push(self, content: str = "Music!\n") -> Sha:
        """Puts a commit on Honk's branch by the API's git objects: git itself is not spoken there."""
        base = (await self.api.get(f"{AT}/git/ref/heads/main")).json["object"]["sha"]
        blob = await self.api.send("POST", f"{AT}/git/blobs", {"content": content, "encoding": "utf-8"})
        entry = {"path": "play.txt", "mode": "100644", "type": "blob", "sha": blob.json["sha"]}
        under = (await self.api.get(f"{AT}/git/commits/{base}")).json["tree"]["sha"]
        tree = await self.api.send("POST", f"{AT}/git/trees", {"base_tree": under, "tree": [entry]})
        made = {"message": BODY, "tree": tree.json["sha"], "parents": [base]}
        commit = await self.api.send("POST", f"{AT}/git/commits", made)
        self.head = Sha(commit.json["sha"])
        await self.api.send("POST", f"{AT}/git/refs", {"ref": f"refs/heads/{BRANCH}", "sha": self.head})
        return self.head

    def wanted(self, state: PullRequestState = OPEN, **more: Any) -> PullRequest:
        made = PullRequest(
            task=T1, number=0, branch=BRANCH, base="main", head=self.head, title="Fix it", body="Text", state=state
        )
        return replace(made, **more)

    async def opened(self, state: PullRequestState = OPEN, **more: Any) -> PullRequest:
        """Pushed and opened."""
        await self.push()
        return await self.forge.open(self.repository, self.wanted(state, **more))

    async def merge(self, head: Sha | None = None) -> MergeResult:
        there = self.store.pull_requests[T1]
        wanted = head or self.head
        return await self.forge.merge(self.repository, there, head=wanted, method=MergeMethod.MERGE, message=MESSAGE)

    async def pull(self) -> Any:
        """The pull request in GitHub's words."""
        return await self.hub.by("ada", "GET", f"{AT}/pulls/{self.store.pull_requests[T1].number}")

    async def branches(self) -> set[str]:
        return {one["name"] for one in await self.hub.by("ada", "GET", f"{AT}/branches")}


@asynccontextmanager
async def emulated(tmp_path: Path, **more: Any) -> AsyncIterator[Emulated]:
    """Everything that Honk sent is as GitHub's description says, in the end; `more` is for `emulated_github`."""
    async with emulated_github(**more) as hub:
        auth = AppAuth(app_id=str(APP_ID), private_key=private_key())
        async with Api(api_url=hub.url, web_url=hub.url, auth=auth, clock=now) as api:
            yield of(hub, api, tmp_path)
        assert not hub.faults()


def of(hub: EmulatedGitHub, api: Api, tmp_path: Path) -> Emulated:
    """Honk's classes together."""
    git, addresses = GitWorld(tmp_path, PlainSandboxes()), Addresses(hub.url)
    credentials = GithubCredentials(api, addresses)
    repositories = GitRepositories(git.home, git.sandboxes, operator=git.environment, credentials=credentials)
    store, users, own = Store(), Linked(), Own(api)
    ci = GithubCi(api, own, web=hub.url)
    forge = GithubForge(
        api=api,
        target=GitTargets(repositories),
        contents=MirrorContents(repositories),
        records=store,
        users=users,
        ci=ci,
        own=own,
        clock=now,
    )
    return Emulated(
        hub=hub,
        api=api,
        own=own,
        store=store,
        users=users,
        ci=ci,
        forge=forge,
        discussions=GithubDiscussions(api, own, web=hub.url, identify=repositories.identify),
        credentials=credentials,
        repository=repositories.identify(addresses.url(REPOSITORY)),
    )
