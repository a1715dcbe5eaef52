"""Ends of pipes, used without threads and without buffers of their own."""

import contextlib
import fcntl
import os

import anyio
import anyio.lowlevel

#: four times the usual size of a pipe: fewer turns of the event loop for bundles and logs
_CHUNK = 1 << 18


class Outlet:
    """The end from which is read."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        # Refused once a user has many large pipes.
        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _CHUNK)
        self._descriptor = descriptor
        self._open = True

    async def receive(self) -> bytes:
        """The next bytes; b"" at the end, and once it is closed here."""
        await anyio.lowlevel.checkpoint()
        while self._open:
            try:
                return os.read(self._descriptor, _CHUNK)
            except BlockingIOError:
                try:
                    await anyio.wait_readable(self._descriptor)
                except anyio.ClosedResourceError:
                    break
        return b""

    def close(self) -> None:
        if self._open:
            self._open = False
            anyio.notify_closing(self._descriptor)
            os.close(self._descriptor)


class Inlet:
    """The end to which is written."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._open = True

    async def send(self, data: bytes) -> None:
        """Writes all of it. Raises BrokenPipeError when nobody reads any more, or it is closed."""
        rest = memoryview(data)
        await anyio.lowlevel.checkpoint()
        while rest:
            if not self._open:
                raise BrokenPipeError("the input of the process is closed")
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:
                try:
                    await anyio.wait_writable(self._descriptor)
                except anyio.ClosedResourceError:
                    continue

    def close(self) -> None:
        if self._open:
            self._open = False
            anyio.notify_closing(self._descriptor)
            os.close(self._descriptor)


def memory_file(name: str, content: bytes) -> int:
    """A descriptor from which the content can be read."""
    descriptor = os.memfd_create(name, os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
