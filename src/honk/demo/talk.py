"""What a person can do in the demo once there is a build: merge, reply, ask, undo, look, end."""

import asyncio
from dataclasses import dataclass, field

from honk.demo import script
from honk.demo.keyboard import Keyboard
from honk.demo.local_network import LocalNetwork
from honk.demo.telling import Telling
from honk.demo.verbs import Verbs
from honk.domain.task import State, Task
from honk.domain.verdict import Answer
from honk.errors import HonkError

_LANDED = frozenset({State.MERGED, State.DEPLOYED})
_SUCH_AS = script.FOLLOW_UP[0].lower() + script.FOLLOW_UP[1:]
_RECORDED = {"fix": script.INSTRUCTION, "friendlier": script.FOLLOW_UP}


@dataclass(kw_only=True)
class Talk:
    """The conversation at the prompt."""

    verbs: Verbs
    out: Telling
    keyboard: Keyboard
    network: LocalNetwork
    #: address of the app as it was before
    before: str
    #: recorded sessions that were played already
    _played: set[str] = field(default_factory=lambda: {"fix"})

    async def run(self, task: Task) -> None:
        """Until Ctrl-C, Ctrl-D or `q`. Errors are said, and the conversation goes on."""
        await self.verbs.compare(task, self.before)
        while True:
            words = await self._asked(task)
            if words is None or words.lower() in {"q", "quit", "exit"}:
                self.out.say("ended", "nothing is left running; the same command begins anew")
                return
            try:
                task = await self._do(task, words)
            except HonkError as error:
                self.out.error(error)

    async def _asked(self, task: Task) -> str | None:
        """The next line that the person types; None at the end."""
        self.out.gap()
        self.out.say("now", await self._offer(task), "bold")
        undo = "u  undo · " if task.state is State.DEPLOYED else ""
        self.out.say("now", f"{undo}d  diff · l  open it on your phone · q or Ctrl-C  end", "dim")
        early = self.keyboard.forget()
        if early:
            self.out.say("now", f"(typed while the work went on, and not taken: {early})", "yellow")
        self.out.ask()
        try:
            words = await self.keyboard.line()
        except asyncio.CancelledError:
            # Ctrl-C is the usual way to end a demo that waits, so it is no failure.
            if (this := asyncio.current_task()) is not None:
                this.uncancel()
            words = None
        if words is None:
            self.out.gap()
        return words.strip() if words is not None else None

    async def _offer(self, task: Task) -> str:
        match task.state:
            case State.PROPOSED:
                such_as = "" if self._played == set(_RECORDED) else f", such as: {_SUCH_AS}"
                merge = "Open both links. Enter merges and deploys exactly this change"
                return f"{merge}; or type what should be different{such_as}"
            case State.DEPLOYED:
                return "It is live: reload the page. Type what to do next, and a new task begins"
            case State.MERGED:
                return "Reload the page. Type what to do next, and a new task begins"
        merge = "; or m merges it although not all is proven" if await self._unsure(task) else ""
        return f"The task is {task.state}: {task.reason}. Type what should be different{merge}"

    async def _do(self, task: Task, words: str) -> Task:
        match words.lower():
            case "l":
                await self.network.open()
            case "d":
                await self.verbs.diff(task)
            case "u":
                return await self._undo(task)
            case "" | "m":
                return await self._merge(task, anyway=words != "")
            case _ if len(words) < 3:
                self.out.say("?", f"{words!r} is no key here, and too short to be an instruction")
            case _:
                return await self._say(task, words)
        return task

    async def _undo(self, task: Task) -> Task:
        if task.state is not State.DEPLOYED:
            self.out.say("undo", "there is nothing to undo: this change is not live")
            return task
        task = await self.verbs.undo(task)
        self.out.say("undo", task.reason.removeprefix("undone: ") or f"the task is {task.state}")
        return task

    async def _merge(self, task: Task, *, anyway: bool) -> Task:
        unsure = anyway and await self._unsure(task)
        if task.state is not State.PROPOSED and not unsure:
            self.out.say("merge", "there is nothing to merge now")
            return task
        task = await self.verbs.merge(task, accept_unsure=unsure)
        await self.verbs.compare(task, self.before)
        return task

    async def _say(self, task: Task, words: str) -> Task:
        """A reply, or a new task once this one has landed."""
        if self.out.replay:
            recorded = self._recorded(words)
            if recorded is None:
                return task
            words = recorded
        task = await (self.verbs.ask(words) if task.state in _LANDED else self.verbs.reply(task, words))
        await self.verbs.compare(task, self.before)
        return task

    def _recorded(self, words: str) -> str | None:
        """The instruction of a recorded session that was meant; None, with a plain word, when there is none."""
        for scenario in script.SCENARIOS:
            if scenario.words.lower() in words.lower() and scenario.name not in self._played:
                self._played.add(scenario.name)
                return _RECORDED[scenario.name]
        rest = [words for name, words in _RECORDED.items() if name not in self._played]
        more = f"it still knows: {' · '.join(rest)}" if rest else "it has shown all that it knows"
        self.out.say("replay:", f"this is a replay and cannot answer that; {more}. With a key, ask for anything.")
        return None

    async def _unsure(self, task: Task) -> bool:
        verdict = (await self.verbs.card(task)).verdict
        return task.state is State.DRAFT and verdict is not None and verdict.answer is Answer.UNSURE
