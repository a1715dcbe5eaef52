"""Words for a task that has begun: said to the agent at work, or kept for the next turn."""

import uuid
from dataclasses import replace

from honk.app.asking import checked
from honk.app.planning import Planning
from honk.domain.event import MessageReceived, QuestionAsked, TaskHandedOver
from honk.domain.message import NOTHING, Enclosed, Handling, Message, MessageId, Waiting
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.task import Options, State, Task
from honk.domain.turn import Outcome, Turn
from honk.errors import Unknown, Usage

#: What the next turn begins with when nobody says anything else.
_GO_ON = "Go on with this task: look at what is done, and finish what was asked."
#: States in which somebody listens, or soon will.
_LISTENING = frozenset({State.ACCEPTED, State.QUEUED, State.PREPARING, State.CODING})


class Steering(Planning):
    """Reply, with everything that can be done to a message that still waits; hand the task over."""

    async def reply(
        self,
        person: Person,
        task: Task,
        text: str,
        *,
        enclosed: Enclosed = NOTHING,
        id: str = "",
        handling: Handling = Handling.STEER,
    ) -> Turn | None:
        """The turn that the words begin; None when a turn is at work: its agent hears them, as `handling` says.

        Messages are heard in the order in which they came. Where the agent at work cannot hear, or has ended,
        they begin the next turn. The number of a choice is an answer to the question that was asked. While a plan
        waits, "go" has it carried out, and any other words have it changed.
        """
        await self.allow(person, Act.STEER, task)
        task = await self.still_open(task)
        said = await self._meant(task, checked(text))
        message_id = MessageId(id or uuid.uuid4().hex)
        message = Message(id=message_id, by=person.id, text=said, at=self.ports.clock()).enclosing(enclosed)
        await self._keep(task, message, handling)
        begun = await self.next_turn(task)
        if begun is not None and begun.message.id == message.id:
            return begun
        now = await self.still_open(task)
        if begun is not None:
            hears = self.ports.agents[now.options.agent].steers and now.state in _LISTENING
            how = str(handling) if hears else str(Handling.QUEUED)
            received = MessageReceived(message=message.id, text=message.text, handling=how)
            await self.ports.events.record(task.id, now.turn, received, actor=person.id, key=f"message/{message.id}")
        return None

    async def _keep(self, task: Task, message: Message, handling: Handling) -> None:
        """In the mailbox; as a Go, where the plan still waits that it approves."""
        go = await self.said_go(task, message)
        if not go.approves or not await self.ports.tasks.approve_plan(task.id, go):
            await self.ports.tasks.queue_message(task.id, message, handling)

    async def messages(self, task: Task) -> tuple[Waiting, ...]:
        """What waits, oldest first."""
        return await self.ports.tasks.waiting(task.id)

    async def edit(self, person: Person, task: Task, message_id: str, text: str) -> Message:
        """Other words for a message that still waits. Raises Unknown, or NotNow when the agent has it."""
        await self.allow(person, Act.STEER, task)
        found = await self._waiting(task, message_id)
        said = checked(text)
        await self.ports.tasks.edit_message(task.id, found.id, said, by=person.id)
        return replace(found, text=said)

    async def withdraw(self, person: Person, task: Task, message_id: str) -> Message:
        """A message that still waits is not worked on. Raises Unknown, or NotNow when the agent has it."""
        await self.allow(person, Act.STEER, task)
        found = await self._waiting(task, message_id)
        await self.ports.tasks.withdraw_message(task.id, found.id, by=person.id)
        return found

    async def hand_over(
        self, person: Person, task: Task, *, agent: str = "", model: str | None = None, text: str = "", id: str = ""
    ) -> Turn | None:
        """Another agent or model goes on, in the same workspace and pull request, beginning with these words.

        What the agent at work has done is kept. The turn; None when the one at work has to end first.
        """
        await self.allow(person, Act.STEER, task)
        task = await self.still_open(task)
        if id and await self._knows(task, MessageId(id)):
            return None
        options = await self._options(task, agent or task.options.agent, model)
        await self.can_plan(task, options)
        if options.agent == "command" and not text:
            raise Usage(
                "an agent that runs a command needs one", f'honk hand-over {task.id} --agent command "make fix"'
            )
        message_id = MessageId(id or uuid.uuid4().hex)
        message = Message(id=message_id, by=person.id, text=checked(text or _GO_ON), at=self.ports.clock())
        handed = TaskHandedOver(
            agent=options.agent,
            model=options.model,
            before_agent=task.options.agent,
            before_model=task.options.model,
        )
        await self.ports.tasks.set_options(task.id, options)
        await self.ports.events.record(task.id, task.turn, handed, actor=person.id, key=f"handed/{message_id}")
        last = await self.ports.tasks.turn(task.id, task.turn)
        if last.outcome is None:  # the message comes after the stop, so that the work goes on with it
            await self.ports.tasks.ask_stop(task.id, person.id)
        await self.ports.tasks.queue_message(task.id, message)
        begun = await self.next_turn(task)
        return begun if begun is not None and begun.message.id == message_id else None

    async def name_contact(self, person: Person, task: Task, to: PersonId) -> Task:
        """Another person is asked and told about the task from now on; nobody's rights change by it.

        Raises Usage for who may say nothing to the task themselves.
        """
        await self.allow(person, Act.STEER, task)
        other = await self.ports.tasks.get_person(to)
        may = await self.ports.policy.ask(other, Act.STEER, task.repository, task)
        if not may.allowed:
            raise Usage(f"{other.name} may say nothing to this task", may.reason)
        return await self.ports.tasks.name_contact(task.id, other, by=person.id)

    async def _knows(self, task: Task, id: MessageId) -> bool:
        """Whether the message was delivered by its door before."""
        said = {message.id for message in await self.ports.tasks.said(task.id, task.turn)}
        return id in said | {one.message.id for one in await self.messages(task)}

    async def _options(self, task: Task, agent: str, model: str | None) -> Options:
        if agent not in self.ports.agents:
            raise Usage(f"there is no agent {agent!r}", f"known: {', '.join(sorted(self.ports.agents))}")
        await self.ports.agents[agent].requirements()
        same = agent == task.options.agent
        if same and model in {None, task.options.model}:
            raise Usage(f"task {task.id} is in the hands of {agent} already", "name another --agent or --model")
        return replace(task.options, agent=agent, model=model)

    async def _waiting(self, task: Task, id: str) -> Message:
        """The one waiting message whose id begins so; another one is for the mailbox to judge."""
        waiting = [one.message for one in await self.messages(task)]
        found = [one for one in waiting if one.id == id] or [one for one in waiting if one.id.startswith(id)]
        if len(found) > 1:
            raise Usage(f"several messages begin with {id!r}", "type more of it")
        if not found:
            known = await self._knows(task, MessageId(id))
            told = "the agent has it already" if known else f"honk messages {task.id} lists those that wait"
            raise Unknown(f"task {task.id} has no waiting message {id!r}", told)
        return found[0]

    async def _meant(self, task: Task, text: str) -> str:
        """The choice, where the text is its number and a question with choices waits for an answer."""
        number = text.rstrip(".)").strip()
        last = await self.ports.tasks.turn(task.id, task.turn)
        if last.outcome is not Outcome.QUESTION or not number.isascii() or not number.isdigit():
            return text
        events = [one.data for one in await self.ports.events.read(task.id) if one.turn == task.turn]
        asked = [one for one in events if isinstance(one, QuestionAsked)]
        choices = asked[-1].choices if asked else ()
        return choices[int(number) - 1] if 1 <= int(number) <= len(choices) else text
