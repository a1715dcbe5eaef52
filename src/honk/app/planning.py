"""A plan that waits: carried out, or cancelled. Any other words change it, as replies do."""

import uuid
from dataclasses import replace

from honk.app.turns import Turns
from honk.domain import plan as plans
from honk.domain.event import PlanProposed
from honk.domain.message import Message, MessageId
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import Options, State, Task
from honk.domain.turn import Outcome, Turn
from honk.errors import NotNow, Usage
from honk.steps.settle import settle_landing


class Planning(Turns):
    """Go, and Cancel."""

    async def approve_plan(self, person: Person, task: Task, *, plan: str = "", id: str = "") -> Turn:
        """The turn that carries the plan out. Raises NotNow when none waits, or another one than `plan`.

        A plan is approved once: of several people who press, the first begins the turn. With the same `id`
        the same turn is returned.
        """
        await self.allow(person, Act.STEER, task)
        task = await self.still_open(task)
        message = Message(id=MessageId(id or uuid.uuid4().hex), by=person.id, text="Go", at=self.ports.clock())
        begun = await self._begun_by(task, message.id) or await self._go(task, message, plan)
        if begun is None:
            raise NotNow(f"no plan of task {task.id} waits for a Go", f"honk show {task.id}")
        return begun

    async def plan_waiting(self, task: Task) -> PlanProposed | None:
        """The plan that waits for a Go."""
        if task.state is not State.WAITING:
            return None
        return plans.waiting(task, await self.ports.events.read(task.id))

    async def cancel_plan(self, person: Person, task: Task) -> bool:
        """Nobody carries out the plan that waits: the task rests. False when none waits, and none was cancelled."""
        task = await self.ports.tasks.get(task.id)
        waits = await self.plan_waiting(task)
        if waits is not None:
            await self.ports.tasks.cancel_plan(task.id, waits.name, plans.CANCELLED, by=person.id)
            task = await self.ports.tasks.get(task.id)
        if (task.state, task.reason) != (State.STOPPED, plans.CANCELLED):
            return False
        last = await self.ports.tasks.turn(task.id, task.turn)
        await settle_landing(task, f"cancelled/{last.name}", Outcome.STOPPED, ports=self.ports)
        return True

    async def said_go(self, task: Task, said: Message) -> Message:
        """The message; with the plan that it approves, where one waits and the words are a Go."""
        waits = await self.plan_waiting(task) if plans.is_go(said.text) else None
        return said if waits is None else replace(said, approves=waits.name)

    async def can_plan(self, task: Task, options: Options) -> None:
        """Raises Usage when a plan comes first, and the agent of these options makes none."""
        said = await self.ports.tasks.said(task.id, task.turn)
        if plans.comes_first(options, said) and not self.ports.agents[options.agent].plans:
            raise Usage(f"{options.agent} makes no plan, and no plan of {task.id} was approved", f"honk go {task.id}")

    async def _go(self, task: Task, message: Message, plan: str) -> Turn | None:
        waits = await self.plan_waiting(task)
        if waits is None:
            return None
        if plan not in {"", waits.name}:
            raise NotNow(f"plan {plan[:80]!r} of task {task.id} was changed since", f"honk show {task.id}")
        if not await self.ports.tasks.approve_plan(task.id, replace(message, approves=waits.name)):
            return None
        await self.next_turn(task)
        return await self._begun_by(task, message.id)

    async def _begun_by(self, task: Task, message: MessageId) -> Turn | None:
        now = await self.ports.tasks.get(task.id)
        for number in range(now.turn, 0, -1):
            turn = await self.ports.tasks.turn(task.id, number)
            if turn.message.id == message:
                return turn
        return None
