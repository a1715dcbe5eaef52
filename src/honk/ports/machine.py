"""The machine that the work runs on: its disk and its memory."""

from typing import Protocol

import anyio

from honk.errors import MachineInTrouble


class Machine(Protocol):
    """Says when work must wait for the machine, and when another try makes sense."""

    def trouble(self) -> MachineInTrouble | None:
        """What is wrong now, such as less free disk than the floor; None when work may go on. Never blocks."""

    async def until_trouble(self) -> MachineInTrouble:
        """Returns once something is wrong."""

    async def until_better(self, trouble: MachineInTrouble, tries: int) -> None:
        """Returns when it is over, or, where that cannot be seen, when another try is due. `tries` were in vain."""


class Untroubled:
    """A machine on which nothing is ever wrong."""

    def trouble(self) -> MachineInTrouble | None:
        """Nothing."""
        return None

    async def until_trouble(self) -> MachineInTrouble:
        """Waits for ever."""
        await anyio.sleep_forever()
        raise AssertionError

    async def until_better(self, trouble: MachineInTrouble, tries: int) -> None:
        """At once."""
