"""A sandbox without walls, for tests of what happens around one: commands run as plain children.

Paths inside (`/workspace`, `/home/honk`, every mount's target) are put back to the host's in
arguments and environment. Never for anything that an agent made.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from honk.ports import Box, Process, Ran, Sandbox, Wall


class PlainSandbox:
    """See `Sandbox`. `start` and `inbound` are not there."""

    def __init__(self, box: Box, home: Path) -> None:
        self._paths = {"/workspace": str(box.workspace), "/home/honk": str(home)}
        self._paths |= {mount.target: str(mount.source) for mount in box.mounts}
        self._environment = {"PATH": os.defpath, "HOME": str(home), "LANG": "C.UTF-8", **box.environment}
        # A workspace's alternates name a path inside, which does not exist here.
        objects = [str(mount.source) for mount in box.mounts if mount.target.endswith("/objects")]
        if objects:
            self._environment["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = objects[0]
        self._workspace = box.workspace

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        began = time.monotonic()
        process = await asyncio.create_subprocess_exec(
            *(self._outside(word) for word in argv),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self._workspace,
            env={name: self._outside(value) for name, value in {**self._environment, **(environment or {})}.items()},
        )
        try:
            stdout, stderr = await asyncio.wait_for(process.communicate(stdin), seconds)
        except TimeoutError:
            process.kill()
            stdout, stderr = await process.communicate()
            return Ran(exit_code=None, stdout=stdout, stderr=stderr, seconds=time.monotonic() - began)
        cut = len(stdout) > output_limit
        stdout = stdout[:output_limit]
        if stdout_to is not None:
            stdout_to.write_bytes(stdout)
            stdout = b""
        return Ran(
            exit_code=process.returncode, stdout=stdout, stderr=stderr, seconds=time.monotonic() - began, cut=cut
        )

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process:
        raise NotImplementedError("a plain sandbox has no long-lived processes")

    def inbound(self, name: str) -> Path:
        raise NotImplementedError("a plain sandbox has no inbound sockets")

    def _outside(self, text: str) -> str:
        for inside, outside in self._paths.items():
            if text == inside or text.startswith(f"{inside}/"):
                return outside + text[len(inside) :]
        return text


class PlainSandboxes:
    """See `Sandboxes`."""

    name = "plain"

    async def probe(self) -> tuple[Wall, ...]:
        return (Wall(name="none", holds=False, detail="a plain sandbox has no walls", required=False),)

    def open(self, box: Box) -> AbstractAsyncContextManager[Sandbox]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Sandbox]:
            with tempfile.TemporaryDirectory() as home:
                yield PlainSandbox(box, box.home or Path(home))

        return opened()

    def own(self, path: Path) -> None:
        """No other user runs anything here."""

    def runtime(self, program: str) -> Path:
        return Path(sys.executable if program == "python" else shutil.which(program) or program)
