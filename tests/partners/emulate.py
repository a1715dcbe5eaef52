"""The programs of npm's `emulate`: services in memory that nobody here wrote, on loopback."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from partners.namespace import die_with_parent

_HERE = Path(__file__).resolve().parent


def installed() -> bool:
    """Whether it is there, and Node."""
    return shutil.which("node") is not None and (_HERE / "node_modules" / "emulate").exists()


@asynccontextmanager
async def running(service: str, seed: Mapping[str, Any], *, advertised: str = "") -> AsyncIterator[str]:
    """The address of that service; `advertised` is the one that its answers name, where it is another."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = await asyncio.create_subprocess_exec(
        "node",
        "emulate.mjs",
        service,
        str(port),
        json.dumps(seed),
        advertised or url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
        cwd=_HERE,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        async with asyncio.timeout(15):
            said = (await process.stdout.readline()).decode().strip()
        assert said, "emulate did not start"
        yield url
    finally:
        process.stdin.close()
        await process.wait()
