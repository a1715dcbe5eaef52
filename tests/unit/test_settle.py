"""How long a turn took, when the clock cannot be believed."""

from datetime import UTC, datetime, timedelta

import pytest

from honk.domain.event import Event, EventData, TaskMoved, TaskNoted
from honk.domain.task import TaskId
from honk.steps.settle import _seconds

BORN = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def log(*seconds: float) -> list[Event]:
    """Events at these seconds; work begins with the first."""
    kinds: list[EventData] = [TaskMoved(state="preparing", before="accepted"), *[TaskNoted(text="") for _ in seconds]]
    return [
        Event(id="", task=TaskId("t"), turn=1, seq=n + 1, at=BORN + timedelta(seconds=at), actor=None, data=kinds[n])
        for n, at in enumerate(seconds)
    ]


@pytest.mark.parametrize(
    ("moments", "now", "seconds"),
    [
        ((0, 10, 20), 30, 30),
        ((0, 10, -5000), -4990, 20),
        ((0, 10, 90_000_000), 90_000_010, 3620),
        ((), 5, 0),
    ],
    ids=["a clock that goes", "set back", "set forward by years", "work never began"],
)
def test_the_time_of_a_turn_survives_the_clock(moments: tuple[float, ...], now: float, seconds: float) -> None:
    assert _seconds(log(*moments), BORN + timedelta(seconds=now)) == seconds
