"""Rows of bench/github.py about the API: what one task's life asks, and pull requests by the hundred."""

import argparse
import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.targets import GitTargets
from honk.adapters.git.workspaces import GitWorkspaces
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth
from honk.adapters.github.checks import GithubCi
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.discussions import GithubDiscussions
from honk.adapters.github.forge import GithubForge
from honk.adapters.github.memory import Remembered
from honk.adapters.github.own import Own
from honk.adapters.github.pacing import Pacing
from honk.adapters.github.trouble import RateLimited
from honk.adapters.github.users import NoUsers
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.domain.pull_request import Comment, Merged, MergeMethod, PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.testing.fake_github import FakeGitHub, Limits, Repo, Trouble
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes
from honk.wiring.github_contents import MirrorContents

NAME = "acme/app"
TASK = TaskId("t1")
ADA = Person(id=PersonId("ada"), name="Ada", identities=(Identity(kind=IdentityKind.GITHUB, value="ada"),))
#: requests that make content: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
A_MINUTE, AN_HOUR = 80, 500
#: seconds: https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
APART = 1
_MAKES = ("/pulls", "/issues", "/comments", "/reviews")
#: seconds for which GitHub asks to wait where it says nothing else
_REFUSED_FOR = 60


# ── Honk in front of GitHub, on a clock that waiting moves ───────────────────────────────────────
class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class Store:
    """Pull requests in memory."""

    kept: dict[TaskId, PullRequest] = field(default_factory=dict)

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest:
        self.kept[pull_request.task] = pull_request
        return pull_request

    async def pull_request(self, task: TaskId) -> PullRequest | None:
        return self.kept.get(task)

    async def save_comment(self, comment: Comment) -> None:
        """Nobody reads it."""


@dataclass
class Place:
    hub: FakeGitHub
    repo: Repo
    token: str
    clock: Clock
    git: GitWorld
    api: Api
    ci: GithubCi
    forge: GithubForge
    discussions: GithubDiscussions
    repository: Repository


@asynccontextmanager
async def placed(root: Path) -> AsyncIterator[Place]:
    """One repository at GitHub, in which Honk's app is installed."""
    clock = Clock()
    root.mkdir()
    async with FakeGitHub(root / "hub", clock=clock).serving() as hub:
        app = hub.world.app("honk")
        hub.world.user("ada")
        repo = hub.world.repository(NAME, {"README.md": "Music\n"})
        hub.world.collaborate(repo, "ada", "write")
        installation = hub.world.install(app, "acme")
        auth = AppAuth(app_id=str(app.id), private_key=Secret(app.private_key))
        async with Api(api_url=hub.url, web_url=hub.web, auth=auth, clock=clock, sleep=clock.sleep) as api:
            git, addresses, own = GitWorld(root, PlainSandboxes()), Addresses(hub.web), Own(api)
            credentials = GithubCredentials(api, addresses)
            git.repositories = GitRepositories(
                git.home, git.sandboxes, operator=git.environment, credentials=credentials
            )
            git.workspaces = GitWorkspaces(git.repositories)
            ci = GithubCi(api, own, web=hub.web)
            forge = GithubForge(
                api=api,
                target=GitTargets(git.repositories),
                contents=MirrorContents(git.repositories),
                records=Store(),
                users=NoUsers(),
                ci=ci,
                own=own,
                clock=clock,
            )
            yield Place(
                hub=hub,
                repo=repo,
                token=hub.world.installation_token(installation).value,
                clock=clock,
                git=git,
                api=api,
                ci=ci,
                forge=forge,
                discussions=GithubDiscussions(api, own, web=hub.web, identify=git.repositories.identify),
                repository=git.repositories.identify(addresses.url(NAME)),
            )


# ── one task's life ──────────────────────────────────────────────────────────────────────────────
@dataclass
class Phase:
    label: str
    #: status of each request
    asked: list[int]

    @property
    def free(self) -> int:
        return self.asked.count(304)


class Life:
    """Asks of the ports what the flow asks of them, in its order."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._seen = 0
        self.phases: list[Phase] = []

    def _phase(self, label: str) -> None:
        asked = self._place.hub.world.requests
        self.phases.append(Phase(label, [one.status for one in asked[self._seen :]]))
        self._seen = len(asked)

    async def live(self) -> None:
        place, forge, ci, repository = self._place, self._place.forge, self._place.ci, self._place.repository
        place.hub.world.protect(place.repo, "main", checks=["build"], reviews=1)
        workspace = await place.git.opened(repository.url)
        base = workspace.base.commit
        (Path(workspace.path) / "README.md").write_text("Music!\n")
        change = await place.git.take(workspace)
        verdict = self._verdict(change.tree, change.commit, await ci.required(repository, "main"))
        self._phase("fetch, what is required")

        wanted = PullRequest(
            task=TASK, number=0, branch=f"honk/{TASK}", base="main", head=change.commit, title="Fix it", body="Why",
            state=PullRequestState.DRAFT,
        )  # fmt: skip
        await forge.find(repository, TASK)
        published = await forge.publish(repository, wanted.branch, change.commit, over=None)
        assert not published.refused, published.refused
        pull = await forge.open(repository, wanted, by=ADA)
        await ci.report(repository, pull.head, verdict, key=f"{TASK}/{pull.head}")
        self._phase("publish, open, show the verdict")

        check = place.hub.people.check(place.repo, pull.head, "build", None)
        for number in range(3):
            await self._look(pull.head, base)
            self._phase(f"look {number + 1}, the check runs")

        place.hub.people.conclude(place.repo, check, "success")
        await self._look(pull.head, base)
        await self._look(pull.head, base)  # the flow concludes from what it reads itself
        there = await forge.find(repository, TASK)
        assert there is not None
        ready = replace(there, body="Why, and what was proven", state=PullRequestState.OPEN)
        pull = await forge.update(repository, ready)
        passed = replace(verdict, answer=Answer.PASS, pending=())
        await ci.report(repository, pull.head, passed, key=f"{TASK}/{pull.head}")
        self._phase("the check has passed, ready, verdict")

        review = place.hub.people.review("ada", place.repo, pull.number, "APPROVED", "Good")
        await self._heard(pull.number, str(review.id))
        there = await forge.find(repository, TASK)
        assert there is not None
        await forge.approve(repository, there, head=there.head, by=ADA, text="Good", key="a")
        self._phase("a review is heard, approved")

        await forge.find(repository, TASK)
        merged = await forge.merge(repository, there, head=there.head, method=MergeMethod.MERGE, message="Fix it")
        assert isinstance(merged, Merged), merged
        self._phase("merge")

    async def _look(self, head: Sha, base: Sha) -> None:
        await self._place.forge.find(self._place.repository, TASK)
        await self._place.ci.checks(self._place.repository, head, base=base)

    async def _heard(self, number: int, id: str) -> None:
        discussions = self._place.discussions
        repository = await discussions.repository(NAME)
        await discussions.review(repository, number, id)
        await discussions.issue(repository, number)
        await discussions.me()
        await discussions.permission(repository, "ada")

    def _verdict(self, tree: Sha, commit: Sha, pending: tuple[str, ...]) -> Verdict:
        found = Finding(verifier="tests", kind=Kind.TEST, answer=Answer.PASS, summary="12 tests passed")
        return Verdict(answer=Answer.UNSURE, tree=tree, commit=commit, findings=(found,), pending=pending)


async def requests(root: Path, options: argparse.Namespace) -> None:
    lives: list[list[Phase]] = []
    for remembers in (True, False):
        async with placed(root / str(remembers)) as place:
            if not remembers:
                place.api._remembered = Remembered(size=0)
            life = Life(place)
            await life.live()
            lives.append(life.phases)
    print("\nrequests of one task's life; an answer 304 counts for none of GitHub's limit")
    print(f"  {'':44}{'sent':>6}{'304':>6}{'count':>7}   without the memory: sent, all count   ratio")
    total = [Phase("in all", [status for one in life for status in one.asked]) for life in lives]
    for ours, other in (*zip(*lives, strict=True), total):
        counts, theirs = len(ours.asked) - ours.free, len(other.asked) - other.free
        ratio = f"{counts / theirs:.2f}" if theirs else ""
        print(f"  {ours.label:44}{len(ours.asked):6}{ours.free:6}{counts:7}   {theirs:12}{'':23}   {ratio}")


# ── a campaign ───────────────────────────────────────────────────────────────────────────────────
class Enforcing(Limits):
    """Refuses what makes more content than GitHub documents; what is refused makes none, and counts for none."""

    def enforce(self) -> "Enforcing":
        self.times: deque[datetime] = deque()
        self.refused = 0
        return self

    def next(self, method: str, path: str) -> Trouble | None:
        if method != "POST" or not path.endswith(_MAKES):
            return super().next(method, path)
        now = self.world.now()
        last = [sum(one > now - window for one in self.times) for window in (timedelta(minutes=1), timedelta(hours=1))]
        if last[0] < A_MINUTE and last[1] < AN_HOUR:
            self.times.append(now)
            return super().next(method, path)
        self.refused += 1
        refusal = self.secondary(_REFUSED_FOR)
        self.troubles.remove(refusal)
        return refusal


class Unpaced(Pacing):
    """Waits when GitHub says so, and never before."""

    async def _paced(self, lane: Any) -> None:
        return None


@dataclass
class Opened:
    label: str
    opened: int
    refused: int
    minutes: float
    put_off: int = 0


async def by_honk(root: Path, label: str, count: int, pacing: Callable[[Clock], Pacing]) -> Opened:
    async with placed(root) as place:
        limits, head = arranged(place, count)
        place.api._calls._pacing = pacing(place.clock)
        began, put_off = place.clock(), 0
        for number in range(count):
            wanted = PullRequest(
                task=TaskId(f"t{number}"), number=0, branch=f"honk/t{number}", base="main", head=head,
                title=f"Move to the new API, {number}", body="Why", state=PullRequestState.OPEN,
            )  # fmt: skip
            while True:
                try:
                    await place.forge.open(place.repository, wanted)
                    break
                except RateLimited as limited:  # the journal tries it again then
                    place.clock.now = max(place.clock.now, limited.until)
                    put_off += 1
        minutes = (place.clock() - began).total_seconds() / 60
        return Opened(label, len(place.repo.pulls()), limits.refused, minutes, put_off)


async def by_hand(root: Path, label: str, count: int) -> Opened:
    """One request after the other, and no second try."""
    async with placed(root) as place, httpx.AsyncClient() as client:
        limits, _ = arranged(place, count)
        headers = {"Authorization": f"Bearer {place.token}", "User-Agent": "bench"}
        for number in range(count):
            body = {"title": f"Move to the new API, {number}", "head": f"honk/t{number}", "base": "main"}
            await client.post(f"{place.hub.url}/repos/{NAME}/pulls", json=body, headers=headers)
        return Opened(label, len(place.repo.pulls()), limits.refused, 0.0)


def arranged(place: Place, count: int) -> tuple[Enforcing, Sha]:
    """The limits, and as many branches with a change on them."""
    head = place.hub.world.commit(place.repo, {"README.md": "Moved\n"}, "Move", branch="honk/t0")
    lines = "".join(f"create refs/heads/honk/t{number} {head}\n" for number in range(1, count))
    place.repo.bare.git("update-ref", "--stdin", stdin=lines.encode())
    place.hub.world.settle(place.repo)
    limits = Enforcing(place.hub.world).enforce()
    place.hub.world.limits = limits
    return limits, Sha(head)


def documented(count: int) -> float:
    """Minutes that the documented limits take at least: as much at once as they allow, then a whole window's wait."""
    hours, rest = divmod(count - 1, AN_HOUR)
    return max(0.0, hours * 60.0 + rest // A_MINUTE)


async def campaign(root: Path, options: argparse.Namespace) -> None:
    count = options.pulls
    made = (
        await by_honk(root / "paced", "Honk", count, lambda clock: Pacing(clock, clock.sleep)),
        await by_honk(root / "unpaced", "Honk without its pace, waits when refused", count,
                      lambda clock: Unpaced(clock, clock.sleep)),
        await by_hand(root / "hand", "one POST after the other, no second try", count),
    )  # fmt: skip
    least = documented(count)
    print(f"\n{count} pull requests; GitHub refuses beyond {A_MINUTE} in a minute and {AN_HOUR} in an hour")
    print(f"  {'':44}{'opened':>7}{'refused':>8}{'put off':>8}{'minutes':>9}   beside the least")
    print(f"  {'the least that the documented limits take':44}{count:7}{0:8}{0:8}{least:9.1f}")
    advised = max(least, (count - 1) * APART / 60)
    words = f"the same, {APART} s apart as GitHub advises"
    print(f"  {words:44}{count:7}{0:8}{0:8}{advised:9.1f}   {advised / least if least else 1:.2f}")
    for one in made:
        whole = one.opened == count and not math.isclose(least, 0.0)
        ratio = f"{one.minutes / least:.2f}" if whole else ""
        print(f"  {one.label:44}{one.opened:7}{one.refused:8}{one.put_off:8}{one.minutes:9.1f}   {ratio}")
