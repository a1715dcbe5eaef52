"""One writer at a time, across tasks and processes."""

import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

_POLL = 0.05
_LONGEST_NAME = 200


@asynccontextmanager
async def exclusive(
    path: Path, waiting: Callable[[str], Awaitable[None]] | None = None, *, holder: str = ""
) -> AsyncIterator[int]:
    """Holds the lock file. Yields its descriptor: a child that inherits it holds the lock as long as it lives.

    So a git that outlives a killed Honk keeps others out until it has ended. `waiting` is awaited
    once when the lock is not free, with what the one who has it called itself: its `holder`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not _taken(descriptor):
            if waiting is not None and not told:
                told = True
                await waiting(os.pread(descriptor, _LONGEST_NAME, 0).decode("utf-8", "replace"))
            await anyio.sleep(_POLL)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, holder.encode()[:_LONGEST_NAME], 0)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
