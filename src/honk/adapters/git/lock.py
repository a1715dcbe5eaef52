"""One writer at a time, across tasks and processes."""

import fcntl
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

_POLL = 0.05


@asynccontextmanager
async def exclusive(path: Path, waiting: Callable[[], Awaitable[None]] | None = None) -> AsyncIterator[int]:
    """Holds the lock file. Yields its descriptor: a child that inherits it holds the lock as long as it lives.

    So a git that outlives a killed Honk keeps others out until it has ended. `waiting` is awaited
    once when the lock is not free.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not _taken(descriptor):
            if waiting is not None and not told:
                told = True
                await waiting()
            await anyio.sleep(_POLL)
        yield descriptor
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
