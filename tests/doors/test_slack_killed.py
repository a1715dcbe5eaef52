"""A door that is killed anywhere, and one that goes on: nothing is lost, and nothing is said or done twice."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from slack_world import SlackWorld, door_of, slack_world, text_of

from honk.adapters.sql import SqlStore
from honk.domain import event as events
from honk.domain.task import State
from honk.doors.slack import Choices
from honk.ports import Chats, Deliveries, Threads

pytestmark = pytest.mark.anyio
_EFFECTS = ("add", "claim", "release", "told", "change", "saying", "said", "keep", "take", "done", "put_off")


@dataclass
class Trap:
    """Whoever has, or is about to have, so many effects on what chats remember is held there for good."""

    number: int
    after: bool
    passed: int = 0
    reached: anyio.Event = field(default_factory=anyio.Event)

    async def passing(self, *, after: bool) -> None:
        """Holds the caller at the place."""
        if after is self.after:
            self.passed += 1
            if self.passed == self.number:
                self.reached.set()
            if self.passed >= self.number:
                await anyio.sleep_forever()


class Passed:
    """A port whose effects pass the trap."""

    def __init__(self, port: object, trap: Trap) -> None:
        self._port = port
        self._trap = trap

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._port, name)
        if name not in _EFFECTS:
            return method

        async def call(*args: object, **kwargs: object) -> object:
            await self._trap.passing(after=False)
            result = await method(*args, **kwargs)
            await self._trap.passing(after=True)
            return result

        return call


def trapped(chats: Chats, trap: Trap) -> Chats:
    return Chats(
        threads=cast("Threads", Passed(chats.threads, trap)),
        deliveries=cast("Deliveries", Passed(chats.deliveries, trap)),
        preferences=chats.preferences,
        links=chats.links,
    )


async def killed(here: SlackWorld, trap: Trap | None, call: int) -> str:
    """A door that is killed in the trap, or when it made so many calls, which then have their effect; the thread."""
    slack, made = here.slack, len(here.slack.calls)
    store = here.world.store
    gate = anyio.Event()
    async with anyio.create_task_group() as group:
        chats = trapped(store.chats, trap) if trap else store.chats
        door = door_of(here, Choices(), chats=chats)
        opened = anyio.Event()

        async def live() -> None:
            async with door.opened():
                opened.set()
                await anyio.sleep_forever()

        group.start_soon(live)
        await opened.wait()
        await slack.until(lambda: slack.connections)
        ts = await here.ask()

        async def watch() -> None:
            if trap is not None:
                await trap.reached.wait()
            else:
                await slack.until(lambda: len(slack.calls) >= made + call)
            gate.set()

        async def all_over() -> None:
            await here.message(ts, "Before and after")
            await here.card(ts, "Ready to merge")
            gate.set()

        group.start_soon(watch)
        group.start_soon(all_over)
        await gate.wait()
        group.cancel_scope.cancel()
    return ts


async def nothing_doubled(here: SlackWorld, ts: str) -> None:
    """The end is as if nobody had been killed."""
    await here.card(ts, "Ready to merge")
    await here.message(ts, "is ready to try")  # its pictures are uploaded at most once
    assert len(await here.world.store.tasks.list()) == 1
    said = [text_of(one) for one in here.said(ts)]
    assert len([one for one in said if "for ada" in one]) == 1, "one card"
    assert len([one for one in said if "is ready to try" in one]) == 1, "one announcement"
    assert here.slack.reactions("general", ts)["eyes"]


async def _kill(tmp_path: Path, *, trap: Trap | None = None, call: int = 0, beside: bool = False) -> None:
    async with slack_world(tmp_path, opened=False) as here:
        here.slack.deliveries.patience = 0.3
        here.slack.deliveries.retry_after = (0.0, 0.1, 0.1)
        here.world.clock.step = timedelta(milliseconds=10)  # type: ignore[attr-defined]
        if beside:
            async with door_of(here, Choices()).opened():
                await here.slack.until(lambda: here.slack.connections)
                ts = await killed(here, trap, call)
                here.world.clock.now += timedelta(minutes=5)  # type: ignore[attr-defined]
                await nothing_doubled(here, ts)
            return
        ts = await killed(here, trap, call)
        here.world.clock.now += timedelta(minutes=5)  # type: ignore[attr-defined]
        async with door_of(here, Choices()).opened():
            await nothing_doubled(here, ts)


@pytest.mark.parametrize(
    ("number", "after"),
    [
        pytest.param(
            number,
            after,
            id=f"{number}-{'after' if after else 'before'}",
            marks=() if (number, after) in {(2, True), (7, False)} else pytest.mark.slow,
        )
        for number in (2, 7, 11)
        for after in (True, False)
    ],
)
async def test_killed_here_and_there_another_goes_on(tmp_path: Path, number: int, after: bool) -> None:
    await _kill(tmp_path, trap=Trap(number, after), beside=number == 7)


@pytest.mark.parametrize("call", [5, pytest.param(7, marks=pytest.mark.slow)])
async def test_killed_while_it_calls_slack(tmp_path: Path, call: int) -> None:
    await _kill(tmp_path, call=call)


@pytest.mark.slow
@pytest.mark.seconds(300)
@pytest.mark.parametrize("beside", [True, False], ids=["beside", "alone"])
@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
async def test_killed_at_every_effect(tmp_path: Path, after: bool, beside: bool) -> None:
    for number in range(1, 60):
        trap = Trap(number, after)
        await _kill(tmp_path / str(number), trap=trap, beside=beside)
        if not trap.reached.is_set():
            return
    raise AssertionError("it never ends")


@pytest.mark.slow
@pytest.mark.seconds(300)
async def test_killed_at_every_call(tmp_path: Path) -> None:
    for call in range(1, 14):
        await _kill(tmp_path / str(call), call=call, beside=call % 2 == 1)


# ── two doors ──────────────────────────────────────────────────────────────────────────────────
@asynccontextmanager
async def two(home: Path) -> AsyncIterator[SlackWorld]:
    """Two doors, each with its own store, on one database file."""
    home.mkdir(exist_ok=True)
    url = f"sqlite:///{home / 'honk.db'}"
    async with slack_world(home, database=url) as here, SqlStore(url, clock=here.world.clock) as other:
        here.world.clock.step = timedelta(milliseconds=10)  # type: ignore[attr-defined]
        async with door_of(here, Choices(), store=other).opened():
            await here.slack.until(lambda: here.slack.connections == 2)
            yield here


async def test_two_doors_do_and_say_everything_once(tmp_path: Path) -> None:
    async with two(tmp_path) as here:
        slack = here.slack
        await here.link("ada")
        asked = [await here.ask(user=user) for user in ("ada", "ben", "cleo", "ada")]
        for delivery in list(slack.deliveries.all):
            slack.deliveries.again(delivery, times=2)
        for ts in asked:
            build = await here.message(ts, "is ready to try")
        await slack.say("ada", "general", f"{slack.mention} make it friendlier", thread=asked[0])
        await slack.until(lambda: len([one for one in here.said(asked[0]) if "is ready to try" in text_of(one)]) == 2)
        await here.rests()
        await slack.press("ada", build.ts, "Merge…")
        await slack.until(lambda: any("asked by" in str(one.blocks) for one in slack.views("ada")))
        await slack.submit("ada")
        await here.message(asked[3], "Deployed to production")
        tasks = await here.world.store.tasks.list()
        assert len(tasks) == 4
        for ts in asked:
            said = [text_of(one) for one in here.said(ts)]
            assert len([one for one in said if "<http://honk/tasks" in one and "details" in one]) == 1
        one = next(task for task in tasks if task.state in {State.MERGED, State.DEPLOYED, State.DEPLOYING})
        log = await here.world.log(one)
        assert len([each for each in log if isinstance(each.data, events.MergeDone)]) == 1
        for words, times in (("Merged into main", 1), ("Deployed to production", 1), ("is ready to try", 1)):
            assert len([each for each in here.said(asked[3]) if words in text_of(each)]) == times
