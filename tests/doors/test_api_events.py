"""Followers: in order, without a gap, back where they were; one that is slow bothers nobody."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld, Frame, api_world, frames
from starlette.types import Message

from honk.adapters.sql import SqlStore
from honk.domain.event import AgentWrote, TaskNoted
from honk.domain.person import Identity, IdentityKind
from honk.domain.task import Task, TaskId
from honk.doors.api.streaming import EventStream
from honk.service import Feed, FellBehind
from honk.testing.world import world

pytestmark = pytest.mark.anyio
SSE = {"Accept": "text/event-stream"}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


async def note(door: ApiWorld, task: Task, text: str) -> None:
    await door.world.store.events.record(task.id, 1, TaskNoted(text=text))


async def asked(door: ApiWorld) -> Task:
    """A task that rests."""
    return await door.world.settled(await door.world.ask())


async def test_a_follower_gets_what_was_and_what_comes(door: ApiWorld) -> None:
    task = await asked(door)
    before = await door.world.log(task)
    async with door.client() as client, client.stream("GET", f"/tasks/{task.id}/events", headers=SSE) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        seen: list[int] = []
        async with aclosing(frames(response.aiter_lines())) as stream:  # type: ignore[type-var]
            async for frame in stream:
                if isinstance(frame, str):
                    assert frame.startswith("retry: ")
                    continue
                assert frame.id == str(frame.data["seq"])
                seen.append(frame.data["seq"])
                if len(seen) == len(before):
                    await note(door, task, "later")
                if len(seen) == len(before) + 1:
                    assert frame.data["data"] == {"text": "later"}
                    break
    assert seen == list(range(1, len(before) + 2))


async def test_a_follower_comes_back_after_the_last_event_it_has(door: ApiWorld) -> None:
    task = await asked(door)
    last = (await door.world.log(task))[-1].seq
    async with door.client() as client:
        headers = {**SSE, "Last-Event-ID": str(last - 2)}
        async with client.stream("GET", f"/tasks/{task.id}/events", headers=headers) as response:
            stream = frames(response.aiter_lines())
            found = [frame.id async for frame in _take(stream, 2)]
    assert found == [str(last - 1), str(last)]


@pytest.mark.parametrize("id", ["²", "nonsense", "-1", "", "9" * 5000])
async def test_a_last_event_id_that_is_no_number_is_as_if_there_were_none(door: ApiWorld, id: str) -> None:
    task = await asked(door)
    async with door.client() as client:
        headers = {**SSE, "Last-Event-ID": id.encode("latin-1")}
        async with client.stream("GET", f"/tasks/{task.id}/events?until=settled", headers=headers) as response:
            assert response.status_code == 200
            found = [frame.id async for frame in _take(frames(response.aiter_lines()), 2)]
    assert found == ["1", "2"]


@pytest.mark.parametrize("beyond", [1, 1000, 10**9, 10**9 * 9])
async def test_who_has_seen_more_than_there_is_misses_nothing_from_now_on(tmp_path: Path, beyond: int) -> None:
    async with api_world(tmp_path, heartbeat=0.02) as door, door.client() as client:
        task = await asked(door)
        last = (await door.world.log(task))[-1].seq
        headers = {**SSE, "Last-Event-ID": str(last + beyond)}
        async with client.stream("GET", f"/tasks/{task.id}/events", headers=headers) as response:
            lines = response.aiter_lines()
            while await anext(lines) != ": still here":
                continue
            await note(door, task, "later")
            found = [frame.id async for frame in _take(frames(lines), 1)]
    assert found == [str(last + 1)]


async def _take(stream: AsyncIterator[Frame | str], count: int) -> AsyncIterator[Frame]:
    async for frame in stream:
        if isinstance(frame, Frame):
            yield frame
            count -= 1
            if not count:
                return


async def test_a_stream_may_end_with_the_turn(door: ApiWorld) -> None:
    task = await asked(door)
    async with door.client() as client:
        response = await client.get(f"/tasks/{task.id}/events?until=settled", headers=SSE)
        assert response.text.rstrip().splitlines()[-1].startswith("retry: ")
        assert '"task.settled"' in response.text


async def test_at_the_end_of_the_server_followers_are_told_to_come_back(door: ApiWorld) -> None:
    task = await asked(door)
    async with door.client() as client, client.stream("GET", f"/tasks/{task.id}/events", headers=SSE) as response:
        lines = response.aiter_lines()
        assert await anext(lines) == "retry: 1000"
        door.feed.close()
        rest = [line async for line in lines if line]
    assert rest[-1].startswith("retry: ")


async def test_heartbeats_come_while_nothing_happens(tmp_path: Path) -> None:
    async with api_world(tmp_path, heartbeat=0.05) as door:
        task = await asked(door)
        last = (await door.world.log(task))[-1].seq
        async with door.client() as client:
            headers = {**SSE, "Last-Event-ID": str(last)}
            async with client.stream("GET", f"/tasks/{task.id}/events", headers=headers) as response:
                async for frame in frames(response.aiter_lines()):
                    if frame == ": still here":
                        break


async def test_what_another_process_records_arrives(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'honk.db'}"
    async with SqlStore(url) as mine, SqlStore(url) as other:
        feed = Feed(mine.events, poll=0.01)
        mine.listen(feed.heard)
        async with world(tmp_path) as made, feed.running():
            task = await made.ask()
            person = await mine.tasks.person(Identity(kind=IdentityKind.LOCAL, value="ada"), "Ada")
            stored = Task(**{name: getattr(task, name) for name in Task.__slots__} | {"requested_by": person.id})
            turn = await made.store.tasks.turn(task.id, 1)
            await mine.tasks.add(stored, turn)
            async with aclosing(feed.follow(task.id)) as batches:
                await mine.events.record(task.id, 1, TaskNoted(text="here"))
                assert [one.event.seq for one in await anext(batches)] == [1]
                await other.events.record(task.id, 1, TaskNoted(text="there"))
                assert [one.event.seq for one in await anext(batches)] == [2]


async def test_an_idle_store_is_not_asked(tmp_path: Path) -> None:
    """What other processes store is seen at the log of SQLite; the clock alone asks nothing."""
    url, asked_for = f"sqlite:///{tmp_path / 'honk.db'}", 0

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(mine.events, name)

        async def latest(self, of: Collection[TaskId]) -> Mapping[TaskId, int]:
            nonlocal asked_for
            asked_for += 1
            return await mine.events.latest(of)

    glances = 0

    def stamp() -> object:
        nonlocal glances
        glances += 1
        return mine.stamp()

    async with SqlStore(url) as mine, SqlStore(url) as other, world(tmp_path) as made:
        task = await made.ask()
        person = await mine.tasks.person(Identity(kind=IdentityKind.LOCAL, value="ada"), "Ada")
        stored = Task(**{name: getattr(task, name) for name in Task.__slots__} | {"requested_by": person.id})
        await mine.tasks.add(stored, await made.store.tasks.turn(task.id, 1))
        feed = Feed(Counting(), stamp=stamp, poll=0.0)  # type: ignore[arg-type]
        async with feed.running(), aclosing(feed.follow(task.id)) as batches:
            first = asyncio.ensure_future(anext(batches))
            while glances < 2:
                await asyncio.sleep(0.001)
            before, begin = asked_for, glances
            while glances < begin + 5:
                await asyncio.sleep(0.001)
            assert asked_for == before
            await other.events.record(task.id, 1, TaskNoted(text="there"))
            assert [one.event.seq for one in await first] == [1]


async def test_followers_share_one_reader(door: ApiWorld) -> None:
    task = await asked(door)
    last = (await door.world.log(task))[-1].seq
    reads = 0
    read = door.feed._events.read

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(door.world.store.events, name)

        async def read(self, *given: object) -> object:
            nonlocal reads
            reads += 1
            return await read(*given)  # type: ignore[arg-type]

    door.feed._events = Counting()  # type: ignore[assignment]
    seen = 0

    async def follow() -> None:
        nonlocal seen
        async with aclosing(door.feed.follow(task.id, last)) as batches:
            async for batch in batches:
                seen += len(batch)
                if batch and batch[-1].event.seq == last + 20:
                    return

    jobs = [asyncio.create_task(follow()) for _ in range(50)]
    while door.feed.followers < 50:
        await asyncio.sleep(0)
    for number in range(20):
        await note(door, task, str(number))
    await asyncio.gather(*jobs)
    assert seen == 50 * 20
    assert reads < 5


async def test_who_is_too_slow_is_dropped_and_finds_the_rest(tmp_path: Path) -> None:
    async with api_world(tmp_path, buffer=8) as door:
        task = await asked(door)
        last = (await door.world.log(task))[-1].seq
        slow, quick = door.feed.follow(task.id, last), door.feed.follow(task.id, last)
        async with aclosing(slow), aclosing(quick):
            first = asyncio.ensure_future(anext(slow))
            while not door.feed.followers:
                await asyncio.sleep(0)
            await note(door, task, "0")
            got = [one.event.seq for one in await first]
            await anext(quick)
            for number in range(1, 40):
                await note(door, task, str(number))
                await anext(quick)
            with pytest.raises(FellBehind):
                await anext(slow)
        async with aclosing(door.feed.follow(task.id, got[-1])) as again:
            assert [one.event.seq for one in await anext(again)] == list(range(last + 2, last + 41))


async def test_a_client_that_takes_nothing_holds_nobody_up(tmp_path: Path) -> None:
    async with api_world(tmp_path, buffer=16) as door:
        task = await asked(door)
        token = await door.token()
        host, port = door.url.removeprefix("http://").split(":")
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            deaf.connect((host, int(port)))
            request = f"GET /api/v1/tasks/{task.id}/events HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n"
            deaf.sendall(f"{request}Authorization: Bearer {token}\r\n\r\n".encode())
            while not door.feed.followers:
                await asyncio.sleep(0)
            async with door.client() as client:
                last = (await door.world.log(task))[-1].seq
                headers = {**SSE, "Last-Event-ID": str(last)}
                async with client.stream("GET", f"/tasks/{task.id}/events", headers=headers) as response:
                    stream = frames(response.aiter_lines())
                    for number in range(60):
                        await door.world.store.events.record(task.id, 1, AgentWrote(text=f"{number} " + "x" * 100_000))
                        assert (await anext(_take(stream, 1))).data["seq"] == last + number + 1


async def test_a_client_that_takes_nothing_is_dropped_in_time(door: ApiWorld) -> None:
    task = await asked(door)
    stream = EventStream(door.feed.follow(task.id), taken_within=0.05)
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)
        if b"data: " in message.get("body", b""):
            await asyncio.Event().wait()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    await stream({"type": "http"}, receive, send)
    assert b"id: 1\n" in sent[-1]["body"] and sent[-1]["more_body"]
    assert door.feed.followers == 0


async def test_a_client_that_leaves_is_forgotten(door: ApiWorld) -> None:
    task = await asked(door)
    async with door.client() as client, client.stream("GET", f"/tasks/{task.id}/events", headers=SSE) as response:
        await anext(response.aiter_lines())
        while not door.feed.followers:
            await asyncio.sleep(0)
    while door.feed.followers:
        await asyncio.sleep(0.001)
    assert not door.feed._topics


async def test_nobody_may_follow_a_task_that_is_not_there(door: ApiWorld) -> None:
    async with door.client() as client:
        response = await client.get("/tasks/nope/events", headers=SSE)
        assert response.status_code == 404 and json.loads(response.text)["type"].endswith("unknown")


async def test_a_thousand_old_events_come_in_order(door: ApiWorld) -> None:
    task = await asked(door)
    for number in range(1200):
        await note(door, task, str(number))
    last = (await door.world.log(task))[-1].seq
    async with door.client() as client:
        assert isinstance(client, httpx.AsyncClient)
        async with client.stream("GET", f"/tasks/{task.id}/events", headers=SSE) as response:
            found = [int(frame.id) async for frame in _take(frames(response.aiter_lines()), last)]
    assert found == list(range(1, last + 1))
