"""An exit that was opened before its task: nothing passes it, then exactly what the task's pass allows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from broker_world import GOOD, KEY, NO_LIMITS, Server, World, body

from honk.domain.event import EventData, ModelCalled
from honk.domain.limits import Limits, Spending
from honk.domain.task import TaskId
from honk.errors import Defect
from honk.ports import Pass

pytestmark = pytest.mark.anyio
TASK = TaskId("t1")


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with Server(GOOD) as server:
        yield server


@pytest.fixture
def world(short_tmp: Path, upstream: Server) -> World:
    return World(run_dir=short_tmp / "run", port=upstream.port)


async def asked(socket: Path) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(socket)), timeout=10) as client:
        return await client.post("http://model/v1/messages", json=body(), headers={"x-api-key": "placeholder"})


class Kept:
    """What is told and spent of one task."""

    def __init__(self) -> None:
        self.told: list[EventData] = []
        self.spent = Spending()

    async def tell(self, data: EventData) -> None:
        self.told.append(data)

    async def spend(self, spending: Spending) -> None:
        self.spent += spending


def permit(*, model: bool = True, limits: Limits = NO_LIMITS) -> Pass:
    return Pass(task=TASK, model=model, limits=limits)


async def test_a_call_waits_until_the_exit_has_a_task(world: World, upstream: Server) -> None:
    kept = Kept()
    async with world.broker().park() as parked:
        calling = asyncio.ensure_future(asked(parked.socket))
        _, other = await asyncio.open_unix_connection(str(parked.socket))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not calling.done()
        assert upstream.requests == []
        exit = parked.give(permit(), kept.tell, kept.spend)
        answer = await calling
        assert answer.status_code == 200
        assert upstream.requests[0].headers["x-api-key"] == KEY
        assert exit.spent().calls == kept.spent.calls == 1
        assert [one for one in kept.told if isinstance(one, ModelCalled)]
        other.close()
        await other.wait_closed()


async def test_the_pass_counts_that_it_is_given(world: World, upstream: Server) -> None:
    kept = Kept()
    async with world.broker().park() as parked:
        calling = asyncio.ensure_future(asked(parked.socket))
        parked.give(permit(model=False), kept.tell, kept.spend)
        assert (await calling).status_code == 400
        assert upstream.requests == []
    async with world.broker().park() as parked:
        exit = parked.give(permit(limits=Limits(usd=None, calls=0, seconds=None)), kept.tell, kept.spend)
        assert (await asked(parked.socket)).status_code >= 400
        assert exit.ended_by() is not None
    assert upstream.requests == []


async def test_it_belongs_to_one_task(world: World) -> None:
    kept = Kept()
    async with world.broker().park() as parked:
        parked.give(permit(), kept.tell, kept.spend)
        with pytest.raises(Defect):
            parked.give(permit(), kept.tell, kept.spend)


async def test_what_waits_is_cut_off_with_it(world: World, upstream: Server) -> None:
    async with world.broker().park() as parked:
        socket = parked.socket
        reader, writer = await asyncio.open_unix_connection(str(socket))
        content = json.dumps(body()).encode()
        writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: m\r\ncontent-length: %d\r\n\r\n" % len(content) + content)
        await writer.drain()
        for _ in range(20):  # until it was accepted
            await asyncio.sleep(0)
    with suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    assert not socket.exists()
    assert upstream.requests == []


async def test_only_so_many_may_wait(world: World) -> None:
    async with world.broker().park() as parked:
        opened = [await asyncio.open_unix_connection(str(parked.socket)) for _ in range(17)]
        ended = [asyncio.ensure_future(reader.read()) for reader, _ in opened]
        await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
        assert sum(one.done() for one in ended) == 1
    await asyncio.gather(*ended, return_exceptions=True)
    for _, writer in opened:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
