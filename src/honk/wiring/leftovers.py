"""What a killed process left below HONK_HOME is removed once the next one holds the worker lock."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import structlog

from honk.adapters.git import removal
from honk.errors import single

_log = structlog.get_logger()
#: Folders and files that only a worker makes, and removes itself unless it is killed.
_LEFT = ("checkouts/*", "environments/*.new", "tasks/*/.take-*", "tasks/*/.new-*", "repositories/*/index-*")


@asynccontextmanager
async def clearing(home: Path) -> AsyncIterator[None]:
    """Removes leftovers beside the work; leaving the context cuts that off, and the next worker goes on with it."""
    began = time.time()
    with single():
        async with anyio.create_task_group() as beside:
            beside.start_soon(_clear, home, began)
            try:
                yield
            finally:
                beside.cancel_scope.cancel()


async def _clear(home: Path, before: float) -> None:
    trash = home / "leftovers"
    await anyio.to_thread.run_sync(removal.empty, trash, abandon_on_cancel=True)
    for path in await anyio.to_thread.run_sync(lambda: list(_left(home, before)), abandon_on_cancel=True):
        _log.info("removing what a killed process left", path=str(path))
        with suppress(OSError):
            await anyio.to_thread.run_sync(removal.remove, path, trash, abandon_on_cancel=True)


def _left(home: Path, before: float) -> Iterator[Path]:
    """Those that were there before this process: one that is younger belongs to it."""
    for pattern in _LEFT:
        for path in home.glob(pattern):
            with suppress(OSError):
                if path.lstat().st_ctime < before:
                    yield path
