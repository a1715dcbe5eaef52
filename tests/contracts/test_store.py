"""What the store promises of tasks, turns, people, the mailbox and events."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from store_world import ANN, BORN, Clock, a_message, a_task, with_task

from honk.adapters.sql import SqlStore
from honk.adapters.sql.database import Database
from honk.adapters.sql.events import SqlEvents
from honk.domain.event import Event, TaskMoved, TaskNoted
from honk.domain.person import Identity, IdentityKind, PersonId
from honk.domain.task import State, Task, TaskId
from honk.domain.turn import Outcome, Turn
from honk.errors import Defect, StoreUnavailable, Usage

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["file", "memory", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path}/honk.db" if request.param == "file" else "sqlite://"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres").database()
    async with SqlStore(url, clock=clock) as opened:
        yield opened


# ── people ─────────────────────────────────────────────────────────────────────────────────────
async def test_a_person_is_made_once_for_an_identity(store: SqlStore) -> None:
    ann = await store.tasks.person(ANN, "Ann")
    assert (ann.name, ann.identities) == ("Ann", (ANN,))
    assert await store.tasks.person(ANN, "Somebody") == ann
    assert await store.tasks.get_person(ann.id) == ann
    other = await store.tasks.person(Identity(kind=IdentityKind.SLACK, value="ann"), "Ann of Slack")
    assert other.id != ann.id
    with pytest.raises(Defect):
        await store.tasks.get_person(PersonId("nobody"))


# ── tasks ──────────────────────────────────────────────────────────────────────────────────────
async def test_a_task_comes_back_as_it_was_stored(store: SqlStore) -> None:
    person = await store.tasks.person(ANN, "Ann")
    task, message = a_task(person), a_message(person, text="words \0 \udcff ✓")
    assert await store.tasks.add(task, Turn(task=T1, number=1, message=message)) == task
    assert await store.tasks.get("t1") == task
    assert await store.tasks.turn(T1, 1) == Turn(task=T1, number=1, message=message)


async def test_a_message_delivered_twice_makes_one_task(store: SqlStore) -> None:
    first = await with_task(store, "t1", "m1")
    assert await with_task(store, "t2", "m1") == first
    assert [task.id for task in await store.tasks.list()] == ["t1"]


async def test_tasks_are_found_by_the_beginning_of_their_id(store: SqlStore) -> None:
    for number, id in enumerate(["abc", "abd", "ab_", "xyz", "xyz2"]):
        await with_task(store, id, f"m{number}")
    assert (await store.tasks.get("abd")).id == "abd"
    assert (await store.tasks.get("ab_")).id == "ab_"
    assert (await store.tasks.get("xyz")).id == "xyz"
    for wrong, words in {"ab": "abc, abd", "nothing": "no task", "ABC": "no task", "%": "no task"}.items():
        with pytest.raises(Usage, match=words):
            await store.tasks.get(wrong)


async def test_the_list_shows_the_newest_first(store: SqlStore) -> None:
    person = await store.tasks.person(ANN, "Ann")
    for number in range(4):
        task = a_task(person, f"t{number}", created_at=BORN + timedelta(minutes=number))
        await store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(person, f"m{number}")))
    await store.tasks.move(TaskId("t2"), State.FAILED)
    assert [task.id for task in await store.tasks.list()] == ["t3", "t2", "t1", "t0"]
    assert [task.id for task in await store.tasks.list(limit=2)] == ["t3", "t2"]
    assert [task.id for task in await store.tasks.list(states=frozenset({State.FAILED}))] == ["t2"]
    assert await store.tasks.list(states=frozenset()) == ()
    other = await store.tasks.person(Identity(kind=IdentityKind.SLACK, value="ben"), "Ben")
    await store.tasks.add(a_task(other, "t4"), Turn(task=TaskId("t4"), number=1, message=a_message(other, "m4")))
    assert [task.id for task in await store.tasks.list(by=other.id)] == ["t4"]
    assert [task.id for task in await store.tasks.list(by=person.id, limit=2)] == ["t3", "t2"]
    assert await store.tasks.list(by=other.id, states=frozenset({State.FAILED})) == ()


async def test_a_move_is_recorded_with_the_task(store: SqlStore, clock: Clock) -> None:
    task = await with_task(store)
    clock.pass_by(seconds=5)
    moved = await store.tasks.move(T1, State.QUEUED, "no worker is free", actor=task.requested_by)
    assert moved == replace(task, state=State.QUEUED, reason="no worker is free")
    assert await store.tasks.get("t1") == moved
    assert await store.tasks.move(T1, State.QUEUED, "no worker is free") == moved
    assert await store.tasks.move(T1, State.QUEUED, "almost") == replace(moved, reason="almost")
    events = await store.events.read(T1)
    assert [event.data for event in events] == [
        TaskMoved(state="queued", before="accepted", reason="no worker is free"),
        TaskMoved(state="queued", before="queued", reason="almost"),
    ]
    assert (events[0].at, events[0].actor, events[0].turn) == (clock.now, task.requested_by, 1)


async def test_a_move_that_the_table_forbids_leaves_no_trace(store: SqlStore) -> None:
    task = await with_task(store)
    with pytest.raises(Defect, match="accepted may not become deployed"):
        await store.tasks.move(T1, State.DEPLOYED)
    assert await store.tasks.get("t1") == task
    assert await store.events.read(T1) == ()


# ── turns, messages, stop ──────────────────────────────────────────────────────────────────────
async def test_the_turn_at_work_comes_first_and_then_messages_in_their_order(store: SqlStore) -> None:
    task = await with_task(store)
    person = await store.tasks.get_person(task.requested_by)
    first = await store.tasks.turn(T1, 1)
    for id in ("m3", "m2", "m3"):
        await store.tasks.queue_message(T1, a_message(person, id))
    assert await store.tasks.begin_turn(T1) == first
    await store.tasks.end_turn(T1, 1, Outcome.UNSURE)
    second = await store.tasks.begin_turn(T1)
    assert second is not None
    assert (second.number, second.message, second.outcome) == (2, a_message(person, "m3"), None)
    assert (await store.tasks.get("t1")).turn == 2
    assert await store.tasks.begin_turn(T1) == second
    await store.tasks.end_turn(T1, 2, Outcome.UNSURE)
    assert await store.tasks.turn(T1, 2) == replace(second, outcome=Outcome.UNSURE)
    third = await store.tasks.begin_turn(T1)
    assert third is not None and third.message == a_message(person, "m2")
    await store.tasks.end_turn(T1, 3, Outcome.PASS)
    assert await store.tasks.begin_turn(T1) is None


async def test_a_message_of_another_task_is_not_a_turn_of_this_one(store: SqlStore) -> None:
    task = await with_task(store, "t1", "m1")
    await with_task(store, "t2", "m2")
    person = await store.tasks.get_person(task.requested_by)
    with pytest.raises(Defect, match="belongs to task t2"):
        await store.tasks.queue_message(T1, a_message(person, "m2"))


async def test_a_message_that_is_a_turn_is_not_queued_again(store: SqlStore) -> None:
    task = await with_task(store, "t1", "m1")
    person = await store.tasks.get_person(task.requested_by)
    await store.tasks.queue_message(T1, a_message(person, "m1"))
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    assert await store.tasks.begin_turn(T1) is None


async def test_no_turn_begins_once_the_task_is_landing(store: SqlStore) -> None:
    task = await with_task(store)
    person = await store.tasks.get_person(task.requested_by)
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    await store.tasks.queue_message(T1, a_message(person, "m2"))
    await store.tasks.move(T1, State.PROPOSED)
    await store.tasks.move(T1, State.MERGING)
    assert await store.tasks.begin_turn(T1) is None
    await store.tasks.move(T1, State.PROPOSED, "refused")
    begun = await store.tasks.begin_turn(T1)
    assert begun is not None and begun.message.id == "m2"


async def test_a_stop_of_one_turn_does_not_stop_the_next(store: SqlStore) -> None:
    task = await with_task(store)
    person = await store.tasks.get_person(task.requested_by)
    await store.tasks.ask_stop(T1, person.id)
    await store.tasks.end_turn(T1, 1, Outcome.PASS)
    await store.tasks.queue_message(T1, a_message(person, "m2"))
    await store.tasks.begin_turn(T1)
    assert await store.tasks.stop_asked(T1) is None


async def test_a_stop_is_asked_until_it_is_cleared(store: SqlStore) -> None:
    task = await with_task(store)
    assert await store.tasks.stop_asked(T1) is None
    await store.tasks.ask_stop(T1, task.requested_by)
    assert await store.tasks.stop_asked(T1) == task.requested_by
    await store.tasks.clear_stop(T1)
    assert await store.tasks.stop_asked(T1) is None


async def test_what_is_not_stored_is_a_defect(store: SqlStore) -> None:
    person = await store.tasks.person(ANN, "Ann")
    absent = TaskId("absent")
    for asked in (
        store.tasks.move(absent, State.FAILED),
        store.tasks.begin_turn(absent),
        store.tasks.turn(absent, 1),
        store.tasks.end_turn(absent, 1, Outcome.PASS),
        store.tasks.queue_message(absent, a_message(person)),
        store.tasks.ask_stop(absent, person.id),
        store.events.record(absent, 1, TaskNoted(text="")),
    ):
        with pytest.raises(Defect, match="absent"):
            await asked


# ── events ─────────────────────────────────────────────────────────────────────────────────────
async def test_events_are_numbered_without_a_gap(store: SqlStore, clock: Clock) -> None:
    await with_task(store, "t1", "m1")
    await with_task(store, "t2", "m2")
    first = await store.events.record(T1, 1, TaskNoted(text="one \0 \udcff"))
    assert first == Event(
        id="t1.1", task=T1, turn=1, seq=1, at=clock.now, actor=None, data=TaskNoted(text="one \0 \udcff")
    )
    await asyncio.gather(*[store.events.record(T1, 1, TaskNoted(text="more")) for _ in range(20)])
    await store.events.record(TaskId("t2"), 1, TaskNoted(text="other"))
    read = await store.events.read(T1)
    assert read[0] == first
    assert [event.seq for event in read] == list(range(1, 22))
    assert [event.seq for event in await store.events.read(T1, after=19)] == [20, 21]
    assert [event.seq for event in await store.events.read(T1, after=3, limit=2)] == [4, 5]
    assert [event.seq for event in await store.events.read(TaskId("t2"))] == [1]


async def test_an_event_with_a_key_is_stored_once(store: SqlStore) -> None:
    await with_task(store)
    first = await store.events.record(T1, 1, TaskNoted(text="first"), key="build")
    assert await store.events.record(T1, 1, TaskNoted(text="second"), key="build") == first
    await store.events.record(T1, 1, TaskNoted(text="third"))
    assert [event.seq for event in await store.events.read(T1)] == [1, 2]


# ── the store itself ───────────────────────────────────────────────────────────────────────────
async def test_a_cancelled_call_leaves_the_store_usable(store: SqlStore) -> None:
    await with_task(store)
    call = asyncio.create_task(store.events.record(T1, 1, TaskNoted(text="cut")))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    last = await store.events.record(T1, 1, TaskNoted(text="after"))
    assert [event.seq for event in await store.events.read(T1)] == list(range(1, last.seq + 1))


async def test_the_file_keeps_everything_and_is_for_its_owner(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/deep/honk.db"
    async with SqlStore(url) as first:
        task: Task = await with_task(first)
        modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "deep").iterdir()}
    assert set(modes.values()) == {0o600}, modes
    async with SqlStore(url) as second:
        assert await second.tasks.get("t1") == task


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/honk.db")
    with pytest.raises(Defect, match="not open"):
        await store.tasks.get("t1")
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(Defect, match="not open"):
        await store.tasks.get("t1")


async def test_work_that_somebody_must_be_at_is_found_among_all(store: SqlStore) -> None:
    person = await store.tasks.person(ANN, "Ann")
    other = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="bob"), "Bob")
    for number, (state, by) in enumerate(
        [(State.CODING, person), (State.PROPOSED, person), (State.QUEUED, other), (State.FAILED, person)]
    ):
        task = a_task(by, f"t{number}", state=state, created_at=BORN + timedelta(minutes=number))
        await store.tasks.add(task, Turn(task=task.id, number=1, message=a_message(by, f"m{number}")))
    assert [task.id for task in await store.tasks.busy(person.id, frozenset())] == ["t0"]
    also = frozenset({TaskId("t2"), TaskId("t3"), TaskId("unknown")})
    assert [task.id for task in await store.tasks.busy(person.id, also)] == ["t3", "t0"]


async def test_a_lock_of_another_program_is_waited_for_and_then_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/honk.db"
    async with SqlStore(url) as store:
        await with_task(store)
    database = Database(url, patience=0.1)
    await database.open()
    other = sqlite3.connect(tmp_path / "honk.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        events = SqlEvents(database, Clock())
        with pytest.raises(StoreUnavailable, match="locked by another process"):
            await events.record(T1, 1, TaskNoted(text="in vain"))
        other.execute("ROLLBACK")
        await events.record(T1, 1, TaskNoted(text="after"))
        assert [event.data for event in await events.read(T1)] == [TaskNoted(text="after")]
    finally:
        other.close()
        await database.close()
