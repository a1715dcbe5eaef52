"""A team's Slack in front of a real `honk serve`: the demo's repository, the real Claude Code, a scripted model."""

import getpass
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import httpx
import run_world
from run_world import Honk, Running
from serve_world import SCOPES

from honk.demo import script
from honk.demo.example import plant
from honk.testing.fake_slack import FakeSlack, Message, View
from honk.testing.scripted_model import Call, Say, Scenario, ScriptedModel
from partners.local_slack import LocalSlack

#: ada merges once she is linked; ben is known and may not; cleo is nobody but a user of Slack
SETTINGS = """
public_url = "{public}"
[model]
name = ""
[slack]
mode = "{mode}"
api_url = "{api}"
[repositories]
music-player = "{repository}"
[people.ada]
name = "Ada Lovelace"
identities = ["local:{user}"]
[people.ben]
name = "Ben Bitdiddle"
identities = ["slack:U0BEN"]
[[roles]]
repositories = ["*"]
people = ["ada"]
may = ["ask", "steer", "merge", "deploy", "administer"]
[[roles]]
repositories = ["*"]
people = ["*"]
may = ["ask", "steer"]
"""
_RESTORED = ("api/catalogue.py", "tests/test_catalogue.py")
#: the demo's session without its first attempt, which hides the symptom
_READ, *_STEPS = [
    replace(step, calls=tuple(one for one in step.calls if not str(one.input.get("file_path")).endswith(_RESTORED)))
    for step in script.SCENARIOS[0].steps[script.SECOND_ATTEMPT :]
    if isinstance(step, Say)
]
#: what people say to the agent while it works, and what it must have heard afterwards
STEERED = "and leave the colours alone"
FIX = Scenario(
    "fix", (replace(_READ, text=_READ.text * 3, hold="at work"), *_STEPS), words="crash when a playlist is empty"
)
FRIENDLIER = script.SCENARIOS[1]
ENDLESS = Scenario(
    "endless", [Say("This takes a while.", (Call("Bash", {"command": "python3 -c 'import time; time.sleep(90)'"}),))]
)


@dataclass(kw_only=True)
class Place:
    """Everybody and everything of one story."""

    slack: LocalSlack | FakeSlack
    home: Honk
    model: ScriptedModel
    repository: Path
    public: str
    #: what the server said, of every time that it ran
    heard: list[Running] = field(default_factory=list)

    # ── the server ─────────────────────────────────────────────────────────────────────────────
    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """`honk serve`, once Slack has it."""
        port = self.public.rsplit(":", 1)[1]
        async with self.home.started("serve", "--port", port) as running:
            self.heard.append(running)
            with anyio.fail_after(30):
                await running.says(r"serving \S+ on \S+;")
            yield

    async def token(self) -> str:
        """What ada signs in with."""
        made = await self.home("token", "create", "--name", "phone", *(f"--scope={one}" for one in SCOPES))
        assert made.code == 0, made.words
        return made.out.strip()

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """A phone's browser in which ada has signed in."""
        async with httpx.AsyncClient(base_url=self.public, trust_env=False) as client:
            nonce = _nonce((await client.get("/sign-in")).text)
            await client.post("/sign-in", data={"nonce": nonce, "token": await self.token()})
            yield client

    async def link(self, browser: httpx.AsyncClient, user: str) -> None:
        """From `/honk link` over the page to the code."""
        before = len(self.slack.ephemeral(user))
        await self.slack.command(user, "general", "/honk", "link")
        offered = await self.until(lambda: self.slack.ephemeral(user)[before:])
        page = str(next(one for one in _buttons(offered[0].blocks) if one["text"]["text"] == "Open the page")["url"])
        shown = await browser.get(page)
        agreed = await browser.post(page, data={"nonce": _nonce(shown.text)})
        code = re.search(r"<span>(\d{4})</span><span>(\d{4})</span>", agreed.text)
        assert code is not None, agreed.text
        await self.slack.press(user, offered[0].ts, "I have the code…")
        await self.modal(user, "The code from the page")
        await self.slack.submit(user, {"code": f"{code[1]} {code[2]}"})
        await self.until(lambda: not self.slack.views(user))

    # ── the repository ─────────────────────────────────────────────────────────────────────────
    def git(self, *argv: str, stdin: bytes | None = None) -> str:
        return self.home.git(self.repository, *argv, stdin=stdin)

    async def goes_live(self) -> str:
        """The app as it is, deployed once; where people find it."""
        quick = ("--agent", "command", "--verify", "python3 -m unittest tests.test_summary", "--no-build", "--merge")
        done = await self.home.run(self.repository, script.FIRST_VERSION, *quick)
        assert done.settled["state"] == "deployed", done.words
        return str(done.settled["production_url"])

    def somebody_pushes(self, branch: str) -> str:
        """A commit by hand on the branch of a task; what it was at before."""
        before = self.git("rev-parse", branch)
        commit = self.git("commit-tree", f"{branch}^{{tree}}", "-p", branch, "-m", "by hand")
        self.git("update-ref", f"refs/heads/{branch}", commit)
        return before

    # ── what people see ────────────────────────────────────────────────────────────────────────
    async def until(self, condition: Any, seconds: float = 25) -> Any:
        """What the condition gives once it is true; says what there is to see otherwise."""
        try:
            return await self.slack.until(condition, seconds)
        except TimeoutError:
            seen = [f"{one.thread_ts} {one.user}: {one.text} {shown(one)}" for one in self.slack.messages("general")]
            modals = [str(one.content["blocks"]) for one in self.slack.views("ada")]
            server = self.heard[-1].err.decode()[-4000:] if self.heard else ""
            raise AssertionError("\n".join(["never seen:", *seen, *modals, server])) from None

    def said(self, ts: str) -> list[Message]:
        """What Honk says in the thread."""
        return [one for one in self.slack.thread("general", ts) if one.user == self.slack.app.user]

    async def card(self, ts: str, *words: str, seconds: float = 25) -> Message:
        """The card of the thread, once these words are on it."""
        return await self.until(
            lambda: next((one for one in self.said(ts)[:1] if all(each in shown(one) for each in words)), None), seconds
        )

    async def message(self, ts: str, words: str, number: int = 1) -> Message:
        """The message of that number with these words, besides the card."""
        return (await self.until(lambda: [one for one in self.said(ts)[1:] if words in shown(one)][number - 1 :]))[0]

    async def modal(self, user: str, words: str) -> View:
        """The modal in front, once it shows these words."""
        return await self.until(
            lambda: next((one for one in self.slack.views(user) if words in str(one.content)), None)
        )

    async def reacted(self, ts: str, *names: str) -> None:
        """The message has these reactions and no others."""
        await self.until(lambda: set(self.slack.reactions("general", ts)) == set(names))


def shown(message: Message) -> str:
    """Every word that a message shows."""
    return " ".join(_texts(message.blocks))


def labels(message: Message) -> list[str]:
    """Its buttons."""
    return [str(one["text"]["text"]) for one in _buttons(message.blocks)]


def target(message: Message, label: str) -> str:
    """Where a button leads."""
    return str(next(one for one in _buttons(message.blocks) if one["text"]["text"] == label)["url"])


def _buttons(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for block in blocks for one in block.get("elements", []) if one.get("type") == "button"]


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in _texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    return [value] if isinstance(value, str) else []


def _nonce(page: str) -> str:
    found = re.search(r'name="nonce" value="(\w+)"', page)
    assert found is not None, page
    return found[1]


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def place(*, partner: bool, mode: str = "socket") -> AsyncIterator[Place]:
    """The partner's Slack, or the fake; the server is not at work yet."""
    async with AsyncExitStack() as stack:
        home = stack.enter_context(run_world.world())
        public = f"http://localhost:{_free_port()}"
        slack: LocalSlack | FakeSlack = (
            LocalSlack() if partner else FakeSlack(request_url=f"{public}/slack/events" if mode == "http" else "")
        )
        await stack.enter_async_context(slack)
        scenarios = [FIX, FRIENDLIER, ENDLESS]
        model = await stack.enter_async_context(ScriptedModel(scenarios, key=run_world.KEY, strict=False))
        repository = await plant(home.root, home.environment)
        tokens = {"SLACK_BOT_TOKEN": slack.app.bot_token, "SLACK_APP_TOKEN": slack.app.app_token}
        home = home.on(model.url, **tokens, SLACK_SIGNING_SECRET=slack.app.signing_secret)
        home.home.mkdir()
        text = SETTINGS.format(public=public, mode=mode, api=slack.api, repository=repository, user=getpass.getuser())
        (home.home / "honk.toml").write_text(text)
        yield Place(slack=slack, home=home, model=model, repository=repository, public=public)
