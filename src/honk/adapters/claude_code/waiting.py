"""A Claude Code that was started before its task: connected, silent, waiting for words.

Fixed at its start are its session, guidance, model and folders. Bound late, once, to the task that claims it:
the tools that it calls, who hears of it, and what its exit lets pass.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from typing import Any

import anyio
from claude_agent_sdk import ClaudeSDKClient

from honk.adapters.claude_code.narrator import Narrator
from honk.adapters.claude_code.session import Ahead, ClaudeSession, Patience, say
from honk.adapters.claude_code.transport import SandboxTransport
from honk.errors import Defect
from honk.ports import Exit, Job, Tell, Tools


class LateTools:
    """Tools that lead to those of the task, once there is one."""

    def __init__(self) -> None:
        self._bound: Tools | None = None
        self.tools = Tools(**{one.name: self._leading_to(one.name) for one in fields(Tools)})

    def bind(self, tools: Tools) -> None:
        """Once."""
        if self._bound is not None:
            raise Defect("an agent works for one task")
        self._bound = tools

    def _leading_to(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*arguments: Any, **named: Any) -> Any:
            if self._bound is None:
                raise Defect("an agent without a task called a tool")
            return await getattr(self._bound, name)(*arguments, **named)

        return call


class ClaudeWaiting:
    """Implements honk.ports.pool.Waiting."""

    def __init__(
        self,
        job: Job,
        client: ClaudeSDKClient,
        transport: SandboxTransport,
        late: LateTools,
        patience: Patience,
    ) -> None:
        self._job = job
        self._client = client
        self._transport = transport
        self._late = late
        self._patience = patience
        self._ahead: Ahead | None = None
        #: on leaving: killed instead of let end
        self.broken_off = True

    @property
    def alive(self) -> bool:
        return self._transport.is_ready()

    async def tell(self, words: str) -> None:
        self._ahead = Ahead(words=words, id=str(uuid.uuid4()))
        await say(self._client, self._ahead.id, words, ())

    def sit(self, attempt: int, exit: Exit, tools: Tools, tell: Tell) -> ClaudeSession:
        self._late.bind(tools)
        self.broken_off = False
        narrator = Narrator(replace(self._job, attempt=attempt), resumed=False, now=anyio.current_time)
        session = ClaudeSession(self._client, self._transport, narrator, tell, exit, self._patience)
        session.ahead = self._ahead
        return session

    def break_off(self) -> None:
        self.broken_off = True
