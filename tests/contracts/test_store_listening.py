"""Who listens to the store hears each stored event once, in order, and never one that was not stored."""

import asyncio
from pathlib import Path

import pytest
from store_world import with_task

from honk.adapters.sql import SqlStore
from honk.domain.event import Event, TaskNoted
from honk.domain.task import State, TaskId

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


async def test_every_stored_event_is_heard_once_and_in_order(tmp_path: Path) -> None:
    heard: list[Event] = []
    async with SqlStore(f"sqlite:///{tmp_path}/honk.db") as store:
        await with_task(store, "t1", "m1")
        store.listen(heard.append)
        noted = [await store.events.record(T1, 1, TaskNoted(text=str(number))) for number in range(3)]
        await store.events.record(T1, 1, TaskNoted(text="once"), key="k")
        await store.events.record(T1, 1, TaskNoted(text="again"), key="k")
        await store.tasks.move(T1, State.PREPARING)
        stored = await store.events.read(T1)
        await asyncio.sleep(0)
    assert heard[:3] == noted
    assert tuple(heard) == stored[-5:]
    assert [one.seq for one in heard] == sorted({one.seq for one in heard})
