"""A new task: accepted from a door, once."""

import re
import uuid

from honk.app.turns import Turns
from honk.domain.limits import Limits
from honk.domain.message import NOTHING, Enclosed, Message, MessageId
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.errors import Usage
from honk.steps.code import first_words

#: An instruction longer than this is refused; 100 kB must work.
_INSTRUCTION_LIMIT = 1_000_000
#: A limit greater than this bounds nothing.
_GREATEST_LIMIT = 1_000_000_000


class Asking(Turns):
    """Submit, and find what was submitted before."""

    async def submit(
        self, person: Person, address: str, text: str, options: Options, *, enclosed: Enclosed = NOTHING, id: str = ""
    ) -> Task:
        """Accepts a task and starts its first turn. Raises Usage for what makes no sense.

        `id` is the door's own of the message: delivered again, it is the same task.
        """
        instruction = checked(text)
        _bounded(options.limits)
        for given in (options.base, options.model, options.asked_at, options.title, *options.verify):
            if given is not None and not _is_text(given):
                raise Usage(f"{given[:80]!r} has a NUL, or bytes that are not UTF-8", "write it as plain text in UTF-8")
        ports = self.ports
        if options.agent not in ports.agents:
            raise Usage(f"there is no agent {options.agent!r}", f"known: {', '.join(sorted(ports.agents))}")
        if options.plan and not ports.agents[options.agent].plans:
            raise Usage(f"the agent {options.agent!r} makes no plan", "leave --plan out, or take --agent claude")
        await ports.agents[options.agent].requirements()
        repository = ports.repositories.identify(address)
        await self.allow_on(person, Act.ASK, repository)
        now = ports.clock()
        task = Task(
            id=TaskId(_slug(options.title or instruction) + "-" + uuid.uuid4().hex[:6]),
            repository=repository,
            instruction=instruction,
            requested_by=person.id,
            state=State.ACCEPTED,
            options=options,
            created_at=now,
        )
        message_id = MessageId(id or uuid.uuid4().hex)
        message = Message(id=message_id, by=person.id, text=instruction, at=now).enclosing(enclosed)
        task = await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
        if ports.agents[options.agent].corrects and enclosed == NOTHING:
            await ports.pool.ahead(task, first_words(instruction))
        await self.start_turn(task, await ports.tasks.turn(task.id, 1))
        return task

    async def unfinished_twin(
        self, person: Person, address: str, text: str, options: Options, *, enclosed: Enclosed = NOTHING
    ) -> Task | None:
        """The same request by the same person that a crash or Ctrl-C cut off, so that asking again goes on."""
        repository = self.ports.repositories.identify(address)
        cut_off = frozenset(TaskId(one.split("/")[1]) for one in await self.journal.unfinished())
        for task in await self.ports.tasks.busy(person.id, cut_off):
            same = (task.repository.url, task.instruction, task.options, task.requested_by) == (
                repository.url,
                checked(text),
                options,
                person.id,
            )
            if same:
                first = await self.ports.tasks.turn(task.id, 1)
                if first.message.enclosed == enclosed:
                    return task
        return None


def checked(text: str) -> str:
    instruction = text.strip()
    if not instruction:
        raise Usage("the instruction is empty", "say in a sentence what should be different afterwards")
    if not _is_text(instruction):
        raise Usage("the instruction has a NUL, or bytes that are not UTF-8", "write it as plain text in UTF-8")
    if len(instruction) > _INSTRUCTION_LIMIT:
        raise Usage(f"the instruction is longer than {_INSTRUCTION_LIMIT:,} characters", "put the rest in a file")
    return instruction


def _is_text(text: str) -> bool:
    """Whether commits, commands and models can take it: no NUL, no half of a pair of surrogates."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _bounded(limits: Limits) -> None:
    """Raises Usage for limits that bound nothing, or allow nothing that could be."""
    for name, value in (("usd", limits.usd), ("calls", limits.calls), ("seconds", limits.seconds)):
        if value is not None and not 0 <= value <= _GREATEST_LIMIT:
            raise Usage(f"{value} is no limit of {name}", f"give a number from 0 to {_GREATEST_LIMIT:,}")


def _slug(instruction: str) -> str:
    """A few words of the instruction, as they may stand in a branch name."""
    words = re.findall(r"[a-z0-9]+", instruction.lower())[:5]
    return "-".join(words)[:40].strip("-") or "task"
