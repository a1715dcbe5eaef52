"""What becomes of a process's output: bounded in memory, bounded on disk."""

import os
import stat
from pathlib import Path

from honk.adapters.bubblewrap.pipes import Outlet
from honk.errors import HandBackRefused


class Kept:
    """Output in memory: all of it, or the first and the last half of `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._limit = limit
        self._left_out = 0

    @property
    def cut(self) -> bool:
        return self._left_out > 0

    async def collect(self, outlet: Outlet) -> None:
        """Reads to the end, so that the process never waits for a reader."""
        while data := await outlet.receive():
            self.add(data)

    def add(self, data: bytes) -> None:
        room = self._limit // 2 - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data
        # Cut in large pieces: moving the rest costs as much as it is long.
        if len(self._tail) > self._limit:
            self._shorten()

    def _shorten(self) -> None:
        surplus = len(self._tail) - (self._limit - self._limit // 2)
        if surplus > 0:
            del self._tail[:surplus]
            self._left_out += surplus

    def content(self) -> bytes:
        self._shorten()
        if not self._left_out:
            return bytes(self._head + self._tail)
        return bytes(self._head) + f"\n[{self._left_out} bytes left out]\n".encode() + bytes(self._tail)


class Filed:
    """Output in a file of Honk's own: at most its first `limit` bytes."""

    def __init__(self, path: Path, limit: int) -> None:
        """Raises OSError when the file cannot be opened, HandBackRefused when it is no plain file of one name."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        self._descriptor = os.open(path, flags, 0o600)
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            os.close(self._descriptor)
            raise HandBackRefused(f"{path} is no plain file; output was not written to it.")
        os.ftruncate(self._descriptor, 0)
        self._left = limit
        self._failed: OSError | None = None
        self.cut = False

    async def collect(self, outlet: Outlet) -> None:
        """Reads to the end, also after the file is full or the disk is."""
        while data := await outlet.receive():
            self.cut = self.cut or len(data) > self._left
            data = data[: self._left]
            self._left -= len(data)
            if not self._failed:
                self._write(data)

    def _write(self, data: bytes) -> None:
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as exc:
            self._failed = exc

    def close(self) -> None:
        """Raises the OSError with which writing ended early, if it did."""
        os.close(self._descriptor)
        if self._failed:
            raise self._failed
