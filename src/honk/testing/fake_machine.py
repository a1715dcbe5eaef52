"""A machine whose trouble a test makes and ends."""

import anyio

from honk.errors import MachineInTrouble


class FakeMachine:
    """Implements honk.ports.Machine. `tried` counts how often somebody waited for it to be over."""

    def __init__(self) -> None:
        self.tried = 0
        self._trouble: MachineInTrouble | None = None
        self._changed = anyio.Event()

    def suffer(self, trouble: MachineInTrouble | None) -> None:
        """From now on something is wrong; None: nothing any more."""
        self._trouble = trouble
        self._changed.set()
        self._changed = anyio.Event()

    def trouble(self) -> MachineInTrouble | None:
        return self._trouble

    async def until_trouble(self) -> MachineInTrouble:
        while (found := self._trouble) is None:
            await self._changed.wait()
        return found

    async def until_better(self, trouble: MachineInTrouble, tries: int) -> None:
        self.tried += 1
        while self._trouble is not None:
            await self._changed.wait()
