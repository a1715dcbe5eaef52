"""What the store promises of jobs for labelled workers, with two stores at the same database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import anyio
import pytest
from chats_world import Pair, opened_twice
from store_world import BORN, with_task

from honk.domain.remote_job import LEASE, JobKind, JobState, RemoteJob, RemoteWorker, Rights
from honk.domain.repository import Base, Sha
from honk.errors import NotNow, Unknown

pytestmark = pytest.mark.anyio
MAC = Rights(labels=frozenset({"macos", "xcode"}), kinds=frozenset({JobKind.BUILD}))


@pytest.fixture
async def pair(database_url: str) -> AsyncIterator[Pair]:
    async with opened_twice(database_url) as made:
        yield made


async def job(pair: Pair, id: str, number: int = 0, **more: object) -> RemoteJob:
    task = await with_task(pair.one, "t1", "m1") if number == 0 else await pair.one.tasks.get("t1")
    made = RemoteJob(
        id=id,
        kind=JobKind.BUILD,
        task=task.id,
        turn=1,
        repository=task.repository,
        base=Base(branch="main", commit=Sha("a" * 40)),
        commit=Sha("b" * 40),
        labels=("macos",),
        at=BORN + timedelta(minutes=number),
        command="make \udcff",
    )
    return replace(made, **more)  # type: ignore[arg-type]


async def test_the_oldest_that_fits_is_given_to_one(pair: Pair) -> None:
    second, first = await job(pair, "j1", 0, at=BORN + timedelta(minutes=2)), await job(pair, "j2", 1)
    windows, deploys = await job(pair, "j3", 1, labels=("windows",)), await job(pair, "j4", 1, kind=JobKind.DEPLOY)
    for one in (second, first, windows, deploys, first):
        assert await pair.one.jobs.add(one) == one
    given: list[RemoteJob | None] = []

    async def claim(store: object, lease: str) -> None:
        given.append(await store.jobs.claim(MAC, "w", lease))  # type: ignore[attr-defined]

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(claim, (pair.one, pair.other)[number % 2], f"lease {number}")
    got = [one for one in given if one is not None]
    assert sorted(one.id for one in got) == ["j1", "j2"] and len(given) == 6
    assert {one.state for one in got} == {JobState.LEASED}
    assert [one.id for one in await pair.other.jobs.open()] == ["j2", "j3", "j4", "j1"]


async def test_a_lease_is_kept_by_beating(pair: Pair) -> None:
    await pair.one.jobs.add(await job(pair, "j1"))
    taken = await pair.one.jobs.claim(MAC, "w", "one")
    assert taken is not None and taken.until is not None
    now = taken.until - LEASE
    kept = await pair.other.jobs.change("j1", lambda one: one.beaten("one", now + LEASE / 2))
    assert kept.overdue(now + LEASE) is kept
    over = kept.overdue(now + 2 * LEASE)
    assert (over.state, over.lease) == (JobState.WAITING, "")
    with pytest.raises(NotNow):
        await pair.one.jobs.change("j1", lambda one: one.beaten("another", now))
    assert await pair.one.jobs.get("j1") == kept, "nothing was changed"
    done = await pair.one.jobs.change("j1", lambda one: one.ended("one", JobState.DONE, ""))
    assert await pair.one.jobs.change("j1", lambda one: one.ended("one", JobState.DONE, "")) == done
    assert await pair.other.jobs.open() == () and await pair.other.jobs.list(task=done.task) == (done,)
    with pytest.raises(Unknown):
        await pair.one.jobs.get("none")
    with pytest.raises(Unknown):
        await pair.one.jobs.change("none", lambda one: one)


async def test_a_deployment_is_in_doubt_once_it_has_begun(pair: Pair) -> None:
    taken = (await job(pair, "j1", kind=JobKind.DEPLOY)).taken("w", "one", BORN)
    later = BORN + LEASE
    assert taken.overdue(later).state is JobState.WAITING
    doubt = taken.begins("one").overdue(later)
    assert doubt.state is JobState.DOUBT
    assert doubt.beaten("one", later).state is JobState.LEASED, "the worker is there again"
    assert doubt.ended("one", JobState.DONE, "").state is JobState.DONE
    assert doubt.settled(live=False, by="Ada").state is JobState.FAILED
    with pytest.raises(NotNow):
        taken.settled(live=True, by="Ada")


async def test_who_was_seen_when(pair: Pair) -> None:
    mac = RemoteWorker(
        token="t", name="mac", labels=MAC.labels, kinds=MAC.kinds, host="h", user="u", seen=BORN + timedelta(minutes=1)
    )
    await pair.one.jobs.seen(mac)
    await pair.one.jobs.seen(replace(mac, name="other", seen=BORN))
    assert [one.name for one in await pair.other.jobs.workers()] == ["mac", "other"]
    await pair.other.jobs.seen(replace(mac, name="other", seen=BORN + timedelta(hours=1)))
    assert [one.name for one in await pair.one.jobs.workers()] == ["other", "mac"]
    assert mac in await pair.one.jobs.workers()
