"""A body that is too large for memory, on disk while it is needed."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import Request


@asynccontextmanager
async def received(request: Request, folder: Path) -> AsyncIterator[Path]:
    """Where the body can be read. The file has no name in the folder: a killed server leaves nothing of it."""
    with tempfile.TemporaryFile(dir=folder) as file:
        async for piece in request.stream():
            await anyio.to_thread.run_sync(file.write, piece)
        await anyio.to_thread.run_sync(file.flush)
        yield Path(f"/proc/self/fd/{file.fileno()}")
