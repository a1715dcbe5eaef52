"""How fast Slack is asked: within its limits, in order, and not at all where it would be too late."""

from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest

from honk.doors.slack.pacing import RATES, Pace
from honk.testing.fake_slack import Limits

pytestmark = pytest.mark.anyio


@dataclass
class Clock:
    """Stands still until somebody sleeps."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await anyio.lowlevel.checkpoint()
        self.time += seconds


def paced() -> tuple[Clock, Pace]:
    clock = Clock()
    return clock, Pace(now=clock.now, sleep=clock.sleep)


@pytest.mark.parametrize("method", [*sorted(RATES), "team.info"])
async def test_slack_never_has_to_refuse_what_is_paced(method: str) -> None:
    clock, pace = paced()
    limits, refused = Limits(), 0
    for number in range(240):
        channel = f"C{number % 20}"
        assert await pace.permit(method, channel)
        refused += limits.refuse(method, channel, clock.now()) is not None
    assert not refused
    assert clock.slept


async def test_what_would_come_too_late_is_not_done_and_costs_nothing() -> None:
    clock, pace = paced()
    method = "reactions.add"
    for _ in range(RATES[method].at_once):
        assert await pace.permit(method, within=0.0)
    assert not await pace.permit(method, within=2.0)
    assert not clock.slept
    assert await pace.permit(method, within=10.0)
    assert clock.slept == [60 / RATES[method].a_minute]


async def test_those_who_wait_in_line_count_for_whoever_comes_later() -> None:
    _, pace = paced()
    method, got = "chat.update", []
    for _ in range(RATES[method].at_once):
        await pace.permit(method)

    async def wait(within: float) -> None:
        got.append(await pace.permit(method, within=within))

    one = 60 / RATES[method].a_minute
    async with anyio.create_task_group() as group:
        group.start_soon(wait, 1.1 * one)
        group.start_soon(wait, 1.1 * one)
        group.start_soon(wait, 2.1 * one)
    assert got == [False, True, True]


async def test_a_pause_that_slack_wants_ends_a_wait_that_would_be_too_long() -> None:
    clock, pace = paced()
    pace.hold("reactions.add", 30)
    assert not await pace.permit("reactions.add", within=2.0)
    assert await pace.permit("reactions.add")
    assert clock.slept == [30.0]


async def test_a_full_channel_keeps_no_other_waiting() -> None:
    clock, pace = paced()
    while await pace.permit("chat.postMessage", "C1", within=0.0):
        """Until it is full."""
    assert await pace.permit("chat.postMessage", "C2", within=0.0)
    assert not clock.slept
