"""Commands of the worker itself: with its own rights, in a session of their own, and none of it left behind."""

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio

from honk.ports import Said

_LINE = 1 << 20
#: seconds between two looks at a command that goes on by itself; and for which its first word is waited for
_LOOK, _WRITTEN = 0.2, 60.0
#: Its output goes to a file, so that it does not end with whoever reads it.
_RECORDED = """
echo "$$ $(ps -o lstart= -p $$)" > "$3.new" && mv "$3.new" "$3" || exit 1
sh -c "$0" > "$1" 2>&1
echo $? > "$2.new" && mv "$2.new" "$2"
"""


class LocalExecutor:
    """Implements honk.ports.Executor. `environment` is the worker's own, without what Honk itself is let in with."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self._children: list[Process] = []

    async def begin(self, command: str, folder: Path, environment: Mapping[str, str], record: Path) -> None:
        record.mkdir()
        whole = {**self._environment, **environment}
        names = (str(record / name) for name in ("log", "ended", "process"))
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", _RECORDED, command, *names),
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=DEVNULL,
            cwd=folder,
            env=whole,
            start_new_session=True,
        )
        self._children.append(process)
        # which process it is must be on the disk before this one may die
        with anyio.move_on_after(_WRITTEN):
            while not (record / "process").exists() and process.returncode is None:  # noqa: ASYNC110 - no event tells it
                await anyio.sleep(_LOOK)

    async def follow(self, record: Path, timeout: float, said: Said) -> int | None:
        with anyio.move_on_after(timeout):
            read = 0
            while True:
                alive = await _alive(record)
                # looked at in this order: what ended meanwhile has written how
                read = await _lines(record / "log", read, said)
                with suppress(OSError, ValueError):
                    return int((record / "ended").read_text(encoding="utf-8"))
                if not alive:
                    return None
                await anyio.sleep(_LOOK)
        if await _alive(record):
            with suppress(OSError, ValueError):
                os.killpg(int((record / "process").read_text(encoding="utf-8").split()[0]), signal.SIGKILL)
        return None

    async def ask(self, command: str, folder: Path, environment: Mapping[str, str], timeout: float, said: Said) -> int:
        whole = {**self._environment, **environment}
        code = await run(("sh", "-c", command), said, folder=folder, environment=whole, timeout=timeout)
        return -1 if code is None else code

    async def unpack(self, archive: Path, folder: Path) -> str:
        folder.mkdir(parents=True)
        said: list[str] = []
        argv = ("tar", "--no-same-owner", "-C", str(folder), "-xf", str(archive))
        code = await run(argv, _into(said), folder=folder, environment=self._environment, timeout=600.0)
        return "" if code == 0 else f"{archive.name} cannot be unpacked: {' '.join(said)[:300]}"


def _into(said: list[str]) -> Said:
    async def say(line: str) -> None:
        said.append(line)

    return say


async def run(
    argv: Sequence[str],
    said: Said,
    *,
    timeout: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """The exit code of a command, whose output is `said` by lines; None where the time limit ended it.

    What it started ends with it. A program that is not there ends with 127.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=folder,
            env=environment,
            start_new_session=True,
            limit=_LINE,
        )
    except FileNotFoundError:
        await said(f"{argv[0]}: not found")
        return 127
    code: int | None = None
    try:
        with anyio.move_on_after(timeout):
            await _read(process, said)
            code = await process.wait()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with anyio.CancelScope(shield=True):
            await process.wait()
    return code


async def _read(process: Process, said: Said) -> None:
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError as end:
            if end.partial:
                await said(end.partial[:4000].decode("utf-8", "replace"))
            return
        except asyncio.LimitOverrunError:
            line = await process.stdout.read(_LINE)
        await said(line[:4000].decode("utf-8", "replace").rstrip("\n"))


async def _began(pid: int) -> str:
    """When that process began; another one with its number began at another time."""
    said: list[str] = []
    await run(("ps", "-o", "lstart=", "-p", str(pid)), _into(said), timeout=10.0)
    return " ".join(" ".join(said).split())


async def _alive(record: Path) -> bool:
    try:
        number, _, began = (record / "process").read_text(encoding="utf-8").partition(" ")
        os.kill(int(number), 0)
    except (OSError, ValueError):
        return False
    return bool(began.strip()) and await _began(int(number)) == " ".join(began.split())


async def _lines(log: Path, read: int, said: Said) -> int:
    """Says what is new in the log; how far it was read."""
    try:
        with log.open("rb") as file:
            file.seek(read)
            new = file.read(_LINE)
    except OSError:
        return read
    for line in new.splitlines():
        await said(line[:4000].decode("utf-8", "replace"))
    return read + len(new)
