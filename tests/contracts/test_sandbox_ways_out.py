"""What every implementation of `Sandboxes` promises about sockets and the network."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sandbox_world
from sandbox_world import SOON, Place

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

place = sandbox_world.place

SERVER = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind("/run/honk/in/" + sys.argv[1])
listener.listen()
print("up", flush=True)
while True:
    caller, _ = listener.accept()
    with caller, caller.makefile("rwb") as stream:
        stream.write(b"<" + stream.read() + b">")
"""


async def test_the_host_reaches_a_socket_that_a_process_opened(place: Place) -> None:
    python = str(place.sandboxes.runtime("python"))
    async with place.open() as sandbox:
        process = await sandbox.start((python, "-c", SERVER, "web"))
        assert await anext(process.lines()) == b"up"
        assert sandbox.inbound("web") == sandbox.inbound("web")
        for body in (b"hello", bytes(300_000)):
            reader, writer = await asyncio.open_unix_connection(sandbox.inbound("web"))
            writer.write(body)
            writer.write_eof()
            assert await reader.read() == b"<" + body + b">"
            writer.close()
            await writer.wait_closed()
        absent = sandbox.inbound("other")
        reader, writer = await asyncio.open_unix_connection(absent)
        assert await reader.read() == b""
        writer.close()
    assert not absent.exists()


@asynccontextmanager
async def an_exit(place: Place) -> AsyncIterator[tuple[Path, list[bytes]]]:
    """A broker's socket that answers every request, and the requests' first lines."""
    seen: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0])
        body = bytes(500_000)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()
        # A caller may leave before it has read everything.
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    path = place.folder / "exit.sock"
    server = await asyncio.start_unix_server(answer, path)
    place.sandboxes.own(path)
    async with server:
        yield path, seen


FETCH = """
import urllib.request
print(len(urllib.request.urlopen("http://example.com/page").read()))
"""


async def test_the_exit_is_reached_by_its_socket(place: Place) -> None:
    script = """
import socket
exit = socket.socket(socket.AF_UNIX)
exit.connect("/run/honk/exit.sock")
exit.sendall(b"GET /direct HTTP/1.1\\r\\n\\r\\n")
print(exit.recv(15).decode())
"""
    python = str(place.sandboxes.runtime("python"))
    async with an_exit(place) as (path, seen), place.open(exit=path) as sandbox:
        ran = await sandbox.run((python, "-c", script), seconds=SOON)
        assert (ran.stdout, seen) == (b"HTTP/1.1 200 OK\n", [b"GET /direct HTTP/1.1"]), ran.stderr
        unled = await sandbox.run((python, "-c", FETCH), seconds=SOON)
        assert unled.exit_code != 0


async def test_http_clients_are_led_to_the_exit_where_asked(place: Place) -> None:
    python = str(place.sandboxes.runtime("python"))
    async with an_exit(place) as (path, seen), place.open(exit=path, proxy=True) as sandbox:
        for _ in range(2):
            ran = await sandbox.run((python, "-c", FETCH), seconds=SOON)
            assert ran.stdout == b"500000\n", ran.stderr
        many = f"for n in $(seq 8); do {python} -c '{FETCH}' & done; wait"
        ran = await sandbox.run(("sh", "-c", many), seconds=SOON)
        assert ran.stdout == b"500000\n" * 8, ran.stderr
        code = await sandbox.run(("sh", "-c", "exit 9"), seconds=SOON)
        assert code.exit_code == 9
        missing = await sandbox.run(("no-such-command",), seconds=SOON)
        assert missing.exit_code == 127
    assert seen == [b"GET http://example.com/page HTTP/1.1"] * 10


async def test_a_command_has_no_children_that_it_did_not_start(place: Place) -> None:
    python = str(place.sandboxes.runtime("python"))
    async with an_exit(place) as (path, _), place.open(exit=path, proxy=True) as sandbox:
        ran = await sandbox.run((python, "-c", "import os; os.wait()"), seconds=SOON)
    assert b"ChildProcessError" in ran.stderr


async def test_without_an_exit_there_is_no_way_out(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await sandbox.run(("ls", "/run/honk"), seconds=SOON)
    assert ran.stdout == b"in\n"


async def test_open_sockets_of_the_host_stay_out_of_reach(place: Place) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        async with place.open() as sandbox:
            ran = await sandbox.run(("bash", "-c", f"echo >/dev/tcp/127.0.0.1/{port}"), seconds=SOON)
    assert ran.exit_code != 0
    assert b"refused" in ran.stderr
