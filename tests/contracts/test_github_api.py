"""`Api` against the fake GitHub over HTTP, which somebody else wrote from GitHub's documentation."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.git.workspaces import GitWorkspaces
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth, Auth, TokenAuth
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.trouble import Absent, GithubRefused, NotGranted, RateLimited
from honk.domain.text import Secret
from honk.errors import RepositoryUnusable, Unreachable
from honk.testing.fake_github import FakeGitHub
from honk.testing.fake_github.records import App, Installation, Repo
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
APP = "/repos/acme/app"


@dataclass
class Time:
    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Placed:
    hub: FakeGitHub
    time: Time
    app: App
    installation: Installation
    repo: Repo
    made: list[Api] = field(default_factory=list)

    def api(self, auth: Auth | None = None) -> Api:
        """As the App, or as somebody else."""
        one = Api(
            api_url=self.hub.url,
            web_url=self.hub.world.web,
            auth=auth or AppAuth(app_id=str(self.app.id), private_key=Secret(self.app.private_key)),
            clock=self.time,
            sleep=self.time.sleep,
        )
        self.made.append(one)
        return one

    def asked(self, method: str, path: str = "") -> int:
        return len(self.hub.world.calls(method, path))


@pytest.fixture
async def placed(tmp_path: Path) -> AsyncIterator[Placed]:
    time = Time()
    async with FakeGitHub(tmp_path / "hub", clock=time).serving() as hub:
        world = hub.world
        world.org("acme", members={"ada": "member"})
        world.user("ada")
        app = world.app("honk")
        installation = world.install(app, "acme")
        repo = world.repository("acme/app", {"README.md": "Music\n"}, private=True)
        world.collaborate(repo, "ada", "write")
        placed = Placed(hub, time, app, installation, repo)
        yield placed
        for one in placed.made:
            await one.aclose()
        assert world.violations() == []


async def commented(api: Api, number: int = 1) -> int:
    made = await api.send("POST", f"{APP}/issues", {"title": "One"})
    return int((await api.send("POST", f"{APP}/issues/{made.json['number']}/comments", {"body": "x"})).json["id"])


async def test_reading_and_writing_as_the_app(placed: Placed) -> None:
    api = placed.api()
    assert (await api.get(APP)).json["full_name"] == "acme/app"
    id = await commented(api)
    assert (await api.get(f"{APP}/issues/comments/{id}")).json["user"]["login"] == "honk[bot]"
    assert (await api.get("/app")).json["slug"] == "honk"


async def test_reading_again_costs_nothing_of_the_limit(placed: Placed) -> None:
    api = placed.api()
    first, again = await api.get(APP), await api.get(APP)
    assert again.json == first.json
    assert placed.hub.world.calls("GET", APP)[-1].status == 304


async def test_all_pages(placed: Placed) -> None:
    api = placed.api()
    for number in range(5):
        await api.send("POST", f"{APP}/issues", {"title": f"Issue {number}"})
    found = await api.pages(f"{APP}/issues", params={"per_page": 2, "state": "all"})
    assert sorted(one["title"] for one in found) == [f"Issue {number}" for number in range(5)]


async def test_with_a_personal_token(placed: Placed) -> None:
    token = placed.hub.world.personal_token("ada")
    api = placed.api(TokenAuth(token=Secret(token)))
    assert (await api.get("/user")).json["login"] == "ada"
    assert (await api.get(APP)).json["full_name"] == "acme/app"


async def test_in_the_name_of_a_person(placed: Placed) -> None:
    api, token = placed.api(), placed.hub.world.user_token(placed.app, "ada")
    made = await api.send("POST", f"{APP}/issues", {"title": "One"}, as_user=Secret(token.value))
    assert made.json["user"]["login"] == "ada"
    assert (await api.get("/user", as_user=Secret(token.value))).json["login"] == "ada"
    token.revoked = True
    with pytest.raises(GithubRefused) as caught:
        await api.send("POST", f"{APP}/issues", {"title": "Two"}, as_user=Secret(token.value))
    assert caught.value.status == 401


async def test_what_is_not_there(placed: Placed) -> None:
    with pytest.raises(Absent, match="pulls/99"):
        await placed.api().get(f"{APP}/pulls/99")


async def test_graphql(placed: Placed) -> None:
    query = "query($o: String!, $n: String!) { repository(owner: $o, name: $n) { nameWithOwner } }"
    api = placed.api()
    found = await api.graphql(query, {"o": "acme", "n": "app"}, of="acme/app")
    assert found["repository"]["nameWithOwner"] == "acme/app"
    with pytest.raises(Absent):
        await api.graphql(query, {"o": "acme", "n": "nothing"}, of="acme/app")


async def test_the_app_is_not_installed(placed: Placed) -> None:
    with pytest.raises(RepositoryUnusable, match="not installed on acme/nothing") as caught:
        await placed.api().get("/repos/acme/nothing")
    assert "installations/new" in caught.value.remedy


async def test_the_app_is_suspended_in_the_middle(placed: Placed) -> None:
    api = placed.api()
    await api.get(APP)
    placed.hub.world.suspend(placed.installation)
    with pytest.raises(RepositoryUnusable, match="suspended"):
        await api.get(f"{APP}/issues")


async def test_the_app_is_removed_in_the_middle(placed: Placed) -> None:
    api = placed.api()
    await api.get(APP)
    placed.hub.world.uninstall(placed.installation)
    with pytest.raises(RepositoryUnusable, match="not installed"):
        await api.get(f"{APP}/issues")
    placed.hub.world.install(placed.app, "acme")
    assert (await api.get(f"{APP}/issues")).json == []


async def test_a_permission_that_was_not_granted(placed: Placed) -> None:
    world = placed.hub.world
    world.uninstall(placed.installation)
    world.install(placed.app, "acme", permissions={"metadata": "read", "contents": "read"})
    api = placed.api()
    assert (await api.get(APP)).json["full_name"] == "acme/app"
    with pytest.raises(NotGranted, match="pull_requests: write"):
        await api.send("POST", f"{APP}/pulls", {"title": "x", "head": "a", "base": "main"})


async def test_a_renamed_repository(placed: Placed) -> None:
    api = placed.api()
    await api.get(APP)
    placed.hub.world.rename(placed.repo, "acme/new")
    assert (await api.get(APP)).json["full_name"] == "acme/new"
    assert api.renamed["acme/app"] == "acme/new"
    assert (await api.send("POST", f"{APP}/issues", {"title": "One"})).json["number"] == 1
    again = placed.api()
    assert (await again.get(APP)).json["full_name"] == "acme/new"


async def test_an_archived_repository(placed: Placed) -> None:
    placed.hub.world.archive(placed.repo)
    with pytest.raises(GithubRefused) as caught:
        await placed.api().send("POST", f"{APP}/issues", {"title": "One"})
    assert "unarchive" in caught.value.remedy


async def test_limits_are_kept(placed: Placed) -> None:
    api, limits = placed.api(), placed.hub.world.limits
    await api.get(APP)
    limits.secondary(30, method="POST")
    await commented(api)
    assert 30.0 in placed.time.slept
    limits.exhaust(40)
    await api.get(f"{APP}/issues")
    limits.exhaust(1800)
    with pytest.raises(RateLimited) as caught:
        await api.get(f"{APP}/issues")
    assert caught.value.until - placed.time.now > timedelta(minutes=29)


async def test_reading_survives_trouble_and_a_comment_is_never_made_twice(placed: Placed) -> None:
    api, limits = placed.api(), placed.hub.world.limits
    await api.get(APP)
    limits.trouble(502, 2, method="GET")
    limits.break_connection(method="GET")
    assert (await api.get(f"{APP}/issues")).json == []
    limits.break_connection(after=True, method="POST", path="/issues")
    with pytest.raises(Unreachable):
        await api.send("POST", f"{APP}/issues", {"title": "One"})
    assert len((await api.get(f"{APP}/issues")).json) == 1


async def test_no_token_is_told(placed: Placed) -> None:
    api = placed.api()
    with capture_logs() as logs:
        await commented(api)
        placed.hub.world.limits.secondary(5)
        await api.get(f"{APP}/issues")
        with pytest.raises(Absent) as caught:
            await api.get(f"{APP}/pulls/99")
    told = f"{logs} {caught.value!r} {caught.value} {api.tokens!r}"
    tokens = [str(one) for one in placed.hub.world.tokens]
    assert len(logs) == 1 and tokens and not [one for one in tokens if one in told]


async def test_git_fetches_and_pushes_with_tokens_that_are_minted_for_it(placed: Placed, tmp_path: Path) -> None:
    api, world = placed.api(), placed.hub.world
    addresses = Addresses(world.web)
    git = GitWorld(tmp_path / "git", PlainSandboxes())
    git.repositories = GitRepositories(
        git.home, git.sandboxes, operator=git.environment, credentials=GithubCredentials(api, addresses)
    )
    git.workspaces = GitWorkspaces(git.repositories)
    workspace = await git.opened(addresses.url("acme/app"))
    Path(workspace.path, "new").write_text("1\n")
    change = await git.take(workspace)
    pushed = await GitTargets(git.repositories).push(workspace.repository, "honk/t1", change.commit, over=None)
    assert pushed == "" and placed.repo.bare.branch("honk/t1") == change.commit
    assert placed.asked("DELETE", "/installation/token") == 1
    for path in git.home.rglob("*"):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        assert not [one for one in world.tokens if str(one).encode() in content], path
