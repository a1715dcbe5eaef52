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

from honk.adapters.claude_code.memory import remembered
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
    #: the end of the work after an interrupt; then the process is killed, because a stop may take two seconds
    grace: float = 0.8


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


class _Receipt:
    """What became of one message: Claude Code has it, or it never will."""

    def __init__(self) -> None:
        self._decided = anyio.Event()
        self._got = False

    def decide(self, *, got: bool) -> None:
        if not self._decided.is_set():
            self._got = got
            self._decided.set()

    async def wait(self) -> bool:
        await self._decided.wait()
        return self._got


class _Ledger:
    """What is still owed: a result ends one turn, not necessarily the work (messages may wait in line)."""

    def __init__(self) -> None:
        self._owed: set[str] = set()
        self._receipts: dict[str, _Receipt] = {}
        self._idle = False
        #: messages that Claude Code has
        self.got: set[str] = set()
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
            self._hear_of(str(message.data.get("command_uuid")), str(message.data.get("state")))
        else:
            self.between = False

    def expect(self, message: str) -> _Receipt:
        """Owes the message, and tells when Claude Code has it."""
        self.owe(message)
        return self._receipts.setdefault(message, _Receipt())

    def close(self) -> None:
        """Nothing more is listened to."""
        for receipt in self._receipts.values():
            receipt.decide(got=False)

    def _hear_of(self, message: str, state: str) -> None:
        if state == "started":
            self.got.add(message)
        if receipt := self._receipts.get(message):
            if state == "started":
                receipt.decide(got=True)
            elif state != "queued":
                receipt.decide(got=False)
        if state not in ("queued", "started"):
            self._owed.discard(message)

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
        self._told: anyio.Event | None = None
        self._interrupted = False
        #: whether more can be said: the work has begun, and nobody has seen its end
        self._open = False
        self._got: set[str] = set()

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        self._ledger, self._done, self._told = _Ledger(), anyio.Event(), anyio.Event()
        self._interrupted, self._open = False, True
        self._narrator.said = ""
        try:
            await self._say(words, images)
            self._told.set()
            if self._interrupted:
                await self._cut(queued=True)
            await self._listen()
            return self._report()
        except _Broken as exc:
            return await self._broken(str(exc))
        finally:
            self._open = False
            self._told.set()
            self._ledger.close()
            self._got |= self._ledger.got
            self._done.set()
            self._done = None

    async def steer(self, words: str, images: tuple[Attachment, ...] = (), *, id: str, now: bool = False) -> bool:
        ledger, told = self._ledger, self._told
        if told is None or self._deaf():
            return False
        receipt = ledger.expect(id)
        await told.wait()
        if self._deaf():
            return False
        try:
            if now:
                await self._cut(queued=False)
            with _guarded():
                await say(self._client, id, words, images)
        except _Broken:
            receipt.decide(got=False)
        return await receipt.wait()

    def _deaf(self) -> bool:
        return self._interrupted or not self._open

    async def heard(self, ids: tuple[str, ...]) -> frozenset[str]:
        known = self._got | self._ledger.got
        kept = await remembered(self._transport.sandbox, self._narrator.session, ids)
        return frozenset(id for id in ids if id in known) | kept

    async def interrupt(self) -> None:
        done = self._done
        if done is None or self._interrupted:
            return
        self._interrupted = True
        if self._told is not None and self._told.is_set():
            with suppress(_Broken):
                await self._cut(queued=True)
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

    async def _cut(self, *, queued: bool) -> None:
        """Ends what it does now; with `queued` also what waits in line, which the SDK's own interrupt leaves."""
        request = {"subtype": "interrupt", "cancel_queued": queued}
        frame = {"type": "control_request", "request_id": f"honk-{uuid.uuid4()}", "request": request}
        with _guarded():
            await self._transport.write(json.dumps(frame) + "\n")

    async def _listen(self) -> None:
        async with aclosing(cast(AsyncGenerator[Message, None], self._client.receive_messages())) as messages:
            while self._unsettled():
                limit = self._patience.quiet if self._ledger.between else math.inf
                with _guarded(), anyio.move_on_after(limit) as silence:
                    message = await anext(messages, None)
                if silence.cancelled_caught:
                    self._open = False
                    return
                if message is None:
                    raise _Broken(f"it ended unexpectedly (exit code {self._transport.exit_code})")
                with _guarded():
                    self._ledger.note(message)
                    events = self._narrator.hear(message)
                for event in events:
                    await self._tell(event)

    def _unsettled(self) -> bool:
        """Once nothing is owed, nothing more can be said: there is no moment between the two."""
        self._open = not self._ledger.settled
        return self._open

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
        kind = "died" if await self._transport.killed() else "agent"
        await self._transport.kill()
        last = one_line(" ".join((await self._transport.complaints()).splitlines()[-5:]))
        return self._cut_short(kind, f"Claude Code broke off: {how}" + (f": {last}" if last else ""))

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
