"""A build that a channel takes: asked again until that ends, told when it changes, whatever breaks meanwhile."""

from datetime import datetime, timedelta
from pathlib import Path

import anyio
import pytest

from honk.domain.build import Build
from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.event import BuildOffered
from honk.domain.task import Task
from honk.errors import NeedsHuman, Retryable
from honk.testing.fake_channels import FakeChannel
from honk.testing.world import Trap, World, world

pytestmark = pytest.mark.anyio


async def _offered(there: World) -> tuple[Task, Build]:
    task = await there.settled(await there.ask())
    build = await there.store.records.build(task.id)
    assert build is not None
    return task, build


async def _asked(there: World, task: Task, build: Build) -> Offer:
    """What is due is asked once."""
    await there.app.ask_channels()
    await there.settled(task)
    found = await there.store.offers.find(build.id, "fake")
    assert found is not None
    return found


def _later(there: World, **time: float) -> None:
    there.clock.now += timedelta(**time)  # type: ignore[attr-defined]


async def _told(there: World, task: Task) -> list[str]:
    return [one.data.state for one in await there.log(task) if isinstance(one.data, BuildOffered)]


def _ready(until: datetime | None = None) -> Seen:
    return Seen(state=ChannelState.READY, link="https://fake.example/app", until=until)


async def test_each_change_is_told_once_until_it_ends(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        fake = FakeChannel()
        there.channels.channels["fake"] = fake
        task, build = await _offered(there)
        assert (await _asked(there, task, build)).seen.detail == "never heard of it"
        fake.stands[build.id] = Seen(state=ChannelState.PROCESSING, detail="processing")
        asked = fake.asked
        await _asked(there, task, build)
        assert fake.asked == asked, "it is not due yet"
        for _ in range(2):
            _later(there, minutes=2)
            await _asked(there, task, build)
        until = there.clock() + timedelta(days=90)
        fake.stands[build.id] = _ready(until)
        _later(there, minutes=2)
        offer = await _asked(there, task, build)
        assert await _told(there, task) == ["absent", "processing", "ready"] and offer.due == until
        _later(there, days=91)
        assert offer.stands(there.clock()).state is ChannelState.EXPIRED
        fake.stands[build.id] = Seen(state=ChannelState.EXPIRED)
        assert (await _asked(there, task, build)).due is None
        assert (await _told(there, task))[-1] == "expired" and fake.got == [build.id]


async def test_what_breaks_is_said_and_asked_again(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        fake = FakeChannel()
        there.channels.channels["fake"] = fake
        task, build = await _offered(there)
        fake.troubles[:] = [Retryable("no answer"), NeedsHuman("the key is old", "make another"), ValueError("a bug")]
        assert "no answer" in (await _asked(there, task, build)).seen.detail
        _later(there, minutes=2)
        offer = await _asked(there, task, build)
        assert offer.seen.state is ChannelState.WAITING and "make another" in offer.seen.detail
        _later(there, minutes=2)
        offer = await _asked(there, task, build)
        assert "a bug" in offer.seen.detail and offer.due is not None
        fake.stands[build.id] = _ready()
        _later(there, minutes=11)
        assert (await _asked(there, task, build)).seen.state is ChannelState.READY


async def test_nobody_is_asked_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        there.channels.channels["fake"] = FakeChannel()
        task, build = await _offered(there)
        _later(there, days=3)
        assert (await _asked(there, task, build)).due is None


async def test_a_channel_that_is_gone_and_files_that_are_gone_are_not_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as there, there.working():
        fake = FakeChannel()
        there.channels.channels["fake"] = fake
        task, build = await _offered(there)
        there.channels.channels.clear()
        assert (await _asked(there, task, build)).due is None and fake.asked == 0
        there.channels.channels["fake"] = fake
        task = await there.settled(await there.ask("bump"))
        found = await there.store.records.build(task.id)
        assert found is not None
        await there.app.ports.artifacts.delete(found.digest)
        assert (await _asked(there, task, found)).due is None and fake.asked == 0


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "https://a b", "data:text/html,x", "https://a\n.example", "file:///etc/passwd"],
    ids=["script", "blank", "data", "line", "file"],
)
async def test_a_link_is_one_that_a_browser_may_open(tmp_path: Path, link: str) -> None:
    async with world(tmp_path) as there, there.working():
        fake = FakeChannel()
        there.channels.channels["fake"] = fake
        task, build = await _offered(there)
        fake.stands[build.id] = Seen(state=ChannelState.READY, link=link, detail="a\nb\u202ec" + "x" * 2000)
        seen = (await _asked(there, task, build)).seen
        assert seen.link == "" and seen.detail.startswith("a b\ufffdc") and len(seen.detail) == 500


@pytest.mark.parametrize("place", ["offers.begin", "offers.save", "events.record"])
async def test_killed_in_the_middle_it_is_told_once(tmp_path: Path, place: str) -> None:
    fake = FakeChannel()
    async with world(tmp_path) as there:
        there.channels.channels["fake"] = fake
        if place == "offers.begin":
            assert await there.killed_at(Trap(place=place), there.ask)
            [task] = await there.store.tasks.list()
            async with there.working():
                await there.app.resume(task)
                await there.settled(task)
                build = await there.store.records.build(task.id)
                assert build is not None
                await _asked(there, task, build)
        else:
            async with there.working():
                task, build = await _offered(there)
            fake.stands[build.id] = _ready()

            async def ask() -> Task:
                await there.app.ask_channels()
                return task

            assert await there.killed_at(Trap(place=place), ask, task)
            async with there.working():
                await there.app.resume(task)
                with anyio.fail_after(10):
                    await there.settled(task)
        offer = await there.store.offers.find(build.id, "fake")
        assert offer is not None and offer.looks == 1
        assert len(await _told(there, task)) == 1
