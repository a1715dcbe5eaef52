"""What the store promises of a plan that waits: one Go or one Cancel, and only while it is the latest word."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from store_world import ANN, Clock, a_message, with_task

from honk.adapters.sql import SqlStore
from honk.domain.event import TaskMoved
from honk.domain.message import MessageId
from honk.domain.task import State, TaskId
from honk.domain.turn import Outcome

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


@pytest.fixture(params=["file", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/honk.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database(filled=True)
    async with SqlStore(url, clock=Clock()) as opened:
        await with_task(opened, "t1", "m0")
        yield opened


async def _at_rest(store: SqlStore) -> None:
    turn = (await store.tasks.get(T1)).turn
    await store.tasks.move(T1, State.PREPARING)
    await store.tasks.end_turn(T1, turn, Outcome.QUESTION)
    await store.tasks.move(T1, State.WAITING, "the plan waits")


async def _go(store: SqlStore, id: str, plan: str = "1") -> bool:
    ann = await store.tasks.person(ANN, "Ann")
    return await store.tasks.approve_plan(T1, replace(a_message(ann, id, "Go"), approves=plan))


async def _cancel(store: SqlStore, plan: str = "1") -> bool:
    ann = await store.tasks.person(ANN, "Ann")
    return await store.tasks.cancel_plan(T1, plan, "cancelled", by=ann.id)


async def _speak(store: SqlStore, id: str) -> None:
    await store.tasks.queue_message(T1, a_message(await store.tasks.person(ANN, "Ann"), id))


async def test_a_go_begins_the_turn_that_carries_it_out_and_knows_the_plan(store: SqlStore) -> None:
    await _at_rest(store)
    assert await _go(store, "go")
    turn = await store.tasks.begin_turn(T1)
    assert turn is not None and (turn.number, turn.message.approves) == (2, "1")
    assert [one.approves for one in await store.tasks.said(T1, 2)] == ["", "1"]


async def test_the_same_go_again_has_no_effect_also_when_its_turn_has_begun(store: SqlStore) -> None:
    await _at_rest(store)
    assert await _go(store, "go") and await _go(store, "go")
    assert len(await store.tasks.waiting(T1)) == 1
    await store.tasks.begin_turn(T1)
    assert await _go(store, "go")
    assert await store.tasks.waiting(T1) == ()


async def test_a_second_go_comes_too_late(store: SqlStore) -> None:
    await _at_rest(store)
    assert await _go(store, "first")
    assert not await _go(store, "second")
    await store.tasks.begin_turn(T1)
    assert not await _go(store, "third")
    await _at_rest(store)
    assert not await _go(store, "fourth"), "it names the plan of the turn before"
    assert await _go(store, "fifth", "2")


async def test_words_that_came_before_are_the_latest_word(store: SqlStore) -> None:
    await _at_rest(store)
    await _speak(store, "in blue")
    assert not await _go(store, "go") and not await _cancel(store)
    ann = await store.tasks.person(ANN, "Ann")
    await store.tasks.withdraw_message(T1, MessageId("in blue"), by=ann.id)
    assert await _go(store, "go")


async def test_a_turn_at_work_or_done_again_has_no_plan_that_waits(store: SqlStore) -> None:
    assert not await _go(store, "go") and not await _cancel(store), "at work"
    await _at_rest(store)
    await store.tasks.reopen_turn(T1, 1, "code")
    assert not await _go(store, "go"), "at work again"
    await store.tasks.end_turn(T1, 1, Outcome.QUESTION)
    assert not await _go(store, "go"), "another plan than the first time"
    assert await _go(store, "go", "1.1")


async def test_a_cancelled_plan_rests_and_who_did_it_is_told_once(store: SqlStore) -> None:
    await _at_rest(store)
    assert await _cancel(store)
    assert not await _cancel(store) and not await _go(store, "go")
    task = await store.tasks.get(T1)
    assert (task.state, task.reason) == (State.STOPPED, "cancelled")
    ann = await store.tasks.person(ANN, "Ann")
    moved = [one for one in await store.events.read(T1) if isinstance(one.data, TaskMoved)]
    assert [(one.actor, one.data.before) for one in moved if one.data.state == "stopped"] == [(ann.id, "waiting")]


async def test_a_go_that_is_edited_is_none_any_more(store: SqlStore) -> None:
    await _at_rest(store)
    await _go(store, "go")
    ann = await store.tasks.person(ANN, "Ann")
    await store.tasks.edit_message(T1, MessageId("go"), "not yet", by=ann.id)
    turn = await store.tasks.begin_turn(T1)
    assert turn is not None and (turn.message.text, turn.message.approves) == ("not yet", "")
