"""Tries every wall in real sandboxes: what `honk doctor` shows."""

import json
import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import anyio

from honk.adapters.bubblewrap import attempts
from honk.adapters.bubblewrap.room import locked_room, remove
from honk.errors import SandboxUnusable
from honk.ports import Bounds, Box, Sandbox, Sandboxes, Wall

_TIGHT = Bounds(memory=128 << 20, processes=24, file_size=1 << 20, temporary=16 << 20)
_SECONDS = 10.0
#: until more memory than allowed must have been noticed
_PATIENCE = 2.0
_FORKS = """
import os, signal
for number in range(200):
    try:
        if os.fork() == 0:
            signal.pause()
    except OSError:
        print(number)
        break
"""
#: Each within its own bound; together far above it.
_ALLOCATES = """
import os, signal
for _ in range(4):
    if os.fork() == 0:
        held = b"x" * (96 << 20)
        signal.pause()
os.wait()
os._exit(1)
"""


async def probe(sandboxes: Sandboxes, home: Path, limited: Callable[[], frozenset[str]]) -> tuple[Wall, ...]:
    """Never raises for what does not hold; the wall "starts" says why nothing else was tried."""
    try:
        with locked_room(home / "run") as room:
            try:
                return await _probe(sandboxes, room.folder, limited)
            finally:
                with anyio.CancelScope(shield=True):
                    await remove(room.folder)
    except SandboxUnusable as exc:
        return (Wall(name="starts", holds=False, detail=str(exc)),)


async def _probe(sandboxes: Sandboxes, folder: Path, limited: Callable[[], frozenset[str]]) -> tuple[Wall, ...]:
    workspace = folder / "ws"
    workspace.mkdir()
    sandboxes.own(workspace)
    canary = folder / "canary"
    canary.write_text("a file of the host")
    canary.chmod(0o644)
    python = str(sandboxes.runtime("python"))
    async with sandboxes.open(Box(workspace=workspace, bounds=_TIGHT)) as sandbox:
        abstract = f"honk-probe-{secrets.token_hex(4)}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind("\0" + abstract)
            listener.listen()
            script = Path(attempts.__file__).read_bytes()
            inside = (python, "-I", "-S", "-", str(canary), abstract)
            tried = await sandbox.run(inside, seconds=_SECONDS, stdin=script)
        limits = await _limits(sandbox, python, limited())
    if tried.exit_code != 0:
        said = tried.stderr.decode(errors="replace").strip()
        return (Wall(name="starts", holds=False, detail=f"The attempts ended with {tried.exit_code}: {said}"),)
    made_by = (workspace / "made-inside").lstat().st_uid
    return (
        Wall(name="starts", holds=True),
        Wall(name="unprivileged user", holds=made_by != 0, detail=f"runs as user {made_by}"),
        *(Wall(name=name, holds=not got, detail=got) for name, got in json.loads(tried.stdout).items()),
        *limits,
    )


async def _limits(sandbox: Sandbox, python: str, limited: frozenset[str]) -> tuple[Wall, ...]:
    command = (python, "-I", "-S", "-c")
    forks = await sandbox.run((*command, _FORKS), seconds=_SECONDS)
    number = forks.stdout.decode().strip()
    sleeps = await sandbox.run(("sleep", "60"), seconds=0.05)
    allocates = await sandbox.run((*command, _ALLOCATES), seconds=_PATIENCE)
    return (
        Wall(
            name="process limit",
            holds=number.isdigit() and int(number) < _TIGHT.processes,
            detail="of the whole sandbox" if "pids" in limited else "of each command (no control group here)",
        ),
        Wall(
            name="memory limit",
            holds=allocates.exit_code is not None and allocates.exit_code != 0,
            detail="of the whole sandbox"
            if "memory" in limited
            else "of each process; their sum is only looked at twice a second (no control group here)",
        ),
        Wall(name="time limit", holds=sleeps.exit_code is None),
        Wall(
            name="disk limit",
            holds=True,
            detail="looked at twice a second: temporary files, and what is left of the disk",
            required=False,
        ),
    )
