"""The course of the demo: the app goes live as it is, is asked for, proven, merged and live again."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from honk.adapters.git.removal import remove
from honk.demo import script
from honk.demo.example import plant
from honk.demo.keyboard import Keyboard, in_hand
from honk.demo.local_network import LocalNetwork
from honk.demo.talk import Talk
from honk.demo.telling import Telling
from honk.demo.verbs import Verbs, at_page
from honk.domain.task import Options, State, Task
from honk.domain.text import Secret
from honk.doors.cli.following import show
from honk.doors.cli.output import Output
from honk.errors import HonkError, Usage
from honk.settings import Settings
from honk.testing.scripted_model import ScriptedModel
from honk.wiring import OpenHonk, open_honk
from honk.worker import worker_lock

_REPLAY = (
    "no key is set, so a recorded session stands in for the model; Claude Code, sandbox, gate, build and deployment "
    "are real. For the real model: ANTHROPIC_API_KEY=… and this command again (or ANTHROPIC_AUTH_TOKEN; "
    "ANTHROPIC_BASE_URL for a gateway)"
)
#: What stays between two demos: copies and environments that only cost time to make again.
_KEPT = frozenset({"runtime", "environments", "worker.lock", "trash"})


async def journey(settings: Settings, out: Telling, *, lan: bool) -> int:
    """Runs the demo; 0 when the change was merged and deployed. On a terminal it goes on until Ctrl-C."""
    async with _model(settings, out) as settings:
        home = settings.home / "demo"
        # The demo is a server of its own; what leads to the other one from outside does not lead here.
        # A log between the lines of the story would be a second story.
        quiet = settings.file.telemetry.model_copy(update={"level": "error"})
        file = settings.file.model_copy(update={"public_url": "", "telemetry": quiet})
        settings = settings.model_copy(update={"home": home, "file": file})
        async with AsyncExitStack() as stack:
            house = await _open(settings, stack)
            repository = await plant(home, settings.remote_environment)
            await stack.enter_async_context(house.working())
            await stack.enter_async_context(house.serving("127.0.0.1", settings.file.pages.port))
            verbs = Verbs(house=house, out=out, repository=repository)
            return await Demo(house=house, out=out, verbs=verbs).run(stack, lan=lan)


@asynccontextmanager
async def _model(settings: Settings, out: Telling) -> AsyncIterator[Settings]:
    """The settings to work with: the operator's own with a key, otherwise those of a scripted model."""
    if settings.has_key:
        out.say("live:", f"the model at {settings.file.model.base_url} writes the change", "bold")
        yield settings
        return
    out.replay = True
    out.say("replay:", _REPLAY, "bold")
    async with ScriptedModel(script.SCENARIOS, otherwise=script.UNKNOWN, pace=0.02, strict=False) as model:
        served = settings.file.model.model_copy(update={"base_url": model.url, "name": ""})
        file = settings.file.model_copy(update={"model": served})
        yield settings.model_copy(update={"file": file, "api_key": Secret("replay"), "model_proxy": Secret("")})


async def _open(settings: Settings, stack: AsyncExitStack) -> OpenHonk:
    if not stack.enter_context(worker_lock(settings.home)):
        raise Usage(f"another demo runs in {settings.home}", "end it first, or set HONK_HOME to another folder")
    for leftover in settings.home.iterdir():
        if leftover.name not in _KEPT:
            remove(leftover, settings.home / "trash")
    return await stack.enter_async_context(open_honk(settings))


@dataclass(frozen=True, kw_only=True)
class Demo:
    """One run of the demo."""

    house: OpenHonk
    out: Telling
    verbs: Verbs

    async def run(self, stack: AsyncExitStack, *, lan: bool) -> int:
        """The journey once; then, on a terminal, whatever the person asks."""
        before = await self._first_version()
        network = LocalNetwork(house=self.house, out=self.out, verbs=self.verbs, stack=stack, before=before)
        if lan:
            await network.open()
        self.out.gap()
        self.out.say("you", f"“{script.INSTRUCTION}”", "bold")
        task = await self.verbs.ask(script.INSTRUCTION)
        if not (self.out.terminal and in_hand(sys.stdin.fileno())):
            return await self._land(task, before)
        with Keyboard(sys.stdin.fileno()) as keyboard:
            talk = Talk(verbs=self.verbs, out=self.out, keyboard=keyboard, network=network, before=before)
            await talk.run(task)
        return 0

    async def _first_version(self) -> str:
        """Puts the app as it is into production, so that there is a before; returns its address, which stays."""
        self.out.gap()
        self.out.say("before", "Overtone, a small music player, goes live as it is; one of its playlists is empty")
        quiet = Output()
        quiet.silence()
        options = Options(agent="command", merge=True)
        with self.out.waiting("the first version: changed by the `command` agent, verified, merged, deployed"):
            repository = str(self.verbs.repository)
            task = await self.house.app.submit(self.house.person, repository, script.FIRST_VERSION, options)
            settled = await show(self.house, quiet, task, 0)
        shown = await self.verbs.card(task)
        if settled.state != State.DEPLOYED or shown.production is None or shown.build is None:
            raise HonkError(f"the first version was not deployed: {settled.state} {settled.reason}")
        before = at_page(shown.build.preview_url or shown.production)
        self.out.link("", before)
        return before

    async def _land(self, task: Task, before: str) -> int:
        """Merges without asking, as when there is nobody to ask."""
        if task.state is not State.PROPOSED:
            self.out.say("ended", f"not merged: the task is {task.state}: {task.reason}", "yellow")
            return 1
        self.out.gap()
        task = await self.verbs.merge(task)
        await self.verbs.compare(task, before)
        self.out.say("ended", "there is no terminal to ask, so the demo ends here and the addresses with it")
        return 0 if task.state is State.DEPLOYED else 1
