"""The `Agent` port for a command: the instruction itself is run by a shell in the sandbox."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from honk.domain.event import AgentStarted, AgentWrote
from honk.errors import single
from honk.ports import Attachment, Exit, Job, Mount, Process, Report, Sandbox, Tell, Tools

#: Seconds between two events of output.
_PACE = 0.1
#: Characters of output that are told; the rest is left out.
_TOLD = 200_000
_TAIL = 2000
#: One argument of a program may not be longer on Linux (128 KiB with its end).
_LONGEST = (128 << 10) - 1
#: Seconds to wait for output that is still on its way when the command has ended.
_REST = 2.0


class Command:
    """Runs the instruction as `sh -c <instruction>` in /workspace. Needs no model and no key.

    It cannot be steered, and being sent back with findings makes no sense for it: a second attempt
    is cut short at once. The step that runs it puts the files back before the command of an
    attempt that a crash cut off runs again.
    """

    name = "command"
    corrects = False
    steers = False
    plans = False
    calls_model = False
    relay = False

    async def requirements(self) -> None:
        return

    def box(self, job: Job, exit: Path | None) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        return (), {}

    @asynccontextmanager
    async def open(
        self, job: Job, sandbox: Sandbox, exit: Exit, tools: Tools, tell: Tell
    ) -> AsyncIterator["CommandSession"]:
        session = CommandSession(job, sandbox, tell)
        try:
            yield session
        finally:
            with anyio.CancelScope(shield=True):
                await session.end()


class CommandSession:
    """Each `work` is one run of a command."""

    def __init__(self, job: Job, sandbox: Sandbox, tell: Tell) -> None:
        self._job = job
        self._sandbox = sandbox
        self._tell = tell
        self._process: Process | None = None
        self._working = False
        self._stopped = False
        self._output = _Output(tell, now=anyio.current_time)

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        refusal = self._refusal(words)
        if refusal:
            return Report(summary="", cut_short="agent", reason=refusal)
        self._working, self._stopped = True, False
        self._output = _Output(self._tell, now=anyio.current_time)
        try:
            await self._tell(
                AgentStarted(
                    agent="command",
                    release="",
                    model="",
                    session=self._job.session,
                    resumed=False,
                    attempt=self._job.attempt,
                )
            )
            code = await self._run(words)
        finally:
            self._working = False
            await self.end()
        tail = self._output.tail.strip()
        if self._stopped:
            return Report(summary=tail, cut_short="stopped", reason="interrupted")
        if code != 0:
            reason = f"the command ended with exit code {code}" + (f":\n{tail}" if tail else "")
            return Report(summary=tail, cut_short="agent", reason=reason)
        return Report(summary=tail or "The command ended without output.")

    async def steer(self, words: str, images: tuple[Attachment, ...] = (), *, id: str, now: bool = False) -> bool:
        """A command hears nothing."""
        return False

    async def heard(self, ids: tuple[str, ...]) -> frozenset[str]:
        """A command remembers nothing."""
        return frozenset()

    async def interrupt(self) -> None:
        if self._working:
            self._stopped = True
            await self.end()

    async def end(self) -> None:
        """Ends the command and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            await process.kill()

    def _refusal(self, words: str) -> str:
        if self._job.attempt > 1:
            return "a command cannot correct itself"
        if "\0" in words:
            return "a command may not contain a NUL character"
        if len(words.encode("utf-8", "surrogateescape")) > _LONGEST:
            return f"a command may not be longer than {_LONGEST} bytes"
        return ""

    async def _run(self, words: str) -> int:
        process = await self._sandbox.start(("sh", "-c", 'exec sh -c "$1" 2>&1', "sh", words))
        self._process = process
        if self._stopped:
            return -1
        await process.close_input()
        with single():
            async with anyio.create_task_group() as group:
                read = anyio.Event()

                async def listen() -> None:
                    async for line in process.lines():
                        await self._output.add(line.decode("utf-8", "replace").removesuffix("\n") + "\n")
                    read.set()

                group.start_soon(listen)
                code = await process.wait()
                with anyio.move_on_after(_REST):
                    await read.wait()
                group.cancel_scope.cancel()
        await self._output.flush()
        return code


class _Output:
    """Tells output as it comes, in few events; keeps its end."""

    def __init__(self, tell: Tell, *, now: Callable[[], float]) -> None:
        self.tail = ""
        self._tell = tell
        self._now = now
        self._waiting = ""
        self._told = 0
        self._told_at = float("-inf")

    async def add(self, text: str) -> None:
        self.tail = (self.tail + text)[-_TAIL:]
        if self._told + len(self._waiting) > _TOLD:
            return
        self._waiting += text
        if self._now() - self._told_at >= _PACE:
            await self.flush()

    async def flush(self) -> None:
        text, self._waiting = self._waiting[: _TOLD - self._told], ""
        if not text.strip():
            return
        self._told += len(text)
        self._told_at = self._now()
        if self._told >= _TOLD:
            text += "\n… more output is not shown"
        await self._tell(AgentWrote(text=text.rstrip("\n")))
