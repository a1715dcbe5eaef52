"""What one attempt holds while it runs, and what its events tell."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import anyio

from honk.domain.event import AgentFinished, AgentStarted
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.ports import Agent, Exam, Ports, Tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What one attempt is sent out with."""

    task: Task
    turn: Turn
    workspace: Workspace
    exam: Exam
    #: 1, 2, 3
    number: int
    #: what the gate said to the attempt before; "" for the first
    sent_back: str = ""


@dataclass(kw_only=True)
class Work:
    """Everything one attempt holds while it runs."""

    task: Task
    turn: Turn
    workspace: Workspace
    exam: Exam
    number: int
    parent: Sha
    agent: Agent
    ports: Ports
    #: returns when a person asked to stop
    stopping: Callable[[], Awaitable[None]]
    reminders: int = 0
    #: the tree that the agent saw verified last
    verified: Sha | None = None
    checking: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def tell(self) -> Tell:
        return partial(self.ports.events.record, self.task.id, self.turn.number)


async def was_begun(work: Work) -> bool:
    """Whether a crash cut this very attempt off."""
    return any(
        isinstance(event.data, AgentStarted) and event.data.attempt == work.number
        for event in await work.ports.events.read(work.task.id)
        if event.turn == work.turn.number
    )


async def used_seconds(work: Work) -> float:
    events = await work.ports.events.read(work.task.id)
    return sum(
        event.data.seconds
        for event in events
        if isinstance(event.data, AgentFinished) and event.turn == work.turn.number
    )
