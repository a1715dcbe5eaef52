"""What the store promises of notices and devices, with two stores at the same database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
import sqlalchemy as sa
from chats_world import Pair, opened_twice
from store_world import ANN, BORN, with_task

from honk.adapters.sql.migrate import migrate
from honk.domain.event import TaskNoted
from honk.domain.notice import MAIL, Device, Posting
from honk.domain.person import PersonId
from honk.domain.task import Task

pytestmark = pytest.mark.anyio
KEY = b"k" * 32


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


def posting(task: Task, seq: int = 1, target: str = MAIL) -> Posting:
    return Posting(task=task.id, seq=seq, person=task.requested_by, target=target)


def device(person: PersonId, number: int = 1) -> Device:
    return Device(
        id=f"{number:032x}",
        person=person,
        label="Firefox on Android",
        endpoint=f"https://push.example.net/{number}",
        p256dh="p",
        auth="secret-of-the-browser",
        visit="t1",
        at=BORN + timedelta(minutes=number),
        until=BORN + timedelta(days=30),
    )


async def test_an_event_is_looked_at_once_whoever_is_first(pair: Pair) -> None:
    task = await with_task(pair.one, "a", "m-a")
    await pair.one.events.record(task.id, 1, TaskNoted(text="news"))
    behind = await pair.one.outbox.behind()
    told = (await pair.one.events.latest((task.id,)))[task.id]
    assert behind == {task.id: 0} and await pair.other.outbox.behind(of=()) == {}
    won: list[bool] = []

    async def look(store: object) -> None:
        assert store in (pair.one, pair.other)
        outbox = pair.one.outbox if store is pair.one else pair.other.outbox
        won.append(await outbox.look(task.id, before=0, told=told, postings=(posting(task),)))

    async with anyio.create_task_group() as group:
        for store in (pair.one, pair.other) * 3:
            group.start_soon(look, store)
    assert sorted(won) == [False] * 5 + [True]
    assert await pair.other.outbox.behind() == {}
    assert len(await pair.other.outbox.take("me", BORN + timedelta(days=1), 10)) == 1
    await pair.one.events.record(task.id, 1, TaskNoted(text="more"))
    assert await pair.other.outbox.behind(of=(task.id,)) == {task.id: told}


async def test_a_posting_is_one_senders_until_it_is_done_or_put_off(pair: Pair) -> None:
    task = await with_task(pair.one, "a", "m-a")
    for target in ("d1", MAIL, MAIL):
        await pair.one.outbox.put(posting(task, target=target))
    until = pair.one.now() + timedelta(minutes=5)
    found = await pair.one.outbox.take("one", until, 1) + await pair.other.outbox.take("two", until, 5)
    assert {one.target for one in found} == {"d1", MAIL} and [one.tries for one in found] == [0, 0]
    assert await pair.other.outbox.take("three", until, 5) == ()
    await pair.one.outbox.done(found[0])
    await pair.one.outbox.put_off(found[1], pair.one.now() - timedelta(seconds=1))
    (again,) = await pair.other.outbox.take("two", until, 5)
    assert again == replace(found[1], tries=1)
    await pair.other.outbox.put_off(again, pair.other.now() + timedelta(hours=1))
    assert await pair.one.outbox.take("one", until, 5) == ()


async def test_what_a_dead_sender_held_is_sent_by_another(pair: Pair) -> None:
    task = await with_task(pair.one, "a", "m-a")
    await pair.one.outbox.put(posting(task))
    await pair.one.outbox.take("dead", pair.one.now() - timedelta(seconds=1), 5)
    assert len(await pair.other.outbox.take("alive", pair.other.now() + timedelta(minutes=1), 5)) == 1


async def test_devices_are_a_persons_and_sealed(pair: Pair) -> None:
    await with_task(pair.one, "a", "m-a")
    ann = (await pair.one.tasks.person(ANN, "Ann")).id
    devices, others = pair.one.devices(KEY), pair.other.devices(b"x" * 32)
    for number in range(1, 13):
        await devices.add(device(ann, number))
    kept = await pair.other.devices(KEY).of(ann)
    assert [one.endpoint[-2:] for one in kept][:2] == ["12", "11"] and len(kept) == 10
    assert await devices.get(device(ann, 12).id) == device(ann, 12)
    assert await others.of(ann) == () and await others.get(device(ann, 12).id) is None
    bob = (await pair.one.tasks.person(replace(ANN, value="bob"), "Bob")).id
    assert not await devices.remove(device(ann, 12).id, bob)
    await devices.add(replace(device(bob, 12)))
    assert [one.person for one in await devices.of(bob)] == [bob] and len(await devices.of(ann)) == 9
    assert await devices.remove(device(bob, 12).id, bob) and not await devices.remove(device(bob, 12).id)


async def test_nobody_is_told_of_what_happened_before_this_release(database_url: str) -> None:
    engine = sa.create_engine(database_url)
    with engine.begin() as connection:
        migrate(connection, "0009")
        connection.execute(sa.text("INSERT INTO people (id, name) VALUES ('p', '\"Ada\"')"))
        connection.execute(
            sa.text(
                "INSERT INTO tasks (id, created_at, requested_by, repository_key, repository, instruction, options,"
                " state, reason, turn, events) VALUES"
                " ('t', '2026-11-01', 'p', 'k', '{}', '\"\"', '{}', 'coding', '\"\"', 1, 7)"
            )
        )
    with engine.begin() as connection:
        migrate(connection)
        assert tuple(connection.execute(sa.text("SELECT task, told FROM noticed")).one()) == ("t", 7)
    engine.dispose()
