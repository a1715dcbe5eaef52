"""Lines that a person types, without blocking what runs meanwhile."""

import asyncio
import sys
from types import TracebackType
from typing import Self


class Keyboard:
    """Standard input by lines, on the event loop."""

    def __init__(self) -> None:
        self._reader = asyncio.StreamReader()
        self._transport: asyncio.ReadTransport | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(self._reader)
        self._transport, _ = await loop.connect_read_pipe(lambda: protocol, sys.stdin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._transport is not None:
            self._transport.close()

    async def line(self) -> str:
        """The next line. At the end of input it waits for Ctrl-C."""
        typed = await self._reader.readline()
        if not typed:
            await asyncio.get_running_loop().create_future()
        return typed.decode("utf-8", "replace").rstrip("\n")
