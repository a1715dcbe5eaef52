"""Bounds that the kernel does not keep here: looked at twice a second, and what exceeds them is killed."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import anyio

INTERVAL = 0.5
#: the host keeps at least this much of the disk on which sandboxes write
FLOOR = 1 << 30
_BLOCK = 512


def used(folder: Path) -> int:
    """Bytes on disk below a folder, which may change meanwhile. Never follows links."""
    total = 0
    for _, folders, files, descriptor in os.fwalk(folder, onerror=lambda _: None):
        for name in (*folders, *files):
            try:
                # An empty file costs an inode; many of them fill a disk, too.
                total += max(_BLOCK, os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_blocks * _BLOCK)
            except OSError:
                continue
    return total


def memory(first: int) -> int:
    """Anonymous memory of a process and everything below it, in bytes."""
    total, waiting = 0, [first]
    while waiting:
        process = Path("/proc", str(waiting.pop()))
        try:
            resident, shared = (process / "statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
            for children in process.glob("task/*/children"):
                waiting += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return total


def free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


async def watch(look: Callable[[], str], strike: Callable[[str], None]) -> None:
    """Calls `look` in a thread; what it says against the processes, if anything, goes to `strike`."""
    spent = 0.0
    while True:
        # Many files take long to count; counting them must not become the load itself.
        await anyio.sleep(max(INTERVAL, 10 * spent))
        began = time.monotonic()
        if reason := await anyio.to_thread.run_sync(look, abandon_on_cancel=True):
            strike(reason)
        spent = time.monotonic() - began
