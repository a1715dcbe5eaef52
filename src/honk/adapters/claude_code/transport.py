"""The SDK's transport over a process in Honk's sandbox."""

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
from claude_agent_sdk import CLIConnectionError, ProcessError, Transport

from honk.errors import LimitReached, MachineInTrouble, Retryable, SandboxDied
from honk.ports import Process, Sandbox

#: Seconds that the binary has to write its transcript after its input has ended.
_FAREWELL = 5.0
#: Seconds within which the sandbox must have ended a process.
_KILL = 10.0
#: Seconds that a process which broke off may need to be gone.
_MOMENT = 1.0
#: Exit codes above are of processes that a signal ended.
_SIGNALS, _KILLED = 128, 137


class SandboxTransport(Transport):
    """Lines of JSON to and from `claude` inside.

    Anything inside may write to that pipe, so a line that is no message is skipped. Frames of type
    `command_lifecycle`, which the SDK would drop, are handed on as system messages: they say when a
    message that was sent has been dealt with.
    """

    def __init__(self, sandbox: Sandbox, command: tuple[str, ...], environment: Mapping[str, str]) -> None:
        self.sandbox = sandbox
        self._command = command
        self._environment = environment
        self._process: Process | None = None
        self._ready = False
        self._greeted = False
        self._struck = False
        #: its exit code, or what killed it, once it has ended
        self._fate: int | Retryable | LimitReached | None = None
        #: how the process ended, once its output has
        self.exit_code: int | None = None
        self._writing = anyio.Lock()

    async def connect(self) -> None:
        self._process = await self.sandbox.start(self._command, environment=self._environment)
        self._ready = True

    async def write(self, data: str) -> None:
        async with self._writing:
            if not self._ready or self._process is None:
                raise CLIConnectionError("Claude Code does not run")
            try:
                await self._process.send(data.encode())
            except (BrokenPipeError, ConnectionError) as exc:
                self._ready = False
                raise CLIConnectionError("Claude Code has ended") from exc

    async def read_messages(self) -> AsyncIterator[dict[str, Any]]:
        if self._process is None:
            raise CLIConnectionError("Claude Code does not run")
        async for line in self._process.lines():
            frame = _frame(line)
            if frame is not None:
                self._greeted = self._greeted or frame.get("type") == "control_response"
                yield frame
        self._ready = False
        self._fate = await self._ended()
        self.exit_code = self._fate if isinstance(self._fate, int) else _KILLED
        if not self._greeted:  # only an error ends the SDK's wait for the handshake
            raise ProcessError("Claude Code ended", exit_code=self.exit_code)

    async def complaints(self) -> str:
        """The end of what the binary wrote to its standard error."""
        if self._process is None:
            return ""
        return (await self._process.errors()).decode("utf-8", "replace").strip()[-2000:]

    async def end_input(self) -> None:
        if self._process is not None:
            await self._process.close_input()

    async def killed(self) -> bool:
        """Whether the process ended by a signal that Honk did not send.

        Raises OutOfMemory, DiskFull or LimitReached where that was why.
        """
        if self._fate is None and not self._struck:
            with anyio.move_on_after(_MOMENT):
                self._fate = await self._ended()
        if isinstance(self._fate, MachineInTrouble | LimitReached):
            raise self._fate
        return isinstance(self._fate, SandboxDied)

    async def _ended(self) -> int | Retryable | LimitReached:
        """The exit code, or what killed it."""
        if self._process is None:
            return 0
        try:
            code = await self._process.wait()
        except (Retryable, LimitReached) as error:
            return error
        return SandboxDied("Claude Code was killed.") if code > _SIGNALS and not self._struck else code

    async def kill(self) -> None:
        """Ends the process and everything it started; whoever reads gets to know."""
        self._ready, self._struck = False, True
        if self._process is not None:
            with anyio.move_on_after(_KILL):
                await self._process.kill()

    async def close(self) -> None:
        self._ready = False
        if self._process is None:
            return
        with anyio.move_on_after(_FAREWELL):
            await self._process.close_input()
            self._fate = self._fate or await self._ended()
        await self.kill()

    def is_ready(self) -> bool:
        return self._ready


def _frame(line: bytes) -> dict[str, Any] | None:
    """The message in a line of output, or None where there is none."""
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(frame, dict):
        return None
    if frame.get("type") == "command_lifecycle":
        return {**frame, "type": "system", "subtype": "command_lifecycle"}
    return frame
