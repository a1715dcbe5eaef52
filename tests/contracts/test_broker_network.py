"""The broker's way to other hosts: names on the list, addresses that are not near, bytes that pass unseen."""

import asyncio
import socket
from collections.abc import AsyncIterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from broker_world import LOOPBACK, Inside, Request, Server, World, resolves, whole

from honk.adapters.broker import NetworkRules, Patience
from honk.domain.event import NetworkDenied
from honk.errors import SettingsWrong

pytestmark = pytest.mark.anyio


@pytest.fixture
async def mirror() -> AsyncIterator[Server]:
    async with Server(whole(200, b"a package", "x-mirror: yes\r\nkeep-alive: 5\r\n", "text/html")) as server:
        yield server


@pytest.fixture
def world(short_tmp: Path, mirror: Server) -> World:
    return World(run_dir=short_tmp, port=mirror.port, network=resolves(mirror__example="127.0.0.1"))


async def connect(
    inside: Inside, target: str, more: bytes = b""
) -> tuple[int, asyncio.StreamReader, asyncio.StreamWriter]:
    """Asks for a tunnel; returns the status and the connection."""
    reader, writer = await inside.connect()
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode() + more)
    status = int((await reader.readline()).split()[1])
    while (line := await reader.readline()) != b"\r\n":
        assert line
    return status, reader, writer


async def test_bytes_pass_in_both_directions_until_both_have_ended(world: World) -> None:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())
        writer.write_eof()
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, world.open(model=False, hosts=(f"mirror.example:{port}",)) as inside:
        status, reader, writer = await connect(inside, f"Mirror.Example.:{port}", b"early ")
        assert status == 200
        writer.write(b"x" * 300_000)
        writer.write_eof()
        assert await reader.read() == b"EARLY " + b"X" * 300_000
        writer.close()
        assert not inside.events


async def test_what_is_sent_last_arrives_although_the_other_side_had_ended_before(world: World) -> None:
    size = 12_000_000
    heard = asyncio.get_running_loop().create_future()

    async def listen_slowly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        got = 0
        while data := await reader.read(4096):
            got += len(data)
            await asyncio.sleep(0)
        heard.set_result(got)
        writer.close()

    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server = await asyncio.start_server(listen_slowly, sock=listening, limit=4096)
    port = listening.getsockname()[1]
    async with server, world.open(model=False, hosts=(f"mirror.example:{port}",)) as inside:
        _, reader, writer = await connect(inside, f"mirror.example:{port}")
        assert await reader.read() == b""
        writer.write(b"z" * size)
        writer.write_eof()
        assert await asyncio.wait_for(heard, 10) == size
        writer.close()


@pytest.mark.parametrize(
    "target",
    [
        "mirror.example:{port}0",
        "sub.mirror.example:{port}",
        "mirror.example.evil.com:{port}",
        "evilmirror.example:{port}",
        "mirror.example:443",
        "mirror.example%00.evil.com:{port}",
        "mirror.example@evil.com:{port}",
        "127.0.0.1:{port}",
        "[::1]:{port}",
        "mirror.example",
        "mirror.example:",
        "mirror.example:{port}x",
        ":{port}",
    ],
)
async def test_only_the_hosts_on_the_list_are_reached(world: World, mirror: Server, target: str) -> None:
    async with world.open(model=False, hosts=(f"mirror.example:{mirror.port}",)) as inside:
        status, reader, writer = await connect(inside, target.format(port=mirror.port))
        assert status == 403
        assert b"Honk does not let" in await reader.readline()
        writer.close()
        assert len(inside.told(NetworkDenied)) == 1
    assert not mirror.requests


async def test_a_host_without_a_port_allows_the_usual_ones(world: World) -> None:
    world.patience = Patience(connect=1)
    async with world.open(model=False, hosts=("MIRROR.example",)) as inside:
        for port, status in ((443, 502), (80, 502), (22, 403)):
            answered, _, writer = await connect(inside, f"mirror.example:{port}")
            assert answered == status
            writer.close()


async def test_a_name_is_looked_up_once_and_its_address_is_what_is_connected_to(world: World, mirror: Server) -> None:
    asked: list[str] = []

    async def resolve(host: str) -> tuple[object, ...]:
        asked.append(host)
        return (ip_address("10.0.0.1" if len(asked) == 1 else "127.0.0.1"),)

    world.network = NetworkRules(resolve=resolve)  # type: ignore[arg-type]
    async with world.open(model=False, hosts=(f"mirror.example:{mirror.port}",)) as inside:
        status, reader, writer = await connect(inside, f"mirror.example:{mirror.port}")
        assert status == 403
        assert b"10.0.0.1 is a private network" in await reader.readline()
        writer.close()
    assert asked == ["mirror.example"]


async def test_loopback_is_refused_unless_the_operator_allows_it(world: World, mirror: Server) -> None:
    hosts = (f"localhost:{mirror.port}", f"127.0.0.1:{mirror.port}", f"2130706433:{mirror.port}")
    world.network = NetworkRules()
    async with world.open(model=False, hosts=hosts) as inside:
        for host in hosts:
            status, _, writer = await connect(inside, host)
            assert status == 403
            writer.close()
    world.network = NetworkRules(allow_networks=LOOPBACK.allow_networks)
    async with world.open(model=False, hosts=hosts) as inside:
        status, _, writer = await connect(inside, hosts[1])
        assert status == 200
        writer.close()


async def test_denials_are_told_once_and_not_by_the_thousand(world: World) -> None:
    async with world.open(model=False) as inside:
        for number in [*range(60), *range(60)]:
            _, _, writer = await connect(inside, f"host{number}.example:443")
            writer.close()
        told = inside.told(NetworkDenied)
        assert len(told) == 51
        assert len(set(map(repr, told))) == 51


async def test_a_plain_request_is_passed_on_without_what_belongs_to_the_connection(
    world: World, mirror: Server
) -> None:
    async with world.open(model=False, hosts=(f"mirror.example:{mirror.port}",)) as inside:
        reader, writer = await inside.connect()
        writer.write(
            f"GET http://mirror.example:{mirror.port}/simple/x/?a=b HTTP/1.1\r\nHost: elsewhere\r\nAccept: */*\r\n"
            "Proxy-Authorization: secret\r\nConnection: x-mine, close\r\nX-Mine: 1\r\n\r\n".encode()
        )
        answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 200")
    assert b"x-mirror: yes" in answer
    assert b"keep-alive" not in answer
    assert b"a package" in answer
    (asked,) = mirror.requests
    assert asked.line == "GET /simple/x/?a=b HTTP/1.1"
    assert asked.headers["host"] == f"mirror.example:{mirror.port}"
    assert not {"proxy-authorization", "x-mine"} & set(asked.headers)


async def test_plain_requests_keep_to_the_list_too(world: World, mirror: Server) -> None:
    async with world.open(hosts=(f"mirror.example:{mirror.port}",)) as inside:
        for address in (
            "http://elsewhere.example/",
            "http://mirror.example/",
            f"http://user@mirror.example:{mirror.port}/",
            f"https://mirror.example:{mirror.port}/",
            "ftp://mirror.example/",
            "mirror.example",
            "http://[::1/",
        ):
            reader, writer = await inside.connect()
            writer.write(f"GET {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
            assert (await reader.readline()).split()[1] == b"403", address
            writer.close()
    assert not mirror.requests


async def test_a_body_is_passed_on_and_a_head_request_has_none(world: World, mirror: Server) -> None:
    address = f"http://mirror.example:{mirror.port}/"
    async with world.open(model=False, hosts=(f"mirror.example:{mirror.port}",)) as inside:
        reader, writer = await inside.connect()
        writer.write(f"POST {address} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        writer.write(b"3\r\nabc\r\n0\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
        mirror.answer = whole(200, b"")
        writer.write(f"HEAD {address} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        writer.close()
    assert [(asked.line[:4], asked.body) for asked in mirror.requests] == [("POST", b"abc"), ("HEAD", b"")]


async def test_a_tunnel_through_which_nothing_flows_ends(world: World) -> None:
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world.patience = Patience(tunnel=0.1)
    async with server, world.open(model=False, hosts=(f"mirror.example:{port}",)) as inside:
        status, reader, writer = await connect(inside, f"mirror.example:{port}")
        assert status == 200
        with pytest.raises(ConnectionError):
            if await reader.read() == b"":
                raise ConnectionError
        await asyncio.wait_for(gone.wait(), 5)
        writer.close()


async def test_closing_the_exit_closes_its_tunnels(world: World) -> None:
    gone = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            gone.set()
            writer.close()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        async with world.open(model=False, hosts=(f"mirror.example:{port}",)) as inside:
            _, _, writer = await connect(inside, f"mirror.example:{port}")
        await asyncio.wait_for(gone.wait(), 5)
        writer.close()


async def test_a_host_that_is_none_is_a_matter_of_settings(world: World) -> None:
    with pytest.raises(SettingsWrong, match="has no usable port"):
        async with world.open(hosts=("https://mirror.example/simple",)):
            pass


async def test_an_answer_that_breaks_is_not_taken_for_a_whole_one(world: World, mirror: Server) -> None:
    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
        writer.close()

    mirror.answer = answer
    async with world.open(model=False, hosts=(f"mirror.example:{mirror.port}",)) as inside:
        reader, writer = await inside.connect()
        writer.write(f"GET http://mirror.example:{mirror.port}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        try:
            got = await reader.read()
        except ConnectionError:
            got = b""
        assert not got.endswith(b"0\r\n\r\n")
        writer.close()
