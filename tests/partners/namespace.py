"""Runs a server that listens everywhere in a network namespace of its own, reached through a unix socket.

Started by local_slack.py as `unshare --net python namespace.py SOCKET PORT READY PROGRAM…`; needs only the
standard library. Says "ready" once the program has said READY and the socket is there, and dies with its parent.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import signal
import socket
import struct
import sys

_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS, _UP = 0x8914, 0x1 | 0x40


def die_with_parent() -> None:
    """For this process: ends when the one that started it does."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def loopback_up() -> None:
    """A new namespace has a loopback that is down."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", _UP))


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copies until the end, and passes the end on."""
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(1 << 16):
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


async def both_ways(near: tuple[asyncio.StreamReader, asyncio.StreamWriter], far: tuple) -> None:  # type: ignore[type-arg]
    """Joins two connections until one side has ended."""
    try:
        work = [asyncio.create_task(pump(near[0], far[1])), asyncio.create_task(pump(far[0], near[1]))]
        await asyncio.gather(*work)
    finally:
        for task in work:
            task.cancel()
        near[1].close()
        far[1].close()


async def main(path: str, port: int, ready: str, command: list[str]) -> None:
    loopback_up()
    server = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, preexec_fn=die_with_parent, limit=1 << 20
    )
    assert server.stdout is not None
    while ready not in (line := (await server.stdout.readline()).decode()):
        if not line:
            raise SystemExit("the server ended before it was ready")

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await both_ways((reader, writer), await asyncio.open_connection("127.0.0.1", port))

    listening = await asyncio.start_unix_server(accept, path)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    async with listening:
        await pump_nowhere(server.stdout)


async def pump_nowhere(reader: asyncio.StreamReader) -> None:
    """Reads what the server says, so that it never waits for a reader."""
    while await reader.read(1 << 16):
        pass


if __name__ == "__main__":
    die_with_parent()
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4:]))
