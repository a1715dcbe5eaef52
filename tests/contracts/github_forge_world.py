"""The GitHub forge with real git, against the fake GitHub over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.git.workspaces import GitWorkspaces
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth, Auth, TokenAuth
from honk.adapters.github.checks import GithubCi
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.forge import GithubForge
from honk.adapters.github.own import Own
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.domain.pull_request import (
    Comment,
    MergeMethod,
    MergeResult,
    Published,
    PullRequest,
    PullRequestState,
    Refused,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.domain.workspace import Workspace
from honk.testing.fake_github import App, FakeGitHub, Installation, Issue, Pull, Repo, World
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes
from honk.wiring.github_contents import MirrorContents
from partners import github_graphql, github_openapi

T1 = TaskId("t1")
BRANCH = "honk/t1"
MESSAGE = "Fix it\n\nHonk-Task: t1\n"
BODY = "Fix it\n\nHonk-Task: t1\nRequested-by: Ada\nAssisted-by: Claude Code\n"
OPEN, DRAFT = PullRequestState.OPEN, PullRequestState.DRAFT


def person(login: str, name: str = "") -> Person:
    identities = (Identity(kind=IdentityKind.GITHUB, value=login),)
    return Person(id=PersonId(login), name=name or login.capitalize(), identities=identities)


@dataclass
class Store:
    """Pull requests and comments in memory."""

    pull_requests: dict[TaskId, PullRequest] = field(default_factory=dict)
    kept: dict[tuple[TaskId, str], Comment] = field(default_factory=dict)
    saved: int = 0

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        self.saved += 1
        number = pull_request.number or len(self.pull_requests) + 1
        self.pull_requests[pull_request.task] = replace(pull_request, number=number)
        return self.pull_requests[pull_request.task]

    async def pull_request(self, task: TaskId) -> PullRequest | None:
        return self.pull_requests.get(task)

    async def save_comment(self, comment: Comment) -> None:
        self.kept.setdefault((comment.task, comment.key), comment)


@dataclass
class Linked:
    """The tokens of people, by login."""

    tokens: dict[str, Secret] = field(default_factory=dict)
    #: of people who are known by a link alone
    logins: dict[PersonId, str] = field(default_factory=dict)

    async def token(self, person: Person) -> Secret | None:
        return self.tokens.get(await self.login(person))

    async def login(self, person: Person) -> str:
        return person.identity(IdentityKind.GITHUB) or self.logins.get(person.id, "")


class Clock:
    """Moves on by sleeping."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Placed:
    """The repository acme/app at GitHub, Honk's mirror of it, and one change there that is not published."""

    git: GitWorld
    hub: FakeGitHub
    app: App
    installation: Installation
    repo: Repo
    api: Api
    store: Store
    users: Linked
    clock: Clock
    forge: GithubForge
    workspace: Workspace
    repository: Repository
    base: Sha
    head: Sha

    @property
    def world(self) -> World:
        return self.hub.world

    def wanted(self, state: PullRequestState = OPEN, **more: Any) -> PullRequest:
        made = PullRequest(
            task=T1, number=0, branch=BRANCH, base="main", head=self.head, title="Fix it", body="Text", state=state
        )
        return replace(made, **more)

    async def publish(self, commit: Sha | None = None, *, over: Sha | None = None) -> Published:
        return await self.forge.publish(self.repository, BRANCH, commit or self.head, over=over)

    async def opened(self, state: PullRequestState = OPEN, *, by: Person | None = None, **more: Any) -> PullRequest:
        """Published and opened."""
        published = await self.publish()
        assert published.refused == ""
        self.head = published.commit
        return await self.forge.open(self.repository, self.wanted(state, **more), by=by)

    async def find(self) -> PullRequest | None:
        return await self.forge.find(self.repository, T1)

    async def merge(self, method: MergeMethod = MergeMethod.MERGE, head: Sha | None = None) -> MergeResult:
        there = await self.store.pull_request(T1) or self.wanted()
        return await self.forge.merge(self.repository, there, head=head or self.head, method=method, message=MESSAGE)

    async def obstacle(self) -> Refused | None:
        there = self.store.pull_requests[T1]
        return await self.forge.obstacle(self.repository, there, method=MergeMethod.MERGE)

    async def changed(self, files: dict[str, str | None], *, parent: Sha | None = None, message: str = BODY) -> Sha:
        """Another commit in the mirror, on the head."""
        for name, content in files.items():
            path = Path(self.workspace.path, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_text(content)
        return (await self.git.take(self.workspace, parent=parent or self.head, message=message)).commit

    def tip(self, branch: str = BRANCH) -> str | None:
        return self.repo.bare.branch(branch)

    @property
    def issue(self) -> Issue:
        """The only pull request."""
        [found] = self.repo.pulls()
        return found

    @property
    def pull(self) -> Pull:
        pull = self.issue.pull
        assert pull is not None
        return pull

    def check(self, name: str, conclusion: str | None, head: str = "") -> None:
        """A status at the head; None while it runs."""
        self.hub.people.status("ada", self.repo, head or self.head, name, conclusion or "pending")


@asynccontextmanager
async def placed(tmp_path: Path, *, personal: bool = False, **more: Any) -> AsyncIterator[Placed]:
    """`personal` is with bo's own token; `more` are fields of the fake's repository."""
    clock = Clock()
    async with AsyncExitStack() as stack:
        hub = await stack.enter_async_context(FakeGitHub(tmp_path / "hub", clock=clock).serving())
        world = hub.world
        world.org("acme", members={"ada": "member"})
        for login in ("ada", "bo", "cy"):
            world.user(login)
        app = world.app("honk")
        installation = world.install(app, "acme")
        repo = world.repository("acme/app", {"README.md": "Music\n", "src/play.py": "def play(): return 1\n"}, **more)
        for login in ("ada", "bo"):
            world.collaborate(repo, login, "write")
        auth: Auth = AppAuth(app_id=str(app.id), private_key=Secret(app.private_key))
        if personal:
            world.collaborate(repo, "bo", "admin")
            auth = TokenAuth(token=Secret(world.personal_token("bo")))
        api = await stack.enter_async_context(
            Api(api_url=hub.url, web_url=hub.web, auth=auth, clock=clock, sleep=clock.sleep)
        )
        git = GitWorld(tmp_path, PlainSandboxes())
        addresses = Addresses(hub.web)
        git.repositories = GitRepositories(
            git.home, git.sandboxes, operator=git.environment, credentials=GithubCredentials(api, addresses)
        )
        git.workspaces = GitWorkspaces(git.repositories)
        workspace = await git.opened(addresses.url("acme/app"))
        Path(workspace.path, "README.md").write_text("Music!\n")
        change = await git.take(workspace, message=BODY)
        store, users, own = Store(), Linked(), Own(api)
        forge = GithubForge(
            api=api,
            target=GitTargets(git.repositories),
            contents=MirrorContents(git.repositories),
            records=store,
            users=users,
            ci=GithubCi(api, own, web=hub.web),
            own=own,
            clock=clock,
        )
        yield Placed(
            git=git,
            hub=hub,
            app=app,
            installation=installation,
            repo=repo,
            api=api,
            store=store,
            users=users,
            clock=clock,
            forge=forge,
            workspace=workspace,
            repository=workspace.repository,
            base=change.base,
            head=change.commit,
        )
        # What a test's own trouble answered has no route.
        faults = [one for sent in world.requests if sent.route for one in github_openapi.request_faults(sent)]
        assert not faults + world.violations(), faults + world.violations()
        if github_graphql.installed():
            github_graphql.check_queries(world)
