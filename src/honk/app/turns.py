"""Turns: how one begins, and how it goes on after a crash."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from honk.domain.audit import Entry
from honk.domain.event import MessageReceived, TaskAccepted, TaskRetried
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.repository import Repository
from honk.domain.task import LANDING, Task
from honk.domain.turn import Outcome, Point, Turn
from honk.errors import NotAllowed, NotNow
from honk.ports import Journal, Ports
from honk.steps.again import stands


@dataclass(frozen=True, kw_only=True)
class Turns:
    """What the verbs share: ports, journal, the policy, and the beginning of turns."""

    ports: Ports
    journal: Journal

    async def allow(self, person: Person, act: Act, task: Task) -> None:
        """Raises NotAllowed. Allowed or not, it is in the audit log."""
        await self.allow_on(person, act, task.repository, task)

    async def allow_on(self, person: Person, act: Act, repository: Repository | None, task: Task | None = None) -> None:
        """The same for an act on a repository, or on Honk itself."""
        decision = await self.ports.policy.ask(person, act, repository, task)
        await self.ports.audit.record(Entry.of(person, act, repository, task, decision, self.ports.clock()))
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
        now = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, now.turn)
        stays = last.outcome is Outcome.STOPPED and not await self.ports.tasks.spoken_since_stop(task.id)
        if found or stays:
            return found
        return await self.next_turn(task) is not None

    async def still_open(self, task: Task) -> Task:
        """The task as it is now. Raises Usage when it has landed: its pull request is closed."""
        now = await self.ports.tasks.get(task.id)
        if now.state in LANDING:
            raise NotNow(f"task {now.id} is {now.state}: its pull request is closed", "honk run begins a new task")
        return now

    async def start_turn(self, task: Task, turn: Turn, *, by: PersonId | None = None) -> None:
        """Says what was asked, once, and starts the work; at work already: no effect."""
        asked: dict[str, object] = {"task": task.id, "turn": turn.number}
        if turn.again:
            again = TaskRetried(point=turn.point)
            await self.ports.events.record(task.id, turn.number, again, actor=by, key=f"retried/{turn.name}")
            kept = stands(await self.finished_before(turn), Point(turn.point))
            asked |= {"again": turn.again, "kept": kept or {}}
        else:
            await self._say_what_was_asked(task, turn)
        await self.journal.start("turn", turn.workflow, json.dumps(asked))

    async def finished_before(self, turn: Turn) -> Mapping[str, str]:
        """Steps of the turn's latest round before this one that came to anything."""
        for again in range(turn.again - 1, -1, -1):
            if finished := await self.journal.finished(replace(turn, again=again).workflow):
                return finished
        return {}

    async def _say_what_was_asked(self, task: Task, turn: Turn) -> None:
        message = turn.message
        received = MessageReceived(message=message.id, text=message.text, handling="turn")
        said, key = (received, f"message/{message.id}") if turn.number > 1 else (_accepted(task), "accepted")
        await self.ports.events.record(task.id, turn.number, said, actor=message.by, key=key)


def _accepted(task: Task) -> TaskAccepted:
    return TaskAccepted(
        repository=task.repository.url,
        instruction=task.instruction,
        agent=task.options.agent,
        model=task.options.model,
        limits=task.options.limits,
    )
