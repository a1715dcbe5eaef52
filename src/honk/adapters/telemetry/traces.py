"""One trace a task: turns, landings, steps, verifiers, the agent and its model calls.

A span is made when what it stands for has ended, from events and from what the journal tells. Its id is derived
from the task, so that work which a crash cut off joins the same trace, and what it left there finds its parent.
Attributes follow OpenTelemetry's conventions for generative AI where there is one; Honk's own begin with `honk.`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from honk.adapters.telemetry.otlp import Refused, received
from honk.adapters.telemetry.spans import Note, Span, Value, span_id
from honk.adapters.telemetry.watching import StepRun, Workflow
from honk.domain.event import (
    AgentFinished,
    AgentStarted,
    AgentWaits,
    EnvironmentReady,
    Event,
    EventData,
    LimitHit,
    MessageReceived,
    ModelCalled,
    ModelFailed,
    NetworkDenied,
    StepProgressed,
    TaskAccepted,
    TaskSettled,
    VerifierFinished,
)
from honk.domain.task import TaskId

#: Takes a finished span; neither blocks nor raises.
Emit = Callable[[Span], None]
#: what happened within one step, at most
_NOTES = 100
#: tasks whose beginning is remembered until their turn ends
_REMEMBERED = 10_000
_NOTED = (AgentWaits, ModelFailed, NetworkDenied, LimitHit, StepProgressed)


@dataclass(kw_only=True)
class _Here:
    """Where in its trace a task is at this moment."""

    workflow: Workflow
    span: int
    step: StepRun | None = None
    step_span: int = 0
    notes: list[Note] = field(default_factory=list)
    started: AgentStarted | None = None
    settled: TaskSettled | None = None

    @property
    def deepest(self) -> int:
        """What becomes the parent of whatever happens now."""
        return self.step_span if self.step else self.span

    @property
    def agent_span(self) -> int:
        """The span of the agent's work within the attempt; outside of an attempt there is none."""
        task = self.workflow.task
        attempt = self.step is not None and self.step.kind == "code"
        return span_id(task, f"{self.step_span:x}", "agent") if attempt else self.deepest


class Traces:
    """Implements Watcher. `emit` takes the finished spans."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._here: dict[TaskId, _Here] = {}
        #: when the message of a turn came in, which is when its span begins
        self._asked: dict[tuple[TaskId, int], int] = {}

    # ── the journal ────────────────────────────────────────────────────────────────────────────
    def begun(self, workflow: Workflow) -> None:
        self._here[workflow.task] = _Here(workflow=workflow, span=span_id(workflow.task, workflow.kind, workflow.key))
        if workflow.turn == 1 and (workflow.task, 1) not in self._asked:
            # Accepted by another process, which may not trace: the same root, should it do so.
            self._root(workflow.task, workflow.began, {})

    def ended(self, workflow: Workflow, error: BaseException | None) -> None:
        here = self._here.get(workflow.task)
        if here is None or here.workflow is not workflow:
            return
        del self._here[workflow.task]
        start = self._asked.pop((workflow.task, workflow.turn), workflow.began)
        if here.settled is None:
            return  # cut off: whoever takes it up again tells of the whole
        attributes: dict[str, Value] = {"honk.outcome": here.settled.outcome, "honk.state": here.settled.state}
        attributes |= {"honk.cost_usd": here.settled.cost_usd}
        if workflow.turn:
            attributes["honk.turn"] = workflow.turn
        self._emit(
            Span(
                task=workflow.task,
                id=here.span,
                parent=span_id(workflow.task),
                name=f"{workflow.kind} {workflow.turn}" if workflow.turn else workflow.kind,
                start=min(start, workflow.began),
                end=time.time_ns(),
                attributes=attributes,
                error=here.settled.reason if here.settled.outcome == "error" else "",
            )
        )

    def step_begun(self, step: StepRun) -> None:
        here = self._here.get(step.workflow.task)
        if here is not None:
            here.step, here.notes, here.started = step, [], None
            here.step_span = span_id(step.workflow.task, f"{here.span:x}", step.name, str(step.tried))

    def step_ended(self, step: StepRun, seconds: float, error: BaseException | None) -> None:
        here = self._here.get(step.workflow.task)
        if here is None or here.step is not step:
            return
        here.step = None
        if error is not None and not isinstance(error, Exception):
            return  # cut off
        attributes: dict[str, Value] = {"honk.step": step.kind, "honk.try": step.tried}
        if step.workflow.turn:
            attributes["honk.turn"] = step.workflow.turn
        self._emit(
            Span(
                task=step.workflow.task,
                id=here.step_span,
                parent=here.span,
                name=step.name,
                start=step.began,
                end=step.began + int(seconds * 1e9),
                attributes=attributes,
                notes=tuple(here.notes),
                error=f"{type(error).__name__}: {error}" if error else "",
            )
        )

    # ── events ─────────────────────────────────────────────────────────────────────────────────
    def heard(self, event: Event) -> None:
        """The workers' events, and the moment at which a message came in."""
        data, task = event.data, event.task
        if isinstance(data, TaskAccepted):
            self._accepted(event, data)
        elif isinstance(data, MessageReceived) and data.handling == "turn":
            self._remember(task, event.turn, _ns(event.at))
        here = self._here.get(task)
        if here is not None:
            self._during(here, event)

    def _during(self, here: _Here, event: Event) -> None:
        """An event of a task at work."""
        data = event.data
        match data:
            case TaskSettled():
                here.settled = data
            case AgentStarted():
                here.started = data
            case AgentFinished():
                self._agent(here, event, data)
            case ModelCalled():
                self._model(here, event, data)
            case VerifierFinished(cached=False):
                facts: dict[str, Value] = {"honk.verifier": data.verifier, "honk.answer": data.answer}
                facts["honk.on"] = data.on
                self._child(here, event, f"verify {data.verifier}", data.seconds, facts)
            case EnvironmentReady(cached=False):
                facts = {"honk.toolchain": data.toolchain, "honk.ok": data.ok}
                self._child(here, event, "environment", data.seconds, facts, error=data.detail if not data.ok else "")
        if isinstance(data, _NOTED) and len(here.notes) < _NOTES:
            here.notes.append(Note(name=event.type, at=_ns(event.at), attributes={"detail": _detail(data)}))

    def from_agent(self, task: TaskId, body: bytes) -> None:
        """The agent's own spans (OTLP as JSON), put below its attempt and into the task's trace, whatever they say.

        Raises Refused for what cannot be read. Without an attempt at work they are dropped.
        """
        here = self._here.get(task)
        spans = received(body, task=task, parent=here.agent_span if here else 0, now=time.time_ns())
        if here is None or here.step is None or here.step.kind != "code":
            return
        for span in spans:
            self._emit(span)

    def _accepted(self, event: Event, data: TaskAccepted) -> None:
        at = _ns(event.at)
        self._remember(event.task, event.turn, at)
        self._root(event.task, at, {"honk.agent": data.agent, "honk.repository": data.repository})

    def _root(self, task: TaskId, at: int, attributes: dict[str, Value]) -> None:
        self._emit(Span(task=task, id=span_id(task), parent=None, name="task", start=at, end=at, attributes=attributes))

    def _remember(self, task: TaskId, turn: int, at: int) -> None:
        while len(self._asked) >= _REMEMBERED:
            del self._asked[next(iter(self._asked))]
        self._asked[task, turn] = at

    def _agent(self, here: _Here, event: Event, data: AgentFinished) -> None:
        started = here.started
        name = started.agent if started else ""
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "honk.attempt": data.attempt,
            "honk.turn": event.turn,
        }
        if started:
            attributes |= {"gen_ai.conversation.id": started.session, "gen_ai.agent.version": started.release}
            attributes |= {"gen_ai.request.model": started.model, "honk.resumed": started.resumed}
        end = _ns(event.at)
        self._emit(
            Span(
                task=event.task,
                id=here.agent_span,
                parent=here.deepest,
                name=f"invoke_agent {name}".strip(),
                start=end - int(data.seconds * 1e9),
                end=end,
                attributes=attributes,
                error=f"{data.cut_short}: {data.reason}" if data.cut_short else "",
            )
        )

    def _model(self, here: _Here, event: Event, data: ModelCalled) -> None:
        attributes: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": data.model,
            "gen_ai.usage.input_tokens": data.input_tokens,
            "gen_ai.usage.output_tokens": data.output_tokens,
            "gen_ai.usage.cache_read.input_tokens": data.cache_read_tokens,
            "gen_ai.usage.cache_creation.input_tokens": data.cache_write_tokens,
            "honk.usd": data.usd,
        }
        end = _ns(event.at)
        self._emit(
            Span(
                task=event.task,
                id=span_id(event.task, "event", str(event.seq)),
                parent=here.agent_span,
                name=f"chat {data.model}",
                start=end - int(data.seconds * 1e9),
                end=end,
                attributes=attributes,
                client=True,
            )
        )

    def _child(
        self, here: _Here, event: Event, name: str, seconds: float, facts: dict[str, Value], error: str = ""
    ) -> None:
        end = _ns(event.at)
        self._emit(
            Span(
                task=event.task,
                id=span_id(event.task, "event", str(event.seq)),
                parent=here.deepest,
                name=name,
                start=end - int(seconds * 1e9),
                end=end,
                attributes={**facts, "honk.turn": event.turn},
                error=error,
            )
        )


def _detail(data: EventData) -> str:
    parts = [str(getattr(data, name)) for name in ("target", "reason", "status", "detail") if hasattr(data, name)]
    return ": ".join(part for part in parts if part)[:300]


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000


__all__ = ["Emit", "Refused", "Traces"]
