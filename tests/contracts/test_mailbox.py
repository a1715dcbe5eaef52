"""What the mailbox promises: a message waits, is on its way, or is taken; by one and once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_world import ANN, Clock, a_message, with_task

from honk.adapters.sql import SqlStore
from honk.domain.message import Handling, MessageId
from honk.domain.task import State, TaskId
from honk.domain.turn import Outcome
from honk.errors import NotNow, Unknown

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


@pytest.fixture(params=["file", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/honk.db"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database(filled=True)
    async with SqlStore(url, clock=Clock()) as opened:
        yield opened


async def _queue(store: SqlStore, *ids: str, handling: Handling = Handling.STEER) -> None:
    person = await store.tasks.person(ANN, "Ann")
    for id in ids:
        await store.tasks.queue_message(T1, a_message(person, id), handling)


async def _waiting(store: SqlStore) -> list[tuple[str, bool]]:
    return [(one.message.id, one.handed) for one in await store.tasks.waiting(T1)]


async def _types(store: SqlStore) -> list[str]:
    return [event.type for event in await store.events.read(T1)]


async def test_what_is_handed_is_on_its_way_until_it_is_taken_or_taken_back(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    await _queue(store, "m1", "m2")
    await _queue(store, "later", handling=Handling.QUEUED)
    assert [one.id for one in await store.tasks.hand_messages(T1, 1)] == ["m1", "m2"]
    assert await store.tasks.hand_messages(T1, 1) == ()
    await store.tasks.deliver(T1, 1, MessageId("m1"))
    await store.tasks.deliver(T1, 1, MessageId("m1"))
    await store.tasks.take_back(T1, MessageId("m1"))
    await store.tasks.take_back(T1, MessageId("m2"))
    assert await _waiting(store) == [("m2", False), ("later", False)]
    assert (await _types(store)).count("message.delivered") == 1
    assert [one.id for one in await store.tasks.said(T1, 1)] == ["m0", "m1"]
    await _queue(store, "m1")
    assert ("m1", False) not in await _waiting(store), "delivered by its door again"


async def test_what_was_on_its_way_when_the_turn_ended_begins_the_next_one_and_counts_once(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    await _queue(store, "m1")
    await store.tasks.hand_messages(T1, 1)
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    turn = await store.tasks.begin_turn(T1)
    assert turn is not None and turn.message.id == "m1"
    await store.tasks.deliver(T1, 2, MessageId("m1"))
    assert [one.id for one in await store.tasks.said(T1, 2)] == ["m0", "m1"]
    assert "message.delivered" not in await _types(store)


async def test_only_what_waits_is_edited_or_withdrawn(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    ann = await store.tasks.person(ANN, "Ann")
    await _queue(store, "m1", "m2", "m3")
    await store.tasks.edit_message(T1, MessageId("m1"), "other words", by=ann.id)
    await store.tasks.withdraw_message(T1, MessageId("m2"), by=ann.id)
    handed = await store.tasks.hand_messages(T1, 1)
    assert [(one.id, one.text == "other words") for one in handed] == [("m1", True), ("m3", False)]
    for id in ("m1", "m2", "m3"):
        with pytest.raises(NotNow):
            await store.tasks.edit_message(T1, MessageId(id), "too late", by=ann.id)
        with pytest.raises(NotNow):
            await store.tasks.withdraw_message(T1, MessageId(id), by=ann.id)
    with pytest.raises(Unknown):
        await store.tasks.withdraw_message(T1, MessageId("m9"), by=ann.id)
    assert [type for type in await _types(store) if type.startswith("message.")] == [
        "message.edited",
        "message.withdrawn",
    ]


async def test_edit_and_hand_over_race_and_the_agent_hears_what_the_person_was_told(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    ann = await store.tasks.person(ANN, "Ann")
    for number in range(6):
        id = MessageId(f"r{number}")
        await _queue(store, id)

        async def edit(id: MessageId = id) -> bool:
            try:
                await store.tasks.edit_message(T1, id, "edited", by=ann.id)
            except NotNow:
                return False
            return True

        edited, handed = await asyncio.gather(edit(), store.tasks.hand_messages(T1, 1))
        assert [one.text == "edited" for one in handed] == [edited]


async def test_a_turn_is_reopened_once_and_not_once_it_has_landed(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    assert await store.tasks.reopen_turn(T1, 1, "verify") is None, "it is at work"
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    both = await asyncio.gather(*(store.tasks.reopen_turn(T1, 1, "verify") for _ in range(2)))
    assert [one and (one.again, one.point, one.outcome) for one in both] in (
        [(1, "verify", None), None],
        [None, (1, "verify", None)],
    )
    assert (await store.tasks.turn(T1, 1)).workflow == "turn/t1/1/again/1"
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    for state in (State.PREPARING, State.PROPOSED, State.MERGING):
        await store.tasks.move(T1, state)
    assert await store.tasks.reopen_turn(T1, 1, "verify") is None


async def test_only_what_is_said_after_the_stop_makes_the_work_go_on(store: SqlStore) -> None:
    await with_task(store, "t1", "m0")
    ann = await store.tasks.person(ANN, "Ann")
    await _queue(store, "before")
    assert not await store.tasks.spoken_since_stop(T1), "nobody asked to stop"
    await store.tasks.ask_stop(T1, ann.id)
    assert await store.tasks.stops() == (T1,)
    assert not await store.tasks.spoken_since_stop(T1)
    await _queue(store, "after")
    await store.tasks.clear_stop(T1)
    assert await store.tasks.spoken_since_stop(T1) and await store.tasks.stops() == ()
    await store.tasks.withdraw_message(T1, MessageId("after"), by=ann.id)
    assert not await store.tasks.spoken_since_stop(T1)


_ACTS = st.lists(st.sampled_from(["say", "later", "hand", "deliver", "back", "withdraw", "end", "begin"]), max_size=25)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(acts=_ACTS)
async def test_whatever_happens_each_message_is_heard_once_or_still_waits(acts: list[str]) -> None:
    """A model of people, courier and worker doing anything in any order: nothing lost, nothing doubled."""
    async with SqlStore("sqlite://", clock=Clock()) as store:
        await with_task(store, "t1", "m0")
        ann = await store.tasks.person(ANN, "Ann")
        sent, gone, at_work = ["m0"], set[str](), True
        for act in acts:
            turn = (await store.tasks.get("t1")).turn
            first = next(iter(await store.tasks.waiting(T1)), None)
            if act in {"say", "later"}:
                sent.append(f"m{len(sent)}")
                await _queue(store, sent[-1], handling=Handling.STEER if act == "say" else Handling.QUEUED)
            elif act == "hand" and at_work:
                await store.tasks.hand_messages(T1, turn)
            elif act == "deliver" and first is not None and first.handed:
                await store.tasks.deliver(T1, turn, first.message.id)
            elif act == "back" and first is not None:
                await store.tasks.take_back(T1, first.message.id)
            elif act == "withdraw" and first is not None and not first.handed:
                await store.tasks.withdraw_message(T1, first.message.id, by=ann.id)
                gone.add(first.message.id)
            elif act == "end":
                await store.tasks.end_turn(T1, turn, Outcome.PASS)
                at_work = False
            elif act == "begin":
                at_work = await store.tasks.begin_turn(T1) is not None or at_work
        turn = (await store.tasks.get("t1")).turn
        heard = [one.id for one in await store.tasks.said(T1, turn)]
        left = [one.message.id for one in await store.tasks.waiting(T1)]
        assert sorted([*heard, *left, *gone]) == sorted(sent)
