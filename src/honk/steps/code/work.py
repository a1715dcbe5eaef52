"""What one attempt holds while it runs, and what its events tell."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from honk.domain.event import AgentFinished, AgentStarted, Event, QuestionAsked, TaskRetried, WorkResumed
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.domain.turn import Turn
from honk.domain.workspace import Workspace
from honk.ports import Agent, Attachment, Exam, Ports, Report, Tell


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
    #: a plan is wanted, and no change
    plans: bool = False


@dataclass
class Stopwatch:
    """Seconds for which something ran, also while it runs."""

    _before: float = 0.0
    _since: float | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        self._since = anyio.current_time()
        try:
            yield
        finally:
            self._before, self._since = self.seconds, None

    @property
    def seconds(self) -> float:
        return self._before + (0.0 if self._since is None else anyio.current_time() - self._since)


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
    #: a plan is wanted, and no change
    plans: bool = False
    #: how often the agent was kept from ending, with what the gate found
    sent_on: int = 0
    #: a stop or a limit ends its work: nothing is verified for it any more
    ending: bool = False
    #: messages on their way to the agent
    unheard: int = 0
    #: open while the agent's files are verified as it ends
    closing: anyio.CancelScope | None = None
    #: of this attempt, as the agent ended: it waits, so its time limit stands still
    verifying: Stopwatch = field(default_factory=Stopwatch)
    #: of this attempt, by runs of the agent that ended in a violent death
    seconds_lost: float = 0.0
    #: the tree that the agent saw verified last
    verified: Sha | None = None
    checking: anyio.Lock = field(default_factory=anyio.Lock)
    #: frames of recordings, by the digest of the recording
    frames: dict[str, tuple[Attachment, ...]] = field(default_factory=dict)
    #: whether the agent was told to begin: a stop ends its work, where before it ends the waiting for it
    at_work: bool = False

    @property
    def tell(self) -> Tell:
        return partial(self.ports.events.record, self.task.id, self.turn.number)


async def events_of(work: Work) -> tuple[Event, ...]:
    """What happened in this turn, since it was last begun."""
    events = [event for event in await work.ports.events.read(work.task.id) if event.turn == work.turn.number]
    begun = max((number for number, one in enumerate(events, 1) if isinstance(one.data, TaskRetried)), default=0)
    return tuple(events[begun:])


async def session_of(work: Work, otherwise: str) -> str:
    """The name of the session in which this agent works on the task: the recorded one, where there is one."""
    started = [event.data for event in await work.ports.events.read(work.task.id)]
    names = [one.session for one in started if isinstance(one, AgentStarted) and one.agent == work.agent.name]
    return names[-1] if names else otherwise


async def was_begun(work: Work) -> bool:
    """Whether a crash cut this very attempt off."""
    return any(
        isinstance(event.data, AgentStarted) and event.data.attempt == work.number for event in await events_of(work)
    )


async def finished(work: Work) -> Report | None:
    """How this very attempt of the agent ended, where a crash came between that and the hand-back.

    None when the agent's files were lost since: what was put back may lack its last steps.
    """
    report, model = None, ""
    for event in await events_of(work):
        match event.data:
            case AgentStarted(model=model):
                report = None
            case AgentFinished(attempt=work.number, summary=summary, cut_short=cut, reason=reason):
                report = Report(summary=summary, cut_short=cut, reason=reason, model=model)
            case WorkResumed(lost=lost) if "workspace" in lost:
                report = None
    return report


async def used_seconds(work: Work) -> float:
    finished = [event.data for event in await events_of(work) if isinstance(event.data, AgentFinished)]
    return work.seconds_lost + sum(one.seconds - one.seconds_verifying for one in finished)


async def asked(work: Work) -> QuestionAsked | None:
    """The question with which the agent ended its work in this turn."""
    return next((event.data for event in await events_of(work) if isinstance(event.data, QuestionAsked)), None)
