"""The `Agent` port for Claude Code."""

import shlex
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from claude_agent_sdk import ClaudeSDKClient, ClaudeSDKError, ResultError

from honk.adapters.claude_code import options as choices
from honk.adapters.claude_code.command_line import command_line
from honk.adapters.claude_code.narrator import Narrator
from honk.adapters.claude_code.options import Key
from honk.adapters.claude_code.session import ClaudeSession, Patience
from honk.adapters.claude_code.tools import may_end, server
from honk.adapters.claude_code.transport import SandboxTransport
from honk.adapters.claude_code.waiting import ClaudeWaiting, LateTools
from honk.domain.event import TaskNoted
from honk.errors import SandboxDied, SandboxUnusable, Usage
from honk.ports import Exit, Job, Mount, Sandbox, Tell, Tools
from honk.ports.slow import progress, slow

#: Seconds for a small command inside.
_PREPARE = 30.0
_NO_KEY = (
    "Set ANTHROPIC_API_KEY (or ANTHROPIC_AUTH_TOKEN), and ANTHROPIC_BASE_URL for a gateway or a local model, "
    "in the environment in which Honk runs. It stays outside of the sandbox."
)


class ClaudeCode:
    """The real Claude Code inside a sandbox.

    `binary` gives the host path of the executable; it is asked when a sandbox is made. `key` says what
    stands in place of a key inside. `retries` is how often a failed call of the model is repeated before
    the work ends: 10, Claude Code's own number, are about three minutes. With `telemetry` it sends spans of its
    own to the exit.
    """

    name = "claude"
    corrects = True
    steers = True
    plans = True
    calls_model = True

    def __init__(
        self,
        binary: Callable[[], Path],
        *,
        key: Key,
        retries: int = 10,
        patience: Patience | None = None,
        telemetry: bool = False,
    ) -> None:
        self._binary = binary
        self._patience = patience or Patience()
        self._key = key
        self._retries = retries
        self.relay = telemetry

    @property
    def _environment(self) -> Mapping[str, str]:
        return choices.environment(self._key, self._retries) | (choices.TELEMETRY if self.relay else {})

    async def requirements(self) -> None:
        if self._key is Key.NONE:
            raise Usage("Claude Code needs a key for its model, and there is none.", _NO_KEY)

    def box(self, job: Job, exit: Path | None) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        mounts = (Mount(source=self._binary(), target=choices.BINARY),)
        return mounts, self._environment

    @asynccontextmanager
    async def open(
        self, job: Job, sandbox: Sandbox, exit: Exit, tools: Tools, tell: Tell
    ) -> AsyncIterator[ClaudeSession]:
        """Starts it, or resumes the session where its transcript is in the home.

        A transcript that cannot be resumed is given up: the agent starts afresh on the same files, and
        the task is told. Raises SandboxUnusable when the binary does not start.
        """
        resume = await _prepare(sandbox, job)
        try:
            async with slow(tell, progress("code", "starting Claude Code")):
                client, transport = await self._start(job, sandbox, tools, resume=resume)
        except ResultError as exc:
            if not resume:
                raise _unusable(str(exc)) from exc
            await tell(TaskNoted(text=f"The agent's earlier session cannot be resumed, a new one begins: {exc}"))
            await sandbox.run(("rm", "-f", choices.transcript(job.session)), seconds=_PREPARE)
            resume = False
            client, transport = await self._start(job, sandbox, tools, resume=False)
        broken_off = True
        try:
            narrator = Narrator(job, resumed=resume, now=anyio.current_time)
            yield ClaudeSession(client, transport, narrator, tell, exit, self._patience)
            broken_off = False
        finally:
            await _end(client, transport, broken_off=broken_off)

    @asynccontextmanager
    async def wait(self, job: Job, sandbox: Sandbox) -> AsyncIterator[ClaudeWaiting]:
        """See honk.ports.pool.Waits."""
        await _prepare(sandbox, job)
        late = LateTools()
        try:
            client, transport = await self._start(job, sandbox, late.tools, resume=False)
        except ResultError as exc:
            raise _unusable(str(exc)) from exc
        waiting = ClaudeWaiting(job, client, transport, late, self._patience)
        try:
            yield waiting
        finally:
            await _end(client, transport, broken_off=waiting.broken_off)

    async def _start(
        self, job: Job, sandbox: Sandbox, tools: Tools, *, resume: bool
    ) -> tuple[ClaudeSDKClient, SandboxTransport]:
        chosen = choices.options(job, resume=resume, server=server(tools, plans=job.plans), may_end=may_end(tools))
        transport = SandboxTransport(sandbox, command_line(chosen), self._environment)
        client = ClaudeSDKClient(chosen, transport=transport)
        try:
            with anyio.fail_after(self._patience.start):
                await client.connect()
        except ResultError:
            raise
        except (ClaudeSDKError, TimeoutError) as exc:
            if await transport.killed():
                raise SandboxDied("Claude Code was killed while it started.") from exc
            raise _unusable(
                await transport.complaints() or str(exc) or f"no answer within {self._patience.start:.0f} s"
            ) from exc
        return client, transport


async def _end(client: ClaudeSDKClient, transport: SandboxTransport, *, broken_off: bool) -> None:
    with anyio.CancelScope(shield=True):
        if broken_off:  # it would work on, and call the model, for as long as it may say farewell
            await transport.kill()
        await client.disconnect()
        await transport.kill()


async def _prepare(sandbox: Sandbox, job: Job) -> bool:
    """Writes the guidance into the home; says whether the session can be resumed.

    A transcript without a single message (killed at once) can neither be resumed nor begun again, so it is removed.
    """
    guidance, transcript = shlex.quote(choices.GUIDANCE), shlex.quote(choices.transcript(job.session))
    script = (
        f"mkdir -p $(dirname {guidance}) && cat > {guidance} && "
        f'if grep -qs \'"type":"user"\' {transcript}; then echo resume; else rm -f {transcript}; fi'
    )
    ran = await sandbox.run(("sh", "-c", script), seconds=_PREPARE, stdin=job.guidance.encode())
    if ran.exit_code != 0:
        raise _unusable(ran.stderr.decode("utf-8", "replace").strip() or "the agent's home cannot be written")
    return ran.stdout.strip() == b"resume"


def _unusable(detail: str) -> SandboxUnusable:
    return SandboxUnusable(f"Claude Code does not start in the sandbox: {detail}", "See `honk doctor`.")
