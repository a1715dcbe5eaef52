"""An exit that is there before its task: connections wait in it, and nothing passes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from honk.adapters.broker.ledger import Spend
from honk.errors import Defect
from honk.ports import Exit, Pass, Tell

#: connections that may wait; what waits inside has one or two
_WAITING = 16

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Furnished(Protocol):
    """What stands behind an exit once it has a task."""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...

    async def close(self) -> None: ...

    def check(self) -> None: ...

    def exit(self, socket: Path) -> Exit: ...


class ParkedExit:
    """Implements honk.ports.pool.ParkedExit."""

    def __init__(self, socket: Path, furnish: Callable[[Pass, Tell, Spend], Furnished]) -> None:
        self.socket = socket
        self._furnish = furnish
        self._behind: Furnished | None = None
        self._held: list[Connection] = []
        self._closed = False

    def give(self, permit: Pass, tell: Tell, spend: Spend) -> Exit:
        """From now on it is the exit of that task; what waited in it goes on. Raises Defect the second time."""
        if self._behind is not None:
            raise Defect("an exit belongs to one task")
        behind = self._behind = self._furnish(permit, tell, spend)
        held, self._held = self._held, []
        for reader, writer in held:
            behind.accept(reader, writer)
        return behind.exit(self.socket)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Takes a connection; what it sends is not read before there is a task."""
        if self._closed:  # it came as the exit went
            writer.transport.abort()
        elif self._behind is not None:
            self._behind.accept(reader, writer)
        elif len(self._held) < _WAITING:
            self._held.append((reader, writer))
        else:
            writer.transport.abort()

    async def close(self) -> None:
        """Cuts off what waits, or what the task still does."""
        self._closed = True
        for _, writer in self._held:
            writer.transport.abort()
        if self._behind is not None:
            await self._behind.close()

    def check(self) -> None:
        """Raises what went wrong while it had a task."""
        if self._behind is not None:
            self._behind.check()
