"""A command in its own process namespace: started, followed, ended whole."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc

from honk.adapters.bubblewrap.launch import ENVIRONMENT
from honk.adapters.bubblewrap.pipes import Inlet, Outlet
from honk.errors import Defect, SandboxDied, SandboxUnusable

#: seconds that the status of a bwrap that has ended may still take to arrive
_LAST_WORD = 0.2


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One start of bwrap: the whole command line but for the status descriptor's option."""

    options: tuple[str, ...]
    command: tuple[str, ...]
    #: what bwrap inherits beside its standard streams
    descriptors: tuple[int, ...]
    #: what to do when it cannot begin
    remedy: str = ""


@dataclass(kw_only=True, slots=True)
class _Ends:
    """Both ends of the four pipes while a process is started."""

    theirs: list[int] = field(default_factory=list)
    ours: list[int] = field(default_factory=list)

    def add(self, *, written_by_us: bool = False) -> None:
        reader, writer = os.pipe()
        self.theirs.append(reader if written_by_us else writer)
        self.ours.append(writer if written_by_us else reader)


class Tree:
    """bwrap, and the first process inside, whose end ends every other one there."""

    def __init__(self, process: anyio.abc.Process, ours: list[int]) -> None:
        self.stdin = Inlet(ours[0])
        self.stdout = Outlet(ours[1])
        self.stderr = Outlet(ours[2])
        self._status = Outlet(ours[3])
        self._reported = b""
        self._process = process
        #: host id of the first process inside, 0 when it never was
        self.process_id = 0
        #: its pidfd
        self._first: int | None = None
        self._struck = False
        #: why Honk ended it by itself: "" or a sentence
        self.reason = ""
        self._end: asyncio.Task[int] | None = None

    @classmethod
    async def grow(cls, call: Call) -> "Tree":
        """Starts it, from the event loop's thread: --die-with-parent means the thread that started it.

        Raises SandboxUnusable, with what bwrap said, when it could not begin.
        """
        with _pipes() as ends:
            stdin, stdout, stderr, status = ends.theirs
            try:
                process = await anyio.open_process(
                    [*call.options, "--json-status-fd", str(status), "--", *call.command],
                    stdin=stdin,
                    stdout=stdout,
                    stderr=stderr,
                    pass_fds=(*call.descriptors, status),
                    env=ENVIRONMENT,
                    cwd="/",
                    start_new_session=True,
                )
            except OSError as exc:
                raise SandboxUnusable(f"{call.options[0]} could not be started: {exc.strerror}.", call.remedy) from exc
            tree = cls(process, ends.ours.copy())
            ends.ours.clear()
        try:
            await tree._begin(call.remedy)
        except BaseException:
            with anyio.CancelScope(shield=True):
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            tree.close()
            raise
        tree._end = asyncio.create_task(tree._follow())
        return tree

    async def _begin(self, remedy: str) -> None:
        ended = asyncio.ensure_future(self._process.wait())
        try:
            while b"\n" not in self._reported:
                piece = await self._reported_until(ended)
                if not piece and (await ended) < 0:
                    raise SandboxDied("The sandbox was killed while it started.")
                if not piece:
                    raise SandboxUnusable("The sandbox could not be started: " + await self._said(), remedy)
                self._reported += piece
        finally:
            ended.cancel()
        self.process_id = json.loads(self._reported.split(b"\n", 1)[0])["child-pid"]
        # It may have ended already; then there is nothing to wait for.
        with contextlib.suppress(ProcessLookupError):
            self._first = os.pidfd_open(self.process_id)

    async def _reported_until(self, ended: "asyncio.Future[int]") -> bytes:
        """The next piece of bwrap's status; b"" when it has ended, although what it started may hold the pipe open."""
        receiving = asyncio.ensure_future(self._status.receive())
        try:
            either: set[asyncio.Future[Any]] = {receiving, ended}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({receiving}, timeout=_LAST_WORD)
            return receiving.result() if receiving.done() else b""
        finally:
            receiving.cancel()

    async def _said(self) -> str:
        text = b""
        while piece := await self.stderr.receive():
            text = (text + piece)[-2000:]
        return text.decode(errors="replace").strip() or "it ended without a word"

    async def _follow(self) -> int:
        """Waits until nothing is left of it. bwrap itself may end before what it started."""
        reading = asyncio.ensure_future(self._read_status())
        await self._process.wait()
        # It sets --die-with-parent late: a first process that lost its bwrap before would wait for ever.
        if self._first is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
        await reading
        if self._first is not None:
            await anyio.wait_readable(self._first)
            os.close(self._first)
            self._first = None
        code = await self._process.wait()
        self._status.close()
        return code if code >= 0 else 128 - code

    async def _read_status(self) -> None:
        while piece := await self._status.receive():
            self._reported += piece

    async def ended(self) -> int:
        """The exit code (128 + number for a signal), once no process of it is left."""
        if self._end is None:
            raise Defect("a process was waited for that never began")
        return await asyncio.shield(self._end)

    @property
    def over(self) -> bool:
        return self._end is not None and self._end.done()

    @property
    def built(self) -> bool:
        """Of an ended one: whether the walls stood and the command began. If not, stderr says why."""
        return self._struck or b'"exit-code"' in self._reported or self._process.returncode != 1

    @property
    def murdered(self) -> bool:
        """Of an ended one: whether somebody else killed bwrap itself, so that nothing is known of the command."""
        killed = (self._process.returncode or 0) < 0
        return killed and not self._struck and b'"exit-code"' not in self._reported

    def strike(self, reason: str = "") -> None:
        """Kills every process of it, without waiting."""
        if self.over:
            return
        self._struck = True
        self.reason = self.reason or reason
        with contextlib.suppress(ProcessLookupError):
            if self._first is not None:
                signal.pidfd_send_signal(self._first, signal.SIGKILL)
            else:
                self._process.kill()

    async def kill(self) -> None:
        """Ends every process of it and waits until they are gone, whatever is cancelled meanwhile."""
        with anyio.CancelScope(shield=True):
            self.strike()
            await self.ended()

    def close(self) -> None:
        for end in (self.stdin, self.stdout, self.stderr, self._status):
            end.close()


@contextlib.contextmanager
def _pipes() -> Iterator[_Ends]:
    """Standard input, output, error and bwrap's status. What is left of them is closed at the end."""
    ends = _Ends()
    try:
        ends.add(written_by_us=True)
        for _ in range(3):
            ends.add()
        yield ends
    finally:
        for descriptor in (*ends.theirs, *ends.ours):
            os.close(descriptor)
