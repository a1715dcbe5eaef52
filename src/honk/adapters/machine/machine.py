"""What this machine has left, asked of the kernel.

Work is paused below a floor of free disk, before it is full, and goes on a little above it, so that it
does not come and go with every file.
"""

import os
from collections.abc import Callable
from pathlib import Path

import anyio

from honk.errors import DiskFull, MachineInTrouble, OutOfMemory

#: seconds between two looks at the disk
_LOOK_EVERY = 2.0
#: seconds until work is tried again after a trouble whose end cannot be seen; the last one repeats
_TRY_AFTER = (2.0, 5.0, 15.0, 30.0, 60.0)
#: how much more than the floor must be free before work goes on
_ABOVE = 1.1
#: files that must be possible on the disk, where its file system counts them
_LEAST_FILES = 1000
_MIB = 1 << 20


class LocalMachine:
    """Implements honk.ports.Machine for the disk that `home` lies on; a floor of 0 asks for none."""

    def __init__(
        self,
        home: Path,
        *,
        least_free_mb: int = 1024,
        look_every: float = _LOOK_EVERY,
        available_memory: Callable[[], int | None] | None = None,
    ) -> None:
        self._home = home
        self._floor = least_free_mb * _MIB
        self._look_every = look_every
        self._available_memory = available_memory or _available_memory
        self._below = False

    def trouble(self) -> MachineInTrouble | None:
        """DiskFull below the floor, and until a tenth more than the floor is free again."""
        found = self._disk()
        self._below = found is not None
        return found

    async def until_trouble(self) -> MachineInTrouble:
        while True:
            await anyio.sleep(self._look_every)
            if (found := self.trouble()) is not None:
                return found

    async def until_better(self, trouble: MachineInTrouble, tries: int) -> None:
        """Disk: it is seen. Memory: some time, and until a good part of what was short can be had."""
        if not isinstance(trouble, DiskFull) or self.trouble() is None:
            await anyio.sleep(_TRY_AFTER[min(tries, len(_TRY_AFTER) - 1)])
        while self.trouble() is not None or self._short_of(trouble):  # noqa: ASYNC110 - the kernel tells nobody
            await anyio.sleep(self._look_every)

    def _short_of(self, trouble: MachineInTrouble) -> bool:
        available = self._available_memory() if isinstance(trouble, OutOfMemory) else None
        return available is not None and available < 256 * _MIB

    def _disk(self) -> DiskFull | None:
        if not self._floor:
            return None
        disk = os.statvfs(self._home)
        free = disk.f_bavail * disk.f_frsize
        if free < self._floor * (_ABOVE if self._below else 1):
            return DiskFull(
                f"only {free // _MIB:,} MiB are free on the disk of {self._home}, less than {self._floor // _MIB:,}",
                "free some disk (honk gc), or lower [work] least_free_mb",
            )
        if disk.f_files and disk.f_favail < _LEAST_FILES:
            return DiskFull(f"the disk of {self._home} has room for {disk.f_favail} more files only", "remove some")
        return None


def _available_memory() -> int | None:
    """What the kernel could hand out, in bytes; None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = next((line for line in lines if line.startswith("MemAvailable:")), None)
    return int(found.split()[1]) * 1024 if found else None
