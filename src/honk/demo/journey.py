"""The course of the demo, told in the terminal."""

import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from honk.demo import script
from honk.demo.example import plant
from honk.demo.keyboard import Keyboard
from honk.demo.local_network import LocalNetwork
from honk.domain.task import Options, State, Task
from honk.domain.text import Secret
from honk.doors.cli.following import last_seq, show
from honk.doors.cli.output import Output
from honk.errors import HonkError, Usage
from honk.settings import Settings
from honk.testing.scripted_model import ScriptedModel
from honk.views import card
from honk.wiring import OpenHonk, open_honk

_REPLAY = (
    "replay: no key is set, so a recorded session stands in for the model; everything else is real. "
    "For the real model: ANTHROPIC_API_KEY=… make demo (or ANTHROPIC_AUTH_TOKEN, with ANTHROPIC_BASE_URL)"
)
_LIVE = "live: the model at {} writes the change"
#: What stays between two demos: copies and environments that only cost time to make again.
_KEPT = frozenset({"runtime", "environments", "worker.lock"})


async def journey(settings: Settings, out: Output, *, lan: bool) -> int:
    """Runs the demo; 0 when the change was merged and deployed. On a terminal it goes on until Ctrl-C."""
    async with _model(settings, out) as (settings, replay):
        home = settings.home / "demo"
        settings = settings.model_copy(update={"home": home})
        async with AsyncExitStack() as stack:
            house = await _open(settings, stack)
            repository = await plant(home, settings.remote_environment)
            demo = Demo(house=house, out=out, repository=repository, replay=replay)
            await stack.enter_async_context(house.working())
            await stack.enter_async_context(house.serving("127.0.0.1", settings.file.pages.port))
            return await demo.run(stack, lan=lan)


@asynccontextmanager
async def _model(settings: Settings, out: Output) -> AsyncIterator[tuple[Settings, bool]]:
    """The settings to work with: the operator's own with a key, otherwise those of a scripted model."""
    if settings.has_key:
        out.line(_LIVE.format(settings.file.model.base_url))
        yield settings, False
        return
    out.line(_REPLAY, "bold")
    async with ScriptedModel(script.SCENARIOS, otherwise=script.UNKNOWN, pace=0.02, strict=False) as model:
        served = settings.file.model.model_copy(update={"base_url": model.url, "name": ""})
        file = settings.file.model_copy(update={"model": served})
        yield settings.model_copy(update={"file": file, "api_key": Secret("replay"), "model_proxy": Secret("")}), True


async def _open(settings: Settings, stack: AsyncExitStack) -> OpenHonk:
    from honk.worker import worker_lock

    if not stack.enter_context(worker_lock(settings.home)):
        raise Usage(f"another demo runs in {settings.home}", "end it first, or set HONK_HOME to another folder")
    for leftover in settings.home.iterdir():
        if leftover.name not in _KEPT:
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return await stack.enter_async_context(open_honk(settings))


@dataclass(kw_only=True)
class Demo:
    """One run of the demo."""

    house: OpenHonk
    out: Output
    repository: Path
    replay: bool

    async def run(self, stack: AsyncExitStack, *, lan: bool) -> int:
        """The journey once; then, on a terminal, whatever the person asks."""
        before = await self._first_version()
        network = LocalNetwork(house=self.house, out=self.out, stack=stack, before=before)
        if lan:
            await network.open()
        self._say(f"\nasked: {script.INSTRUCTION}\n")
        task = await self._ask(script.INSTRUCTION)
        interactive = self.out.terminal and sys.stdin.isatty()
        if not interactive:
            return await self._land_and_report(task, before)
        async with Keyboard() as keyboard:
            await self._talk(task, keyboard, network, before)
        return 0

    async def _first_version(self) -> str:
        """Puts the app as it is into production, so that there is a before; returns its preview's address."""
        self._say("first, the app as it is goes live (the `command` agent bumps its version) …")
        options = Options(agent="command", merge=True)
        quiet = Output(json_lines=False)
        quiet.silence()
        task = await self.house.app.submit(self.house.person, str(self.repository), script.FIRST_VERSION, options)
        settled = await show(self.house, quiet, task, 0)
        shown = await card(await self._now(task), ports=self.house.app.ports)
        if settled.state != State.DEPLOYED or shown.production is None or shown.build is None:
            raise HonkError(f"the first version was not deployed: {settled.state} {settled.reason}")
        self._say(f"live before: {shown.production}")
        return shown.build.preview_url or shown.production

    async def _ask(self, words: str) -> Task:
        options = Options(model=self.house.defaults.model or None, limits=self.house.defaults.limits)
        task = await self.house.app.submit(self.house.person, str(self.repository), words, options)
        await show(self.house, self.out, task, 0)
        return await self._now(task)

    async def _reply(self, task: Task, words: str) -> Task:
        after = await last_seq(self.house, task)
        await self.house.app.reply(self.house.person, task, words)
        await show(self.house, self.out, task, after)
        return await self._now(task)

    async def _merge(self, task: Task) -> Task:
        after = await last_seq(self.house, task)
        await self.house.app.merge(self.house.person, task, method=self.house.defaults.merge)
        await show(self.house, self.out, task, after)
        return await self._now(task)

    async def _land_and_report(self, task: Task, before: str) -> int:
        if task.state is not State.PROPOSED:
            self._say(f"not merged: the task is {task.state}: {task.reason}")
            return 1
        task = await self._merge(task)
        self._say(f"\nbefore: {before}")
        shown = await card(task, ports=self.house.app.ports)
        self._say(f"after:  {shown.production}")
        return 0 if task.state is State.DEPLOYED else 1

    async def _talk(self, task: Task, keyboard: Keyboard, network: LocalNetwork, before: str) -> None:
        while True:
            self._say(f"\n{_prompt(task)}", "bold")
            words = (await keyboard.line()).strip()
            try:
                if words == "l":
                    await network.open()
                elif words == "u" and task.state is State.DEPLOYED:
                    task = await self._undo(task)
                elif not words and task.state is State.PROPOSED:
                    task = await self._merge(task)
                    self._say(f"before: {before}")
                elif words and task.state in {State.MERGED, State.DEPLOYED}:
                    task = await self._ask(words)
                elif words:
                    task = await self._reply(task, words)
            except HonkError as error:
                self.out.error(error)

    async def _undo(self, task: Task) -> Task:
        after = await last_seq(self.house, task)
        await self.house.app.undo(self.house.person, task)
        await show(self.house, self.out, task, after)
        return await self._now(task)

    async def _now(self, task: Task) -> Task:
        return await self.house.app.ports.tasks.get(task.id)

    def _say(self, text: str, style: str = "") -> None:
        self.out.line(text, style)


def _prompt(task: Task) -> str:
    keys = "l + Enter opens it to your phone, Ctrl-C ends."
    if task.state is State.PROPOSED:
        return f"Try the build above. Enter merges and deploys it; or say what should be different. {keys}"
    if task.state is State.DEPLOYED:
        return f"It is live. Ask for something else; u + Enter undoes the deployment; {keys}"
    return f"The task is {task.state}. Say what should be different; {keys}"
