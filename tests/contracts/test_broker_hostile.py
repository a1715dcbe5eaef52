"""What a program inside may do to the broker, and what it does not achieve."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from broker_world import GOOD, Inside, Request, Server, World, body

from honk.adapters.broker import Patience

pytestmark = pytest.mark.anyio


@pytest.fixture
async def upstream() -> AsyncIterator[Server]:
    async with Server(GOOD) as server:
        yield server


@pytest.fixture
def world(short_tmp: Path, upstream: Server) -> World:
    return World(run_dir=short_tmp, port=upstream.port, patience=Patience(refused=0.5))


async def say(inside: Inside, *pieces: bytes) -> bytes:
    """Sends these bytes and returns all that comes back until the broker closes."""
    reader, writer = await inside.connect()
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        return await asyncio.wait_for(reader.read(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def still_works(inside: Inside) -> None:
    assert (await inside.ask()).status_code == 200


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)), b"400"),
        (b"\x00" * 100 + b"\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", b"400"),
        (b"GET / HTTP/9.9\r\nhost: a\r\n\r\n", b"505"),
        (b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"y" * 200_000 + b" HTTP/1.1\r\nhost: a\r\n\r\n", b"431"),
        (b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", b"400"),
        (b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: -5\r\n\r\n", b"400"),
        (
            b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
            b"0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
            b"400",
        ),
        (b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n", b"501"),
        (b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", b"400"),
        (b"POST /v1/messages HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc", b"400"),
    ],
)
async def test_what_is_no_proper_request_is_refused_and_the_connection_ends(
    world: World, upstream: Server, sent: bytes, status: bytes
) -> None:
    async with world.open() as inside:
        answer = await say(inside, sent)
        assert answer.split()[1] == status
        assert answer.count(b"content-length: ") == 1
        await still_works(inside)
    assert len(upstream.requests) == 1


async def test_headers_cannot_be_injected_into_the_request_that_goes_out(world: World, upstream: Server) -> None:
    content = b'{"model": "m", "max_tokens": 1, "messages": []}'
    head = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\nuser-agent: x\n x-api-key: mine\r\nconnection: close\r\n"
    async with world.open() as inside:
        await say(inside, head + b"content-length: %d\r\n\r\n" % len(content) + content)
        await say(inside, b"POST /v1/messages?a=b\rx-api-key:z HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
    for asked in upstream.requests:
        assert asked.headers["x-api-key"] != "mine"
        assert len([line for line in asked.headers if line == "x-api-key"]) == 1


async def test_a_head_that_never_ends_is_given_up(world: World) -> None:
    world.patience = Patience(head=0.1, idle=0.1)
    async with world.open() as inside:
        assert await say(inside, b"GET / HTT") == b""
        assert await say(inside) == b""
        await still_works(inside)


async def test_a_body_that_never_ends_is_given_up(world: World, upstream: Server) -> None:
    world.patience = Patience(body=0.1)
    async with world.open() as inside:
        assert await say(inside, b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n{") == b""
        await still_works(inside)
    assert len(upstream.requests) == 1


async def test_a_body_that_is_too_large_is_refused(world: World, upstream: Server) -> None:
    async with world.open() as inside:
        piece = b"x" * (1 << 20)
        head = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (80 << 20)
        assert (await say(inside, head, *[piece] * 80)).split()[1] == b"413"
        await still_works(inside)
    assert len(upstream.requests) == 1


async def test_large_bodies_are_bounded_together(world: World, upstream: Server) -> None:
    hold = asyncio.Event()
    head = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % (60 << 20)
    piece = b"x" * (1 << 20)
    async with world.open() as inside:
        writers = []
        for _ in range(2):
            _, writer = await inside.connect()
            writer.write(head)
            for _ in range(59):
                writer.write(piece)
                await writer.drain()
            writers.append(writer)
        assert (await say(inside, head, *[piece] * 60)).split()[1] == b"503"
        for writer in writers:
            writer.transport.abort()
        hold.set()
        await still_works(inside)
    assert len(upstream.requests) == 1


async def test_a_body_made_of_brackets_does_not_keep_everybody_waiting(world: World) -> None:
    bomb = b'{"model": "m", "messages": [' + b"[]," * 5_000_000 + b"[]]}"
    async with world.open() as inside, world.open(task="other") as other:
        loop = asyncio.get_running_loop()
        began = loop.time()
        answer, _ = await asyncio.gather(inside.client.post("/v1/messages", content=bomb), still_works(other))
        assert answer.status_code == 413
        assert loop.time() - began < 5


async def test_connections_are_bounded_and_one_task_does_not_block_another(world: World) -> None:
    async with world.open() as inside, world.open(task="other") as other:
        connections = [await inside.connect() for _ in range(200)]
        answered = 0
        for reader, _ in connections[128:]:
            answer = await asyncio.wait_for(reader.read(), 5)
            answered += b"503" in answer
        assert answered == 72
        await still_works(other)
        for _, writer in connections:
            writer.close()
        for reader, _ in connections[:128]:
            await reader.read()
        await still_works(inside)


async def test_requests_sent_ahead_are_served_in_order_and_a_flood_of_them_is_not_kept(
    world: World, upstream: Server
) -> None:
    asked: list[Request] = []

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        asked.append(request)
        await GOOD(request, writer)

    upstream.answer = answer
    content = b'{"model": "m%d", "max_tokens": 1, "messages": []}'
    head = b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n"
    async with world.open() as inside:
        requests = [head % len(content % n) + content % n for n in range(5)]
        last = b"GET /end HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
        answers = await say(inside, b"".join(requests) + last)
        assert answers.count(b"HTTP/1.1 200") == 5
        assert answers.count(b"HTTP/1.1 404") == 1
        assert [request.body for request in asked] == [content % n for n in range(5)]


async def test_chunks_and_expectations_are_understood(world: World, upstream: Server) -> None:
    content = b'{"model": "m", "max_tokens": 1, "messages": []}'
    async with world.open() as inside:
        reader, writer = await inside.connect()
        writer.write(
            b"POST /v1/messages HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ntransfer-encoding: chunked\r\n"
            b"connection: close\r\n\r\n"
        )
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        for byte in content:
            writer.write(b"1\r\n%c\r\n" % byte)
        writer.write(b"0\r\n\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert upstream.requests[0].body == content


async def test_a_client_that_does_not_read_is_given_up(world: World, upstream: Server) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        while True:
            writer.write(b": " + b"x" * 65_000 + b"\n")
            await writer.drain()

    upstream.answer = answer
    world.patience = Patience(unread=0.2)
    async with world.open() as inside:
        _, writer = await inside.ask_raw()
        await asyncio.wait_for(upstream.left.wait(), 10)
        writer.close()


async def test_the_same_body_twice_over_one_connection(world: World, upstream: Server) -> None:
    async with world.open() as inside:
        for _ in range(3):
            await still_works(inside)
        assert inside.exit.spent().calls == 3
    assert [asked.body for asked in upstream.requests] == [upstream.requests[0].body] * 3
    assert body()
