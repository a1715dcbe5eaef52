"""Lines that a person types, without blocking what runs meanwhile."""

import asyncio
import os
import select
from types import TracebackType
from typing import Self

_CHUNK = 1 << 16


def in_hand(descriptor: int) -> bool:
    """Whether a person can type here: a terminal, and this process in its foreground."""
    try:
        return os.isatty(descriptor) and os.tcgetpgrp(descriptor) == os.getpgrp()
    except OSError:
        return False


class Keyboard:
    """A terminal by lines, on the event loop.

    It is read only when it is readable and never made non-blocking: that would hold for whatever else
    shares the terminal, the person's shell among it.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._typed = b""
        self._ended = False
        self._arrived = asyncio.Event()

    def __enter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)

    async def line(self) -> str | None:
        """The next line without its end; None at the end of input."""
        while b"\n" not in self._typed and not self._ended:
            self._arrived.clear()
            await self._arrived.wait()
        line, found, rest = self._typed.partition(b"\n")
        if not found:
            return None
        self._typed = rest
        return line.decode("utf-8", "replace")

    def forget(self) -> str:
        """Drops what was typed before it was asked for, so that it cannot be taken for an answer; returns it."""
        while not self._ended and select.select([self._descriptor], [], [], 0)[0]:
            self._read()
        early, self._typed = self._typed, b""
        return " ".join(early.decode("utf-8", "replace").split())

    def _read(self) -> None:
        try:
            typed = os.read(self._descriptor, _CHUNK)
        except OSError:
            typed = b""  # the terminal is gone
        if not typed:
            self._ended = True
            asyncio.get_running_loop().remove_reader(self._descriptor)
        self._typed += typed
        self._arrived.set()
