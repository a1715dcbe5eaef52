"""A running Claude Code that is told what to do."""

import base64
import json
import math
import uuid
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import anyio
from claude_agent_sdk import ClaudeSDKClient, ClaudeSDKError, Message, ResultMessage, SystemMessage

from honk.adapters.claude_code.narrator import Narrator
from honk.adapters.claude_code.transport import SandboxTransport
from honk.domain.text import one_line
from honk.ports import Attachment, Exit, Report, Tell

#: How the SDK answers a frame that is not what it expects; anything inside the sandbox may write one.
_MALFORMED = (ClaudeSDKError, KeyError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """Seconds before something is given up."""

    #: starting the binary and its answer to the handshake
    start: float = 50.0
    #: silence after a result although Claude Code has not said that it is idle
    quiet: float = 30.0
    #: the end of the work after an interrupt; then the process is killed
    grace: float = 15.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Ahead:
    """Words that the agent was told before its task claimed it, and the name of that message."""

    words: str
    id: str


class _Broken(Exception):
    """Claude Code ended, or says what it never says."""


@contextmanager
def _guarded() -> Iterator[None]:
    try:
        yield
    except _MALFORMED as exc:
        raise _Broken(one_line(f"{type(exc).__name__} {exc}")[:300]) from exc


class _Ledger:
    """What is still owed: a result ends one turn, not necessarily the work (messages may wait in line)."""

    def __init__(self) -> None:
        self._owed: set[str] = set()
        self._idle = False
        self.result: ResultMessage | None = None
        #: a result has come, and nothing after it says that another turn began
        self.between = False

    def owe(self, message: str) -> None:
        self._owed.add(message)
        self._idle = False

    def note(self, message: Message) -> None:
        if isinstance(message, ResultMessage):
            self.result = message
            self.between = True
        elif isinstance(message, SystemMessage) and message.subtype == "session_state_changed":
            self._idle = message.data.get("state") == "idle"
        elif isinstance(message, SystemMessage) and message.subtype == "command_lifecycle":
            if message.data.get("state") not in ("queued", "started"):
                self._owed.discard(str(message.data.get("command_uuid")))
        else:
            self.between = False

    @property
    def settled(self) -> bool:
        return self._idle and not self._owed and self.result is not None


class ClaudeSession:
    """One process of Claude Code. `work` may be called again for a follow-up in the same conversation."""

    def __init__(
        self,
        client: ClaudeSDKClient,
        transport: SandboxTransport,
        narrator: Narrator,
        tell: Tell,
        exit: Exit,
        patience: Patience,
    ) -> None:
        #: what it was told already; not said again
        self.ahead: Ahead | None = None
        self._client = client
        self._transport = transport
        self._narrator = narrator
        self._tell = tell
        self._exit = exit
        self._patience = patience
        self._ledger = _Ledger()
        self._done: anyio.Event | None = None
        self._told = False
        self._interrupted = False
        self._later: list[str] = []

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        self._ledger, self._done = _Ledger(), anyio.Event()
        self._told = self._interrupted = False
        self._narrator.said = ""
        words = "\n\n".join([*self._later, words])
        self._later = []
        try:
            await self._say(words, images)
            self._told = True
            if self._interrupted:
                await self._cut()
            await self._listen()
            return self._report()
        except _Broken as exc:
            return await self._broken(str(exc))
        finally:
            self._done.set()
            self._done = None

    async def steer(self, words: str) -> None:
        if self._done is None or self._interrupted:
            self._later.append(words)
            return
        with suppress(_Broken):
            await self._say(words)

    async def interrupt(self) -> None:
        done = self._done
        if done is None or self._interrupted:
            return
        self._interrupted = True
        if self._told:
            with suppress(_Broken):
                await self._cut()
        with anyio.move_on_after(self._patience.grace):
            await done.wait()
        if not done.is_set():
            await self._transport.kill()

    async def _say(self, words: str, images: tuple[Attachment, ...] = ()) -> None:
        ahead, self.ahead = self.ahead, None
        if ahead is not None and ahead.words == words and not images:
            self._ledger.owe(ahead.id)
            return
        id = str(uuid.uuid4())
        self._ledger.owe(id)
        with _guarded():
            await say(self._client, id, words, images)

    async def _cut(self) -> None:
        # Not the SDK's own interrupt: after it, messages that wait in line would still be worked on.
        request = {"subtype": "interrupt", "cancel_queued": True}
        frame = {"type": "control_request", "request_id": f"honk-{uuid.uuid4()}", "request": request}
        with _guarded():
            await self._transport.write(json.dumps(frame) + "\n")

    async def _listen(self) -> None:
        async with aclosing(cast(AsyncGenerator[Message, None], self._client.receive_messages())) as messages:
            while not self._ledger.settled:
                limit = self._patience.quiet if self._ledger.between else math.inf
                with _guarded(), anyio.move_on_after(limit) as silence:
                    message = await anext(messages, None)
                if silence.cancelled_caught:
                    return
                if message is None:
                    raise _Broken(f"it ended unexpectedly (exit code {self._transport.exit_code})")
                with _guarded():
                    self._ledger.note(message)
                    events = self._narrator.hear(message)
                for event in events:
                    await self._tell(event)

    def _report(self) -> Report:
        result = self._ledger.result
        if result is None:
            raise _Broken("it gave no result")
        if not result.is_error and not self._interrupted:
            return Report(summary=str(result.result or self._narrator.said), model=self._narrator.model)
        with _guarded():
            said = result.result or "; ".join(result.errors or ()) or result.terminal_reason or result.subtype
        failed = result.api_error_status is not None or result.terminal_reason == "api_error"
        return self._cut_short("model" if failed else "agent", str(said))

    async def _broken(self, how: str) -> Report:
        await self._transport.kill()
        last = one_line(" ".join((await self._transport.complaints()).splitlines()[-5:]))
        return self._cut_short("agent", f"Claude Code broke off: {how}" + (f": {last}" if last else ""))

    def _cut_short(self, kind: str, reason: str) -> Report:
        """Why the work ended early: the broker's word goes before an interrupt, and that before the agent's own."""
        ended = self._exit.ended_by()
        if ended is not None:
            kind, reason = ended
        elif self._interrupted:
            kind, reason = "stopped", "interrupted"
        return Report(summary=self._narrator.said, cut_short=kind, reason=reason, model=self._narrator.model)


async def say(client: ClaudeSDKClient, id: str, words: str, images: tuple[Attachment, ...]) -> None:
    """Sends one message of a person."""
    content = [*map(_block, images), {"type": "text", "text": words}]

    async def stream() -> Any:
        yield {
            "type": "user",
            "uuid": id,
            "message": {"role": "user", "content": content},
            "parent_tool_use_id": None,
        }

    await client.query(stream())


def _block(image: Attachment) -> dict[str, Any]:
    data = base64.b64encode(image.content).decode()
    return {"type": "image", "source": {"type": "base64", "media_type": image.media_type, "data": data}}
