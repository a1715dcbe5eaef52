"""A team's GitHub in front of a real `honk serve`: an app, signed webhooks, git over HTTP, the real Claude Code."""

import json
import socket
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import anyio
import run_world
from github_secrets import Watch, watching
from run_world import Honk, Running

from honk.testing.fake_github import App, FakeGitHub, Issue, Pull, Repo
from honk.testing.fake_github.records import CheckRun
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel

T = TypeVar("T")
SECRET = "webhook-canary-4b7d"
MANIFEST = json.loads((Path(__file__).parents[2] / "deploy" / "github" / "app-manifest.json").read_text())
#: Ada asks and merges, Grace owns the code and reviews it; Cleo is nobody there
SETTINGS = """
public_url = "{public}"
[model]
name = ""
[github]
web_url = "{hub.web}"
api_url = "{hub.url}"
{more}
[people.ada]
name = "Ada Lovelace"
identities = ["local:ada", "github:ada"]
[people.grace]
name = "Grace Hopper"
identities = ["github:grace"]
[[roles]]
repositories = ["*"]
people = ["ada", "grace"]
may = ["ask", "steer", "merge", "deploy", "administer"]
"""
#: without webhooks Honk looks at the repositories that it knows
LOOKS = """
poll_seconds = 0.5
[repositories]
player = "{hub.web}/acme/player"
"""
PLAYER = '''\
"""Facts about a playlist."""


def summary(songs):
    seconds = sum(song["seconds"] for song in songs)
    return {"songs": len(songs), "average": seconds / len(songs)}
'''
TESTS = """\
import unittest

from player import summary


class SummaryTest(unittest.TestCase):
    def test_songs_have_an_average(self):
        self.assertEqual(summary([{"seconds": 60}, {"seconds": 120}])["average"], 90)
"""
MORE_TESTS = """
    def test_a_playlist_without_songs_has_a_summary(self):
        self.assertEqual(summary([]), {"songs": 0, "average": 0})
"""
CONFIG = """\
verify = ["python3 -m unittest -q"]

[checks]
wait = "required"

[pull_request]
labels = ["made-by-honk"]

[deploy]
workflow = "deploy.yml"
environment = "production"
inputs = { sha = "{commit}", to = "{environment}" }
"""
DEPLOY = """\
name: Deploy
on:
  workflow_dispatch:
    inputs:
      sha:
        required: true
      to:
        required: true
jobs: {}
"""
FILES = {
    "player.py": PLAYER,
    "test_player.py": TESTS,
    "CHANGELOG.md": "# Changes\n\n- The first version.\n",
    ".honk.toml": CONFIG,
    ".github/workflows/ci.yml": "name: CI\non: [push]\njobs: {}\n",
    ".github/workflows/deploy.yml": DEPLOY,
    ".github/CODEOWNERS": "*.py @grace\n",
    ".github/pull_request_template.md": "## What\n\n## Why\n\n## Testing\n\n## Checklist\n\n- [ ] Somebody listened\n",
}
#: what only the repository's own CI looks at
CI_LOG = (
    "Checking CHANGELOG.md\nCHANGELOG.md: no line about this change\n##[error]Process completed with exit code 1.\n"
)
CI_SAYS = "CHANGELOG.md: no line about this change"


def _read(path: str) -> Call:
    return Call("Read", {"file_path": f"/workspace/{path}"})


def _edit(path: str, old: str, new: str) -> Call:
    return Call("Edit", {"file_path": f"/workspace/{path}", "old_string": old, "new_string": new})


_VERIFY = Call("mcp__honk__verify")
_AVERAGE = "seconds / len(songs)"
_LAST_TEST = '        self.assertEqual(summary([{"seconds": 60}, {"seconds": 120}])["average"], 90)\n'
INSTRUCTION = "fix the crash when a playlist is empty"
FIX = Scenario(
    "fix",
    (
        Say("I look at what divides.", (_read("player.py"), _read("test_player.py"))),
        Say(
            "An average of nothing is nothing.",
            (
                _edit("player.py", _AVERAGE, f"{_AVERAGE} if songs else 0"),
                _edit("test_player.py", _LAST_TEST, _LAST_TEST + MORE_TESTS),
            ),
        ),
        Say("", (_VERIFY,)),
        Say("A playlist without songs has a summary now: no songs, and an average of zero."),
    ),
    words="crash when a playlist is empty",
)
MEND = Scenario(
    "mend",
    (
        Say("The changelog lacks a line.", (_read("CHANGELOG.md"),), expects=(CI_SAYS,)),
        Say("", (_edit("CHANGELOG.md", "- The first", "- Empty playlists crash no more.\n- The first"),)),
        Say("", (_VERIFY,)),
        Say("The changelog has a line about it."),
    ),
    words="checks that run at the repository's forge failed",
)
REMARK = "Every other average is a float: please return 0.0 here."
REVIEW = Scenario(
    "review",
    (
        Say("A float it is. " * 4, (_read("player.py"),), expects=(REMARK, "c1"), hold="review"),
        Say("", (_edit("player.py", "else 0}", "else 0.0}"),)),
        Say("", (_VERIFY,)),
        Say("I looked at every average.\n\nc1: done, an empty playlist has the average 0.0"),
    ),
    words="reviewed your pull request",
)


@dataclass(kw_only=True)
class Place:
    """Everybody and everything of one story."""

    hub: FakeGitHub
    app: App
    repo: Repo
    home: Honk
    model: ScriptedModel
    public: str
    #: what the server said, of every time that it ran
    heard: list[Running] = field(default_factory=list)
    watch: Watch = field(default_factory=Watch)

    # ── the server ─────────────────────────────────────────────────────────────────────────────
    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """`honk serve`, while it is watched what its processes show."""
        port = self.public.rsplit(":", 1)[1]
        async with self.home.started("serve", "--port", port) as running:
            self.heard.append(running)
            with anyio.fail_after(30):
                await running.says(r"serving \S+ on \S+;")
            async with watching(self.watch, running.process.pid):
                yield

    async def asks(self, *argv: str) -> list[Any]:
        """The lines of `honk … --json`; evidence in them may hold tracebacks."""
        command = [*self.home.command, *argv, "--json"]
        done = await anyio.run_process(command, env=self.home.environment, cwd=self.home.root)
        return [json.loads(one) for one in done.stdout.splitlines()]

    async def tasks(self) -> list[str]:
        """The ids of all tasks, oldest first."""
        return [one["task"] for one in await self.asks("tasks")][::-1]

    async def show(self, task: str) -> dict[str, Any]:
        """What `honk show` says."""
        [found] = await self.asks("show", task)
        assert isinstance(found, dict)
        return found

    async def rests(self, task: str, state: str) -> dict[str, Any]:
        """The same, once the task is in that state."""
        # Asked of the store: a command for each look would keep a processor busy, which the server needs.
        await self.until(lambda: self._of_store("select 1 from tasks where id = ? and state = ?", task, state))
        return await self.show(task)

    async def log(self, task: str) -> list[Any]:
        """Its events."""
        return await self.asks("log", task)

    async def worked_off(self) -> None:
        """Everything that was delivered has been dealt with."""
        await self.hub.world.hooks.settled()
        await self.until(lambda: not self._of_store("select 1 from deliveries where open limit 1"))

    def _of_store(self, query: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.home.home / 'honk.db'}?mode=ro", uri=True)) as store:
            return store.execute(query, values).fetchall()

    # ── what people see at GitHub ──────────────────────────────────────────────────────────────
    async def until(self, condition: Callable[[], T], seconds: float = 45) -> T:
        """What the condition gives once it is true; says what there is to see otherwise."""
        with anyio.move_on_after(seconds):
            while not (found := condition()):
                await anyio.sleep(0.05)
            return found
        raise AssertionError("\n".join(["never seen:", *self.seen()]))

    async def comes(self, awaited: Awaitable[object], seconds: float = 45) -> None:
        """Waits for what the model is asked; says the same otherwise."""
        with anyio.move_on_after(seconds):
            await awaited
            return
        raise AssertionError("\n".join(["never asked:", *self.seen()]))

    def seen(self) -> list[str]:
        """Everything that stands at GitHub, what the model complained of, and the end of the server's output."""
        found = [
            f"#{one.number} {one.title} [{one.state}{' draft' if one.pull and one.pull.draft else ''}]"
            for one in self.repo.issues.values()
        ]
        found += [f"#{one.issue.number} {one.user.login}: {one.body}" for one in self.repo.comments.values()]
        found += [f"line {one.user.login}: {one.body}" for one in self.repo.review_comments.values()]
        found += [f"check {one.name} {one.head_sha[:7]} {one.conclusion}" for one in self.repo.checks.values()]
        failed = [
            f"{one.event} -> {one.status} {one.answer}" for one in self.hub.world.hooks.deliveries if one.status != 202
        ]
        server = self.heard[-1].err.decode()[-6000:] if self.heard else ""
        asked = [f"{one.method} {one.path} -> {one.status}" for one in self.hub.world.requests[-12:]]
        return [*found, *failed[-5:], *asked, *self.model.complaints, server]

    def said(self, issue: Issue) -> list[str]:
        """What Honk says there, oldest first."""
        return [one.body for one in self.repo.comments.values() if one.issue is issue and one.user is self.app.bot]

    async def hears(self, issue: Issue, *words: str, seconds: float = 45) -> str:
        """What Honk says there with these words, once it does."""
        return await self.until(
            lambda: next((one for one in self.said(issue) if all(each in one for each in words)), ""), seconds
        )

    async def proposed(self, number: int = 1) -> tuple[Issue, Pull]:
        """The pull request of that place in the order of all."""
        issue = (await self.until(lambda: self.repo.pulls()[number - 1 :]))[0]
        assert issue.pull is not None
        return issue, issue.pull

    async def moved(self, pull: Pull, head: str) -> str:
        """Its next head."""
        await self.until(lambda: pull.head_sha != head)
        return pull.head_sha

    def read(self, commit: str, path: str) -> str:
        """A file on the git server."""
        return self.repo.bare.git("show", f"{commit}:{path}")

    def honks_check(self, head: str) -> CheckRun | None:
        """The check run in which Honk shows its verdict."""
        there = [one for one in self.repo.checks.values() if one.app is self.app and one.head_sha == head]
        assert len(there) <= 1, [(one.name, one.conclusion) for one in there]
        return there[0] if there else None

    async def ci(self, pull: Pull, conclusion: str) -> None:
        """The repository's own CI runs on the head, and ends."""
        run = self.hub.machines.run(self.repo, pull.head_ref, {"ci": None})
        await self.worked_off()
        steps = {"ci": [("Checkout", "success"), ("Changelog", conclusion)]}
        log = {"ci": CI_LOG if conclusion == "failure" else "Checking CHANGELOG.md\n"}
        self.hub.machines.jobs(self.repo, run, {"ci": conclusion}, logs=log, steps=steps)

    def everything(self) -> dict[str, Any]:
        """What people could notice."""
        world = self.hub.world
        return {
            "issues": [(one.number, one.title, one.body, one.state) for one in self.repo.issues.values()],
            "heads": [one.pull.head_sha for one in self.repo.pulls() if one.pull],
            "comments": [(one.id, one.body) for one in self.repo.comments.values()],
            "remarks": [(one.id, one.body, one.resolved_by) for one in self.repo.review_comments.values()],
            "reviews": [(one.id, one.state, one.body) for one in self.repo.reviews.values()],
            "checks": [(one.id, one.conclusion, one.summary) for one in self.repo.checks.values()],
            "statuses": len(self.repo.statuses),
            "branches": self.repo.bare.refs(),
            "merges": len(world.calls("PUT", "/merge")),
            "dispatches": len(world.calls("POST", "/dispatches")),
            "runs": len(self.repo.runs),
            "model": len(self.model.calls),
        }


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def place(*, app: bool = True, scenarios: Sequence[Scenario] = (FIX, MEND, REVIEW)) -> AsyncIterator[Place]:
    """With an app and webhooks, or with a personal token and looks; the server is not at work yet."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(run_world.world())
        public = f"http://localhost:{_free_port()}"
        folder = Path(home.root) / "hub"
        folder.mkdir()
        hub = await stack.enter_async_context(FakeGitHub(folder).serving())
        model = await stack.enter_async_context(ScriptedModel(scenarios, key=run_world.KEY, strict=False))
        world = hub.world
        for login in ("ada", "grace", "cleo", "honky"):
            world.user(login)
        found = world.app(
            "honk-acme",
            webhook_url=f"{public}/github/events" if app else "",
            webhook_secret=SECRET,
            permissions=MANIFEST["default_permissions"],
            events=MANIFEST["default_events"],
        )
        repo = world.repository("acme/player", FILES, private=False)
        for login in ("ada", "grace", "honky"):
            world.collaborate(repo, login, "write")
        if app:
            world.protect(repo, checks=["ci"], reviews=1)
            hub.machines.environment(repo, "production", reviewers=["grace"])
            hub.machines.run(repo, "main", {"ci": "success"})
            repo.mergeable_after = 1
            world.hooks.hold()
            world.install(found, repo.owner)
            lets_in = {
                "GITHUB_APP_ID": str(found.id),
                "GITHUB_APP_PRIVATE_KEY": found.private_key,
                "GITHUB_APP_CLIENT_ID": found.client_id,
                "GITHUB_APP_CLIENT_SECRET": found.client_secret,
                "GITHUB_WEBHOOK_SECRET": SECRET,
            }
        else:
            lets_in = {"HONK_GITHUB_TOKEN": world.personal_token("honky")}
        home = home.on(model.url, **lets_in)
        home.home.mkdir()
        text = SETTINGS.format(public=public, hub=hub, more="" if app else LOOKS.format(hub=hub))
        (home.home / "honk.toml").write_text(text)
        yield Place(hub=hub, app=found, repo=repo, home=home, model=model, public=public)
