"""Turns: how one begins, and how it goes on after a crash."""

import json
from dataclasses import dataclass

from honk.domain.event import MessageReceived, TaskAccepted
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import LANDING, Task
from honk.domain.turn import Outcome, Turn
from honk.errors import NotAllowed, NotNow
from honk.ports import Journal, Ports


@dataclass(frozen=True, kw_only=True)
class Turns:
    """What the verbs share: ports, journal, the policy, and the beginning of turns."""

    ports: Ports
    journal: Journal

    async def allow(self, person: Person, act: Act, task: Task) -> None:
        decision = await self.ports.policy.ask(person, act, task.repository, task)
        if not decision.allowed:
            raise NotAllowed(decision.reason)

    async def next_turn(self, task: Task) -> Turn | None:
        """The turn that is at work now: the one that has not ended, or that of the oldest queued message."""
        turn = await self.ports.tasks.begin_turn(task.id)
        if turn is not None:
            await self.start_turn(task, turn)
        return turn

    async def resume(self, task: Task) -> bool:
        """Goes on with whatever was cut off; False when nothing was. What a person stopped stays stopped."""
        found = False
        for workflow in await self.journal.unfinished():
            kind, of = workflow.split("/")[:2]
            if of == task.id:
                await self.journal.start(kind, workflow, "")
                found = True
        last = await self.ports.tasks.turn(task.id, task.turn)
        if found or last.outcome is Outcome.STOPPED:
            return found
        return await self.next_turn(task) is not None

    async def still_open(self, task: Task) -> Task:
        """The task as it is now. Raises Usage when it has landed: its pull request is closed."""
        now = await self.ports.tasks.get(task.id)
        if now.state in LANDING:
            raise NotNow(f"task {now.id} is {now.state}: its pull request is closed", "honk run begins a new task")
        return now

    async def start_turn(self, task: Task, turn: Turn) -> None:
        """Says what was asked, once, and starts the work; at work already: no effect."""
        message = turn.message
        received = MessageReceived(message=message.id, text=message.text, handling="turn")
        said, key = (received, f"message/{message.id}") if turn.number > 1 else (_accepted(task), "accepted")
        await self.ports.events.record(task.id, turn.number, said, actor=message.by, key=key)
        payload = json.dumps({"task": task.id, "turn": turn.number})
        await self.journal.start("turn", f"turn/{task.id}/{turn.number}", payload)


def _accepted(task: Task) -> TaskAccepted:
    return TaskAccepted(
        repository=task.repository.url,
        instruction=task.instruction,
        agent=task.options.agent,
        model=task.options.model,
        limits=task.options.limits,
    )
