"""What every door may do: submit, reply, stop, retry, merge, undo. Nothing here waits for the work itself."""

import json
import re
import uuid
from dataclasses import dataclass

from honk.domain.codec import dump
from honk.domain.event import MessageReceived, TaskAccepted
from honk.domain.message import Image, Message, MessageId
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.pull_request import MergeMethod
from honk.domain.task import BUSY, LANDING, Options, State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.errors import NeedsHuman, Usage
from honk.flow import Landing
from honk.ports import Journal, Ports
from honk.steps.settle import Ending, settle

#: An instruction longer than this is refused; 100 kB must work.
_INSTRUCTION_LIMIT = 1_000_000
_LANDABLE = frozenset({State.PROPOSED, State.DRAFT, State.WAITING, State.STOPPED, State.MERGED, State.DEPLOYED})


@dataclass(frozen=True, kw_only=True)
class App:
    """The verbs behind every door. Each asks the policy, and each may be delivered twice."""

    ports: Ports
    journal: Journal

    async def submit(
        self, person: Person, address: str, text: str, options: Options, *, images: tuple[Image, ...] = (), id: str = ""
    ) -> Task:
        """Accepts a task and starts its first turn. Raises Usage for what makes no sense.

        `id` is the door's own of the message: delivered again, it is the same task.
        """
        instruction = _checked(text)
        ports = self.ports
        if options.agent not in ports.agents:
            raise Usage(f"there is no agent {options.agent!r}", f"known: {', '.join(sorted(ports.agents))}")
        await ports.agents[options.agent].requirements()
        repository = ports.repositories.identify(address)
        decision = await ports.policy.ask(person, Act.ASK, repository, None)
        if not decision.allowed:
            raise NeedsHuman(decision.reason)
        now = ports.clock()
        task = Task(
            id=TaskId(_slug(instruction) + "-" + uuid.uuid4().hex[:6]),
            repository=repository,
            instruction=instruction,
            requested_by=person.id,
            state=State.ACCEPTED,
            options=options,
            created_at=now,
        )
        message_id = MessageId(id or uuid.uuid4().hex)
        message = Message(id=message_id, by=person.id, text=instruction, at=now, images=images)
        task = await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
        await self._start_turn(task, await ports.tasks.turn(task.id, 1))
        return task

    async def unfinished_twin(
        self, person: Person, address: str, text: str, options: Options, *, images: tuple[Image, ...] = ()
    ) -> Task | None:
        """The same request by the same person that a crash or Ctrl-C cut off, so that asking again goes on."""
        repository = self.ports.repositories.identify(address)
        cut_off = {one.split("/")[1] for one in await self.journal.unfinished()}
        for task in await self.ports.tasks.list(limit=1000):
            same = (task.repository.url, task.instruction, task.options, task.requested_by) == (
                repository.url,
                _checked(text),
                options,
                person.id,
            )
            if same and (task.id in cut_off or task.state in BUSY):
                first = await self.ports.tasks.turn(task.id, 1)
                if first.message.images == images:
                    return task
        return None

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

    async def reply(
        self, person: Person, task: Task, text: str, *, images: tuple[Image, ...] = (), id: str = ""
    ) -> Turn | None:
        """The next turn of the same task; None when it is queued behind the turn at work.

        Messages become turns in the order in which they came.
        """
        await self._allowed(person, Act.STEER, task)
        now = self.ports.clock()
        message = Message(
            id=MessageId(id or uuid.uuid4().hex), by=person.id, text=_checked(text), at=now, images=images
        )
        await self._open(task)
        await self.ports.tasks.queue_message(task.id, message)
        begun = await self.next_turn(task)
        if begun is not None and begun.message.id == message.id:
            return begun
        after = await self._open(task)
        if begun is not None:
            queued = MessageReceived(message=message.id, text=message.text, handling="queued")
            await self.ports.events.record(task.id, after.turn, queued, actor=person.id, key=f"message/{message.id}")
        return None

    async def _open(self, task: Task) -> Task:
        """The task as it is now. Raises Usage when it has landed: its pull request is closed."""
        now = await self.ports.tasks.get(task.id)
        if now.state in LANDING:
            raise Usage(f"task {now.id} is {now.state}: its pull request is closed", "honk run begins a new task")
        return now

    async def next_turn(self, task: Task) -> Turn | None:
        """The turn that is at work now: the one that has not ended, or that of the oldest queued message."""
        turn = await self.ports.tasks.begin_turn(task.id)
        if turn is not None:
            await self._start_turn(task, turn)
        return turn

    async def retry(self, person: Person, task: Task) -> Task:
        """Goes on where a crash cut it off, or sends the agent to work on the same words again."""
        await self._allowed(person, Act.STEER, task)
        if await self.resume(task) or await self.next_turn(task):
            return task
        if task.state in {State.PROPOSED, State.MERGED, State.DEPLOYED}:
            raise Usage(f"task {task.id} is {task.state}: there is nothing to retry", f"honk reply {task.id} …")
        last = await self.ports.tasks.turn(task.id, task.turn)
        await self.reply(person, task, last.message.text, images=last.message.images)
        return await self.ports.tasks.get(task.id)

    async def stop(self, person: Person, task: Task, *, working: bool) -> Task:
        """Asks the work to stop. `working` is False when no process works on it, so that it rests at once."""
        await self._allowed(person, Act.STOP, task)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        if task.state in LANDING or last.outcome is not None:
            raise Usage(f"task {task.id} is {task.state}: no turn is at work")
        await self.ports.tasks.ask_stop(task.id, person.id)
        if working:
            return task
        for workflow in await self.journal.unfinished():
            if workflow.split("/")[1] == task.id:
                await self.journal.cancel(workflow)
        stopped = Ending(outcome=Outcome.STOPPED, state=State.STOPPED, reason="stopped by a person")
        await settle(task, last, stopped, ports=self.ports)
        return await self.ports.tasks.get(task.id)

    async def merge(
        self, person: Person, task: Task, *, method: MergeMethod, accept_unsure: bool = False, act: str = ""
    ) -> str:
        """Starts merge and deployment of exactly the head that people see now; returns the act's id.

        The same `act` again has no effect: it names one press of the button. While a press is at work, or was
        cut off, a further one goes on with it.
        """
        await self._allowed(person, Act.MERGE, task)
        if (pressed := await self._goes_on("land", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        pull_request = await self.ports.records.pull_request(task.id)
        if pull_request is None or task.state not in _LANDABLE:
            raise Usage(f"task {task.id} is {task.state}: there is no pull request to merge", f"honk show {task.id}")
        act = act or uuid.uuid4().hex[:12]
        landing = Landing(by=person.id, head=pull_request.head, method=method, act=act, accept_unsure=accept_unsure)
        payload = json.dumps({"task": task.id, "landing": dump(Landing, landing)})
        await self.journal.start("land", f"land/{task.id}/{act}", payload)
        return act

    async def undo(self, person: Person, task: Task) -> str:
        """Starts the return to the version before; returns the act's id."""
        await self._allowed(person, Act.UNDO, task)
        if (pressed := await self._goes_on("undo", task)) is not None:
            return pressed
        task = await self.ports.tasks.get(task.id)
        if task.state is not State.DEPLOYED:
            raise Usage(f"task {task.id} is {task.state}: it is not deployed", f"honk show {task.id}")
        act = uuid.uuid4().hex[:12]
        payload = json.dumps({"task": task.id, "by": person.id, "act": act})
        await self.journal.start("undo", f"undo/{task.id}/{act}", payload)
        return act

    async def _goes_on(self, kind: str, task: Task) -> str | None:
        """The act of that kind which has not ended; cut off, it goes on."""
        for workflow in await self.journal.unfinished():
            if workflow.startswith(f"{kind}/{task.id}/"):
                await self.journal.start(kind, workflow, "")
                return workflow.rsplit("/", 1)[1]
        return None

    async def _start_turn(self, task: Task, turn: Turn) -> None:
        """Says what was asked, once, and starts the work; at work already: no effect."""
        message = turn.message
        received = MessageReceived(message=message.id, text=message.text, handling="turn")
        said, key = (received, f"message/{message.id}") if turn.number > 1 else (_accepted(task), "accepted")
        await self.ports.events.record(task.id, turn.number, said, actor=message.by, key=key)
        payload = json.dumps({"task": task.id, "turn": turn.number})
        await self.journal.start("turn", f"turn/{task.id}/{turn.number}", payload)

    async def _allowed(self, person: Person, act: Act, task: Task) -> None:
        decision = await self.ports.policy.ask(person, act, task.repository, task)
        if not decision.allowed:
            raise NeedsHuman(decision.reason)


def _accepted(task: Task) -> TaskAccepted:
    return TaskAccepted(
        repository=task.repository.url,
        instruction=task.instruction,
        agent=task.options.agent,
        model=task.options.model,
        limits=task.options.limits,
    )


def _checked(text: str) -> str:
    instruction = text.strip()
    if not instruction:
        raise Usage("the instruction is empty", "say in a sentence what should be different afterwards")
    if len(instruction) > _INSTRUCTION_LIMIT:
        raise Usage(f"the instruction is longer than {_INSTRUCTION_LIMIT:,} characters", "put the rest in a file")
    return instruction


def _slug(instruction: str) -> str:
    """A few words of the instruction, as they may stand in a branch name."""
    words = re.findall(r"[a-z0-9]+", instruction.lower())[:5]
    return "-".join(words)[:40].strip("-") or "task"
