"""git as a child process: argument lists, a clean environment, a time limit for everything."""

import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process

from honk.errors import Defect

_CREDENTIALS = re.compile(r"(://)[^/@\s]+@")
_LONGEST_COMPLAINT = 4000
#: of util-linux
_SETPRIV = "/usr/bin/setpriv"

#: Gets one line of git's progress.
Watch = Callable[[str], Awaitable[None]]


class GitFailed(Defect):
    """git ended with an unexpected exit code. Callers translate what they can explain.

    `code` is None when the time limit ended it. `complaint` is its standard error, without
    credentials.
    """

    def __init__(self, command: str, code: int | None, complaint: str) -> None:
        how = "took too long" if code is None else f"ended with {code}"
        super().__init__(f"git {command} {how}: {complaint.strip()}")
        self.args = (command, code, complaint)
        self.command = command
        self.code = code
        self.complaint = complaint


@dataclass(frozen=True, slots=True)
class Output:
    code: int
    stdout: bytes
    #: without credentials
    complaint: str

    @property
    def text(self) -> str:
        """Standard output without the final newline; bytes that are not UTF-8 as surrogate escapes."""
        return os.fsdecode(self.stdout.removesuffix(b"\n"))


@dataclass(frozen=True, slots=True)
class Git:
    """Runs git with one fixed environment. Must be used on the event loop's own thread."""

    environment: Mapping[str, str]
    #: put before "git", such as a program that lowers limits
    prefix: tuple[str, ...] = ()
    #: open file descriptors that every child inherits, such as a lock's
    inherit: tuple[int, ...] = field(default=())
    #: whether it ends with this process, however that ends: it may wait for a server that never answers
    mortal: bool = False

    async def __call__(
        self,
        git_dir: Path,
        *argv: str,
        stdin: bytes | None = None,
        extra: Mapping[str, str] | None = None,
        seconds: float = 300.0,
        allowed: tuple[int, ...] = (0,),
    ) -> Output:
        """Runs to the end. Raises GitFailed for a code that is not allowed, or when time is up."""
        out, err = bytearray(), bytearray()
        code: int | None = None
        async with await self._open(git_dir, argv, extra, stdin=stdin is not None, stdout=True) as process:
            try:
                with anyio.move_on_after(seconds):
                    async with anyio.create_task_group() as group:
                        group.start_soon(_feed, process, stdin)
                        group.start_soon(_drain, process.stdout, out)
                        await _drain(process.stderr, err)
                    code = await process.wait()
            finally:
                _end(process)
        return _judged(Output(code, bytes(out), _clean(err)) if code is not None else None, argv, allowed, err)

    async def follow(self, git_dir: Path, *argv: str, watch: Watch, seconds: float) -> Output:
        """Runs a command whose progress is told line by line; its standard output is not kept."""
        err = bytearray()
        code: int | None = None
        async with await self._open(git_dir, argv, None, stdin=False, stdout=False) as process:
            try:
                with anyio.move_on_after(seconds):
                    if process.stderr is not None:
                        await _tell_lines(process.stderr, err, watch)
                    code = await process.wait()
            finally:
                _end(process)
        return _judged(Output(code, b"", _clean(err)) if code is not None else None, argv, (0,), err)

    def _before(self) -> tuple[str, ...]:
        return (_SETPRIV, "--pdeathsig", "KILL", "--") if self.mortal and Path(_SETPRIV).exists() else ()

    async def _open(
        self, git_dir: Path, argv: tuple[str, ...], extra: Mapping[str, str] | None, *, stdin: bool, stdout: bool
    ) -> Process:
        return await anyio.open_process(
            [*self._before(), *self.prefix, "git", f"--git-dir={git_dir}", *argv],
            stdin=PIPE if stdin else DEVNULL,
            stdout=PIPE if stdout else DEVNULL,
            stderr=PIPE,
            cwd="/",
            env={**self.environment, **(extra or {})},
            start_new_session=True,
            pass_fds=self.inherit,
        )


async def _feed(process: Process, data: bytes | None) -> None:
    if process.stdin is None:
        return
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.send(data or b"")
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.aclose()


async def _drain(stream: ByteReceiveStream | None, into: bytearray) -> None:
    if stream is not None:
        async for chunk in stream:
            into += chunk


async def _tell_lines(stream: ByteReceiveStream, into: bytearray, watch: Watch) -> None:
    line = b""
    async for chunk in stream:
        *lines, line = re.split(rb"[\r\n]", line + chunk)
        for one in lines:
            if one.strip() and not re.search(rb"\d+%", one):
                into += one + b"\n"
            if one.strip():
                await watch(_clean(one).strip())
    into += line


def _end(process: Process) -> None:
    """Ends git and what it started, such as ssh, when it has not ended by itself."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _judged(output: Output | None, argv: tuple[str, ...], allowed: tuple[int, ...], err: bytearray) -> Output:
    command = next((word for word in argv if not word.startswith("-")), "")
    if output is None:
        raise GitFailed(command, None, _clean(err))
    if output.code not in allowed:
        raise GitFailed(command, output.code, output.complaint)
    return output


def _clean(text: bytes | bytearray) -> str:
    """For people: without credentials that a rewritten URL may hold, and of bearable length."""
    return _CREDENTIALS.sub(r"\1***@", bytes(text).decode("utf-8", "replace"))[-_LONGEST_COMPLAINT:]
