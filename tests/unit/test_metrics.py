"""Numbers are counted from events, with a bounded number of series."""

from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

import pytest

from honk.adapters.telemetry import StepRun, Workflow
from honk.adapters.telemetry.metrics import NAMES, Metrics, Standing
from honk.domain import event as events
from honk.domain.event import EVENT_TYPES, Event, EventData
from honk.domain.task import TaskId
from honk.errors import Unreachable

pytestmark = pytest.mark.anyio
T = TaskId("fix-it-123456")
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
WORK = Workflow(kind="turn", task=T, key="k", turn=1, began=0)


async def standing() -> Standing:
    return Standing(tasks={"coding": 2, "queued": 3}, queued=3, oldest_wait=12.5, sandboxes=4, followers=7)


def made() -> Metrics:
    return Metrics(standing, version="1.2.3", now=lambda: NOON.timestamp() + 0.003)


def event(data: EventData) -> Event:
    return Event(id="e", task=T, turn=1, seq=1, at=NOON, actor=None, data=data)


def called(model: str) -> EventData:
    return events.ModelCalled(
        model=model,
        input_tokens=100,
        output_tokens=20,
        cache_read_tokens=3,
        cache_write_tokens=4,
        usd=0.5,
        total_usd=1.0,
        total_calls=2,
    )


def settled(outcome: str) -> EventData:
    return events.TaskSettled(state="proposed", outcome=outcome)


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def test_what_happened_is_counted_from_events() -> None:
    metrics = made()
    for data in (settled("pass"), settled("pass"), settled("fail"), called("opus"), called("opus")):
        metrics.heard(event(data))
    assert value(metrics, "honk_turns_total", outcome="pass") == 2
    assert value(metrics, "honk_turns_total", outcome="fail") == 1
    assert value(metrics, "honk_model_calls_total", model="opus") == 2
    assert value(metrics, "honk_model_tokens_total", model="opus", type="input") == 200
    assert value(metrics, "honk_model_usd_total", model="opus") == 1.0
    assert value(metrics, "honk_event_write_seconds_count") == 5
    assert value(metrics, "honk_event_write_seconds_sum") == pytest.approx(0.015, abs=0.001)


async def test_a_landing_is_no_turn() -> None:
    metrics = made()
    landing = Workflow(kind="land", task=T, key="k", turn=0, began=0)
    metrics.begun(landing)
    metrics.heard(event(settled("pass")))
    metrics.ended(landing, None)
    assert value(metrics, "honk_turns_total", outcome="pass") is None
    assert value(metrics, "honk_landings_total", kind="land", outcome="pass") == 1


async def test_steps_are_timed_by_kind_and_their_repeated_tries_counted() -> None:
    metrics = made()
    for name, error in (("code/1", None), ("code/2", None), ("prepare", Unreachable("no answer"))):
        metrics.step_ended(StepRun(workflow=WORK, name=name, tried=1, began=0), 2.0, error)
    assert value(metrics, "honk_step_seconds_count", step="code") == 2
    assert value(metrics, "honk_step_seconds_sum", step="code") == 4.0
    assert value(metrics, "honk_step_retries_total", step="prepare") == 1
    assert value(metrics, "honk_step_retries_total", step="code") is None


async def test_how_things_stand_is_asked_at_each_scrape() -> None:
    metrics = made()
    text = (await metrics.text()).decode()
    assert 'honk_tasks{state="coding"} 2.0' in text
    assert 'honk_tasks{state="failed"} 0.0' in text
    assert "honk_queue_length 3.0" in text and "honk_queue_oldest_wait_seconds 12.5" in text
    assert "honk_sandboxes_open 4.0" in text and "honk_event_followers 7.0" in text
    assert 'honk_build_info{version="1.2.3"} 1.0' in text
    assert "process_resident_memory_bytes" in text


async def test_names_from_inside_a_sandbox_are_bounded() -> None:
    metrics = made()
    for number in range(500):
        metrics.heard(event(called(f"model-{number}" + "x" * 500)))
        metrics.heard(event(settled(f"outcome-{number}")))
    for data in (
        events.ModelFailed(status=123456789, detail="d"),
        events.LimitHit(kind="weird", detail="d"),
        events.WorkPaused(cause="weird", reason="r"),
    ):
        metrics.heard(event(data))
    text = (await metrics.text()).decode()
    models = {line for line in text.splitlines() if line.startswith("honk_model_calls_total{")}
    assert len(models) == NAMES + 1
    assert value(metrics, "honk_model_calls_total", model="other") == 500 - NAMES
    assert max(map(len, text.splitlines())) < 300
    assert "weird" not in text and "123456789" not in text


async def test_no_number_holds_a_task() -> None:
    metrics = made()
    metrics.begun(WORK)
    for kind in EVENT_TYPES.values():
        metrics.heard(event(_any(kind)))
    assert T not in (await metrics.text()).decode()


def _any(kind: type[EventData]) -> EventData:
    """Some event of that type, whatever it says."""
    kinds: dict[object, Any] = {"str": "x", "int": 1, "float": 1.0, "bool": True}
    return kind(**{one.name: kinds.get(getattr(one.type, "__name__", one.type)) for one in fields(kind)})
