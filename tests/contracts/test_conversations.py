"""What the store promises of threads and deliveries, with two stores at the same database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import BORN, with_task

from honk.adapters.sql import SqlStore
from honk.domain.event import TaskNoted
from honk.domain.person import Identity
from honk.domain.task import TaskId
from honk.domain.thread import Delivery, Place, Saying, Thread
from honk.errors import Defect

pytestmark = pytest.mark.anyio
T1, T2 = TaskId("t1"), TaskId("t2")
PLACE = Place(door="slack", team="T", channel="C", root="1.0")
EVE = Identity.parse("slack:U1")
SOON = BORN + timedelta(minutes=1)


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


def a_thread(task: TaskId = T1, **changed: object) -> Thread:
    thread = Thread(task=task, place=PLACE, asked_by="U1", message="1.1")
    return replace(thread, **changed)  # type: ignore[arg-type]


def a_delivery(id: str, lane: str = "a", door: str = "slack") -> Delivery:
    return Delivery(id=id, door=door, kind="message", lane=lane, body='{"text": "\\u0000 \\udcff ✓"}', at=BORN)


async def with_thread(pair: Pair, task: TaskId = T1, **changed: object) -> Thread:
    await with_task(pair.one, task, f"m-{task}")
    return await pair.one.chats.threads.add(a_thread(task, **changed))


# ── threads ────────────────────────────────────────────────────────────────────────────────────
async def test_a_thread_comes_back_as_it_was_stored_and_is_made_once(pair: Pair) -> None:
    made = await with_thread(pair, broken="gone \0 \udcff")
    threads = pair.other.chats.threads
    assert await threads.of(T1, "slack") == made == a_thread(broken="gone \0 \udcff")
    elsewhere = a_thread(place=replace(PLACE, root="9.9"))
    assert await threads.add(elsewhere) == made
    assert await threads.of(T2, "slack") is None


async def test_a_task_has_a_place_at_each_door_told_and_held_by_itself(pair: Pair) -> None:
    made = await with_thread(pair)
    threads = pair.other.chats.threads
    there = a_thread(place=Place(door="github", team="", channel="k", root="7"), asked_by="ada", message="")
    assert await threads.add(there) == there
    assert (await threads.of(T1, "slack"), await threads.of(T1, "github")) == (made, there)
    event = await pair.one.events.record(T1, 1, TaskNoted(text="a"))
    await threads.told(T1, "github", event.seq, "one")
    assert await threads.behind("slack") == (T1,) and await threads.behind("github") == ()
    assert await threads.claim(T1, "slack", "one", SOON) is not None
    assert await threads.claim(T1, "github", "other", SOON) is not None
    assert not (await threads.saying(T1, "slack", "card")).begun_before
    assert not (await threads.saying(T1, "github", "card")).begun_before
    await threads.said(T1, "github", "card", "9", card="digest")
    assert await threads.sayings(T1, "slack") == {} and await threads.sayings(T1, "github") == {"card": "9"}
    found = await threads.of(T1, "slack")
    assert found is not None and found.card == ""
    assert (await threads.change(T1, "github", broken="locked")).broken == "locked"
    assert await threads.of(T1, "slack") == made


async def test_both_add_a_thread_at_once_and_there_is_one(pair: Pair) -> None:
    await with_task(pair.one)
    found: list[Thread] = []

    async def add(store: SqlStore, message: str) -> None:
        found.append(await store.chats.threads.add(a_thread(message=message)))

    async with anyio.create_task_group() as group:
        group.start_soon(add, pair.one, "1.1")
        group.start_soon(add, pair.other, "1.2")
    assert found[0] == found[1]


async def test_a_place_has_the_latest_task(pair: Pair) -> None:
    await with_thread(pair, T1)
    await with_thread(pair, T2)
    await with_thread(pair, TaskId("t3"), place=replace(PLACE, channel="D"))
    threads = pair.other.chats.threads
    at = await threads.at(PLACE)
    assert at is not None and at.task == T2
    assert [one.task for one in await threads.in_channel("slack", "T", "C")] == [T2, T1]
    for other in (replace(PLACE, root="2"), replace(PLACE, team="U"), replace(PLACE, door="teams")):
        assert await threads.at(other) is None


async def test_a_thread_is_behind_until_its_place_was_told_of_every_event(pair: Pair) -> None:
    await with_thread(pair)
    threads = pair.other.chats.threads
    assert await threads.behind("slack") == ()
    first = await pair.one.events.record(T1, 1, TaskNoted(text="a"))
    assert await threads.behind("slack") == (T1,) and await threads.behind("teams") == ()
    second = await pair.one.events.record(T1, 1, TaskNoted(text="b"))
    assert first is not None and second is not None
    await threads.told(T1, "slack", first.seq, "one")
    assert await threads.behind("slack") == (T1,)
    await threads.told(T1, "slack", second.seq, "two")
    assert await threads.behind("slack") == ()
    await threads.told(T1, "slack", first.seq, "one")
    found = await threads.of(T1, "slack")
    assert found is not None and (found.told, found.shown) == (second.seq, "two"), "who is late changes nothing"
    await threads.told(T1, "slack", second.seq, "three")
    assert (await threads.of(T1, "slack") or found).shown == "three"


async def test_a_broken_place_is_left_out_until_it_is_mended(pair: Pair) -> None:
    await with_thread(pair)
    await pair.one.events.record(T1, 1, TaskNoted(text="a"))
    threads = pair.other.chats.threads
    assert (await threads.change(T1, "slack", broken="channel_not_found")).broken == "channel_not_found"
    assert await threads.behind("slack") == ()
    await threads.mend("slack", "D")
    assert await threads.behind("slack") == ()
    await threads.mend("slack", "C")
    assert await threads.behind("slack") == (T1,)


async def test_a_change_leaves_the_rest(pair: Pair) -> None:
    made = await with_thread(pair)
    threads = pair.other.chats.threads
    assert await threads.change(T1, "slack", card="1.2", muted=True) == replace(made, card="1.2", muted=True)
    assert await threads.change(T1, "slack", muted=False, listens=True) == replace(made, card="1.2", listens=True)
    assert await threads.change(T1, "slack") == replace(made, card="1.2", listens=True)
    with pytest.raises(Defect):
        await threads.change(T2, "slack", muted=True)


async def test_one_holder_writes_in_a_thread(pair: Pair) -> None:
    made = await with_thread(pair)
    one, other = pair.one.chats.threads, pair.other.chats.threads
    assert await one.claim(T1, "slack", "one", SOON) == made
    assert await other.claim(T1, "slack", "other", SOON) is None
    assert await one.claim(T1, "slack", "one", SOON + timedelta(minutes=1)) == made, "longer"
    pair.clock.pass_by(seconds=90)
    assert await other.claim(T1, "slack", "other", SOON + timedelta(minutes=5)) is None
    await other.release(T1, "slack", "other")
    assert await other.claim(T1, "slack", "other", SOON + timedelta(minutes=5)) is None, "only who holds it releases it"
    await one.release(T1, "slack", "one")
    assert await other.claim(T1, "slack", "other", SOON + timedelta(minutes=5)) == made
    pair.clock.pass_by(minutes=10)
    assert await one.claim(T1, "slack", "one", SOON + timedelta(hours=1)) == made, "a claim runs out"
    await other.release(T1, "slack", "other")
    assert await other.claim(T1, "slack", "other", SOON + timedelta(hours=2)) is None
    assert await one.claim(T2, "slack", "one", SOON) is None


async def test_of_many_that_claim_at_once_one_gets_it(pair: Pair) -> None:
    await with_thread(pair)
    got: list[str] = []

    async def claim(store: SqlStore, holder: str) -> None:
        if await store.chats.threads.claim(T1, "slack", holder, SOON) is not None:
            got.append(holder)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(claim, pair.one if number % 2 else pair.other, f"h{number}")
    assert len(got) == 1


async def test_a_saying_is_begun_once_for_each_key(pair: Pair) -> None:
    await with_thread(pair)
    found: list[Saying] = []

    async def begin(store: SqlStore) -> None:
        found.append(await store.chats.threads.saying(T1, "slack", "question/1"))

    async with anyio.create_task_group() as group:
        for store in (pair.one, pair.other, pair.one, pair.other):
            group.start_soon(begin, store)
    assert [one.begun_before for one in found].count(False) == 1
    threads = pair.other.chats.threads
    assert await threads.sayings(T1, "slack") == {}, "begun is not sent"
    await threads.said(T1, "slack", "question/1", "1.5")
    assert await pair.one.chats.threads.saying(T1, "slack", "question/1") == Saying(message="1.5", begun_before=True)
    assert await threads.sayings(T1, "slack") == {"question/1": "1.5"}
    assert not (await threads.saying(T1, "slack", "question/2")).begun_before


# ── deliveries ─────────────────────────────────────────────────────────────────────────────────
async def test_a_delivery_is_kept_and_worked_on_once_however_often_it_comes(pair: Pair) -> None:
    one, other = pair.one.chats.deliveries, pair.other.chats.deliveries
    kept: list[bool] = []

    async def keep(store: SqlStore) -> None:
        kept.append(await store.chats.deliveries.keep(a_delivery("m1")))

    async with anyio.create_task_group() as group:
        for number in range(10):
            group.start_soon(keep, pair.one if number % 2 else pair.other)
    assert kept.count(True) == 1
    assert await one.take("slack", "one", SOON, 10) == (a_delivery("m1"),)
    await one.done("m1")
    assert not await other.keep(a_delivery("m1"))
    pair.clock.pass_by(days=1)
    assert await other.take("slack", "other", SOON + timedelta(days=2), 10) == ()
    assert (await other.get("m1"), await other.get("m2")) == (replace(a_delivery("m1"), tries=1, body=""), None)


async def test_a_lane_keeps_its_order_and_lanes_do_not_wait_for_each_other(pair: Pair) -> None:
    for id, lane in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b")):
        await pair.one.chats.deliveries.keep(a_delivery(id, lane))
    one, other = pair.one.chats.deliveries, pair.other.chats.deliveries
    assert [each.id for each in await one.take("slack", "one", SOON, 1)] == ["a1"]
    assert [each.id for each in await other.take("slack", "other", SOON, 10)] == ["b1"]
    assert await one.take("slack", "one", SOON, 10) == ()
    await one.done("a1")
    assert [each.id for each in await other.take("slack", "other", SOON, 10)] == ["a2"]
    await other.put_off("a2", SOON + timedelta(minutes=5))
    await other.done("b1")
    pair.clock.pass_by(minutes=2)
    taken = await one.take("slack", "one", SOON + timedelta(minutes=60), 10)
    assert [each.id for each in taken] == ["b2"], "what is put off holds up its lane, and no other"
    pair.clock.pass_by(minutes=5)
    taken = await one.take("slack", "one", SOON + timedelta(minutes=60), 10)
    assert [(each.id, each.tries) for each in taken] == [("a2", 1)]


async def test_of_some_kinds_alone_are_those_taken(pair: Pair) -> None:
    deliveries = pair.one.chats.deliveries
    for id, kind in (("m1", "message"), ("p1", "press"), ("p2", "press")):
        await deliveries.keep(replace(a_delivery(id, id), kind=kind))
    assert [each.id for each in await deliveries.take("slack", "one", SOON, 10, {"press", "command"})] == ["p1", "p2"]
    assert [each.id for each in await deliveries.take("slack", "one", SOON, 10, {"message"})] == ["m1"]


async def test_doors_do_not_wait_for_each_other_either(pair: Pair) -> None:
    deliveries = pair.one.chats.deliveries
    await deliveries.keep(a_delivery("t1", "a", door="teams"))
    await deliveries.keep(a_delivery("s1", "a"))
    assert [each.id for each in await deliveries.take("slack", "one", SOON, 10)] == ["s1"]


async def test_what_nobody_finished_in_time_is_taken_again(pair: Pair) -> None:
    one, other = pair.one.chats.deliveries, pair.other.chats.deliveries
    await one.keep(a_delivery("m1"))
    await one.take("slack", "one", SOON, 10)
    pair.clock.pass_by(seconds=59)
    assert await other.take("slack", "other", SOON, 10) == ()
    pair.clock.pass_by(seconds=2)
    later = SOON + timedelta(minutes=10)
    assert [(each.id, each.tries) for each in await other.take("slack", "other", later, 10)] == [("m1", 1)]


async def test_two_that_take_at_once_never_get_the_same(pair: Pair) -> None:
    for number in range(40):
        await pair.one.chats.deliveries.keep(a_delivery(f"m{number:02}", f"lane{number % 8}"))
    got: list[str] = []
    running: set[str] = set()

    async def work(store: SqlStore, holder: str) -> None:
        while taken := await store.chats.deliveries.take("slack", holder, SOON, 3):
            lanes = {one.lane for one in taken}
            assert len(lanes) == len(taken) and not lanes & running, "a lane is worked on by one"
            running.update(lanes)
            await anyio.lowlevel.checkpoint()
            for one in taken:
                got.append(one.id)
                running.discard(one.lane)
                await store.chats.deliveries.done(one.id)

    while len(got) < 40:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(work, pair.one if number % 2 else pair.other, f"h{number}")
    assert sorted(got) == sorted(set(got)) and len(got) == 40
    for lane in range(8):
        mine = [id for id in got if int(id[1:]) % 8 == lane]
        assert mine == sorted(mine)


async def test_what_came_in_a_lane_is_found_whether_or_not_it_is_done(pair: Pair) -> None:
    deliveries = pair.one.chats.deliveries
    for id, lane in (("a", "C1/1_"), ("b", "C1/1_"), ("c", "C1/1x"), ("d", "C1/%")):
        await deliveries.keep(a_delivery(id, lane))
    await deliveries.done("a")
    assert [one.id for one in await deliveries.in_lane("C1/1_", "message")] == ["a", "b"]
    assert [one.id for one in await deliveries.in_lane("C1/%", "message")] == ["d"]
    assert await deliveries.in_lane("C1/1_", "edited") == ()


async def test_what_is_done_says_nothing_any_more_unless_it_is_needed(pair: Pair) -> None:
    deliveries = pair.one.chats.deliveries
    for id in ("words", "request", "open"):
        await deliveries.keep(a_delivery(id, id))
    await deliveries.done("words")
    await deliveries.done("request", keeps=True)
    found = [await pair.other.chats.deliveries.get(id) for id in ("words", "request", "open")]
    body = a_delivery("any").body
    assert body and [one.body if one else None for one in found] == ["", body, body]


async def test_only_what_was_done_is_forgotten(pair: Pair) -> None:
    deliveries = pair.one.chats.deliveries
    for id in ("old", "open", "new"):
        at = BORN + timedelta(days=20) if id == "new" else BORN
        await deliveries.keep(replace(a_delivery(id, id), at=at))
    await deliveries.done("old")
    await deliveries.done("new")
    assert await deliveries.forget(BORN) == 0
    assert await deliveries.forget(BORN + timedelta(days=14)) == 1
    assert (await deliveries.get("old"), await deliveries.get("open") is None) == (None, False)
    assert await deliveries.get("new") is not None
