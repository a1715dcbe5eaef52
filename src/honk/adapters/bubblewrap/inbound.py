"""Connections from the host into a sandbox.

What lies at a name in /run/honk/in was made by untrusted code and may be a link to a socket of the
host, which connect(2) would follow. So callers get a socket of Honk's own, and each connection to
it is led to the thing of that name only if it is itself a socket.
"""

import asyncio
import contextlib
import os
import socket
import stat
from pathlib import Path

from honk.errors import SandboxUnusable, Usage

_CHUNK = 1 << 16
#: sizeof(sun_path) of unix(7), with its terminating zero
_LONGEST = 107


class Doorway:
    """Leads connections to one name in a folder that a sandbox may write."""

    def __init__(self, inside: Path, name: str, path: Path) -> None:
        """Listens at `path` at once. Raises SandboxUnusable when it is too long for a socket."""
        if name in ("", ".", "..") or "/" in name:
            raise Usage(f"{name!r} is no name for a socket.")
        if len(os.fsencode(path)) > _LONGEST:
            raise SandboxUnusable(f"{path} is too long for a socket.", "Set HONK_HOME to a shorter path.")
        self.path = path
        self._inside = inside
        self._name = name
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(128)
        self._conversations: set[asyncio.Task[None]] = set()
        self._service = asyncio.create_task(self._serve())

    async def close(self) -> None:
        tasks = (self._service, *self._conversations)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    async def _serve(self) -> None:
        self._listener.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            caller, _ = await loop.sock_accept(self._listener)
            conversation = asyncio.create_task(self._lead(caller))
            self._conversations.add(conversation)
            conversation.add_done_callback(self._conversations.discard)

    async def _lead(self, caller: socket.socket) -> None:
        with caller, socket.socket(socket.AF_UNIX) as callee, contextlib.suppress(OSError):
            caller.setblocking(False)
            callee.setblocking(False)
            await self._reach(callee)
            ways = (asyncio.create_task(_copy(caller, callee)), asyncio.create_task(_copy(callee, caller)))
            try:
                await asyncio.gather(*ways)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)

    async def _reach(self, callee: socket.socket) -> None:
        folder = os.open(self._inside, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            thing = os.open(self._name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        finally:
            os.close(folder)
        try:
            if not stat.S_ISSOCK(os.fstat(thing).st_mode):
                raise ConnectionRefusedError(f"{self._name} is no socket")
            # The descriptor stands for exactly what was looked at.
            await asyncio.get_running_loop().sock_connect(callee, f"/proc/self/fd/{thing}")
        finally:
            os.close(thing)


async def _copy(source: socket.socket, sink: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.sock_recv(source, _CHUNK):
        await loop.sock_sendall(sink, data)
    sink.shutdown(socket.SHUT_WR)
