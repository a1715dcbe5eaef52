"""The shape of a trace: ids that restarts share, spans only for what ran, and nothing after the task has gone."""

from datetime import UTC, datetime, timedelta

import pytest

from honk.adapters.telemetry import StepRun, Traces, Workflow
from honk.adapters.telemetry.otlp import Refused
from honk.adapters.telemetry.spans import Span, span_id, trace_id
from honk.domain.event import (
    AgentFinished,
    AgentStarted,
    AgentWaits,
    Event,
    EventData,
    ModelCalled,
    TaskAccepted,
    TaskSettled,
    VerifierFinished,
)
from honk.domain.limits import Limits
from honk.domain.task import TaskId

T = TaskId("t-1")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEGAN = int(NOON.timestamp() * 1e9)


class Watched:
    """A task at work, and the spans that come of it."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.traces = Traces(self.spans.append)
        self.work = Workflow(kind="turn", task=T, key="k", turn=1, began=BEGAN)
        self.seq = 0

    def hear(self, data: EventData, *, after: float = 0.0) -> None:
        self.seq += 1
        at = NOON + timedelta(seconds=after)
        self.traces.heard(Event(id="e", task=T, turn=1, seq=self.seq, at=at, actor=None, data=data))

    def accepted(self) -> None:
        self.hear(TaskAccepted(repository="r", instruction="secret words", agent="claude", model=None, limits=Limits()))

    def step(self, name: str, tried: int = 1) -> StepRun:
        step = StepRun(workflow=self.work, name=name, tried=tried, began=BEGAN)
        self.traces.step_begun(step)
        return step

    def span(self, name: str) -> Span:
        (found,) = [span for span in self.spans if span.name == name]
        return found


def test_a_turn_that_is_taken_up_again_keeps_its_ids() -> None:
    first, second = Watched(), Watched()
    first.accepted()
    first.traces.begun(first.work)
    first.hear(VerifierFinished(verifier="pytest", answer="pass", summary="", seconds=1.0, on="base"))
    first.step("code/1")
    first.traces.step_ended(first.step("prepare"), 1.0, KeyboardInterrupt())
    first.traces.ended(first.work, KeyboardInterrupt())
    assert [span.name for span in first.spans] == ["task", "verify pytest"], "what was cut off tells nothing"

    second.traces.begun(second.work)  # after the crash, in another process
    prepare = second.step("prepare")
    second.traces.step_ended(prepare, 2.0, None)
    second.hear(TaskSettled(state="proposed", outcome="pass"))
    second.traces.ended(second.work, None)
    turn = second.span("turn 1")
    assert first.span("verify pytest").parent == turn.id == second.span("prepare").parent
    assert turn.parent == first.span("task").id == second.span("task").id == span_id(T)


def test_a_step_is_a_span_for_each_of_its_tries() -> None:
    here = Watched()
    here.traces.begun(here.work)
    here.traces.step_ended(here.step("prepare"), 1.0, ConnectionError("no answer"))
    here.traces.step_ended(here.step("prepare", tried=2), 2.0, None)
    failed, done = [span for span in here.spans if span.name == "prepare"]
    assert failed.id != done.id and (failed.error, done.error) == ("ConnectionError: no answer", "")
    assert done.end - done.start == 2 * 10**9


def test_the_model_and_the_agent_hang_below_the_attempt_by_the_conventions() -> None:
    here = Watched()
    here.traces.begun(here.work)
    attempt = here.step("code/1")
    here.hear(AgentStarted(agent="claude", release="2", model="opus", session="s", resumed=False, attempt=1))
    called = ModelCalled(
        model="opus",
        input_tokens=5,
        output_tokens=7,
        cache_read_tokens=0,
        cache_write_tokens=0,
        usd=0.1,
        total_usd=0.1,
        total_calls=1,
        seconds=1.5,
    )
    here.hear(called, after=3)
    here.hear(AgentWaits(reason="the model is overloaded", seconds=2.0), after=3)
    here.hear(AgentFinished(attempt=1, summary="", cut_short="money", reason="5 $", seconds=4.0), after=4)
    here.traces.step_ended(attempt, 5.0, None)
    chat, agent, step = here.span("chat opus"), here.span("invoke_agent claude"), here.span("code/1")
    assert (chat.parent, agent.parent) == (agent.id, step.id)
    assert chat.client and chat.end - chat.start == 1_500_000_000
    assert chat.attributes["gen_ai.usage.output_tokens"] == 7
    assert agent.attributes["gen_ai.conversation.id"] == "s" and agent.error == "money: 5 $"
    assert [(note.name, note.attributes["detail"]) for note in step.notes] == [
        ("agent.waits", "the model is overloaded")
    ]


def test_no_words_of_people_are_in_a_trace() -> None:
    here = Watched()
    here.accepted()
    assert "secret words" not in str(here.spans)


def test_the_agents_own_spans_are_only_taken_while_it_is_at_work() -> None:
    here = Watched()
    now = here.traces  # spans of this very moment
    body = b'{"resourceSpans":[]}'
    now.from_agent(T, body)
    here.traces.begun(here.work)
    with pytest.raises(Refused):
        now.from_agent(T, b"nonsense")
    here.step("verify/1")
    now.from_agent(T, body)
    assert [span.name for span in here.spans] == ["task"]


def test_two_tasks_have_two_traces() -> None:
    assert trace_id(T) != trace_id(TaskId("t-2")) and trace_id(T) == trace_id(TaskId("t-1"))
    assert 0 < trace_id(T) < 1 << 128 and 0 < span_id(T) < 1 << 64
