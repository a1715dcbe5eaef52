"""Fakes of what works on a task: broker and agent. Each looks at the files and the words it is given."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from honk.domain.event import AgentStarted
from honk.domain.limits import Spending
from honk.errors import ModelRefused
from honk.ports import (
    Attachment,
    Exit,
    Job,
    Mount,
    Pass,
    Report,
    Sandbox,
    Tell,
    Tools,
)
from honk.testing.fake_sandbox import APP, FakeSandbox

__all__ = ["APP", "Edit", "FakeAgent", "FakeBroker", "FakeExit", "FakeSession"]


# ── broker ─────────────────────────────────────────────────────────────────────────────────────
class FakeExit:
    """See `Exit`."""

    socket = Path("/nowhere/exit.sock")

    def __init__(self, permit: Pass, spend: Callable[[Spending], Awaitable[None]]) -> None:
        self._permit = permit
        self._spend = spend
        self._spent = permit.spent

    async def call(self, usd: float) -> tuple[str, str] | None:
        """One model call, unless the limits are reached."""
        if (ended := self.ended_by()) is not None:
            return ended
        made = Spending(usd=usd, calls=1)
        self._spent += made
        await self._spend(made)
        return None

    def spent(self) -> Spending:
        return self._spent

    def ended_by(self) -> tuple[str, str] | None:
        limits = self._permit.limits
        if limits.usd is not None and self._spent.usd >= limits.usd:
            return "money", f"${limits.usd:.2f} are spent"
        if limits.calls is not None and self._spent.calls >= limits.calls:
            return "calls", f"{limits.calls} model calls are made"
        return None


class FakeBroker:
    """See `Broker`."""

    def open(
        self, permit: Pass, tell: Tell, spend: Callable[[Spending], Awaitable[None]]
    ) -> AbstractAsyncContextManager[Exit]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Exit]:
            yield FakeExit(permit, spend)

        return opened()


# ── agent ──────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """What the agent does when it is told something."""

    #: path → new content; None removes the file
    files: Mapping[str, bytes | None] = field(default_factory=dict)
    summary: str = "done"
    #: model calls, each of which writes one more file; an agent out of money stops between two
    calls: int = 1
    cut_short: str = ""
    reason: str = ""
    #: goes on until it is interrupted, after the edit
    endless: bool = False
    #: goes on until the test lets it end
    until: anyio.Event | None = None
    error: Exception | None = None
    #: a question to people, and its choices
    asks: tuple[str, ...] = ()


@dataclass
class FakeAgent:
    """See `Agent`. The first entry of `habits` whose fragment is in the words says what it does."""

    habits: dict[str, Edit]
    name: str = "claude"
    corrects: bool = True
    steers: bool = True
    plans: bool = True
    calls_model: bool = True
    relay: bool = False
    key_works: bool = True
    #: whether it is at work for good, so that a test can do something meanwhile
    busy: anyio.Event = field(default_factory=anyio.Event)
    #: what it was told, by session; survives its process, as a transcript does
    memory: dict[str, list[str]] = field(default_factory=dict)
    #: the messages among that, by session
    messages: dict[str, list[str]] = field(default_factory=dict)
    #: the pictures that it was shown, by session
    pictures: dict[str, list[Attachment]] = field(default_factory=dict)
    #: what it found below /attachments when it was told something, by path
    found: dict[str, bytes] = field(default_factory=dict)
    #: when it reaches the next step, at which it hears what was said meanwhile; at once unless a test says otherwise
    step: anyio.Event | None = None
    #: whether it writes although it was to make a plan, through walls that no agent gets through
    breaks_out: bool = False
    #: whether it asks Honk before it ends, and goes on with what it hears then
    closes: bool = False

    async def requirements(self) -> None:
        if not self.key_works:
            raise ModelRefused("the model's server refused the key", "set ANTHROPIC_API_KEY")

    def box(self, job: Job, exit: Path | None) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        return (), {}

    def open(
        self, job: Job, sandbox: Sandbox, exit: Exit, tools: Tools, tell: Tell
    ) -> AbstractAsyncContextManager["FakeSession"]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[FakeSession]:
            assert isinstance(sandbox, FakeSandbox) and isinstance(exit, FakeExit)
            session = FakeSession(agent=self, job=job, place=sandbox.workspace, exit=exit, tell=tell, tools=tools)
            session.read_only = sandbox.read_only
            session.attachments = sandbox.attachments
            assert sandbox.read_only is job.plans
            yield session

        return opened()

    def edit(self, words: str) -> Edit:
        """What it does when it hears these words. Out of script, it fails loudly."""
        for fragment, edit in self.habits.items():
            if fragment in words:
                return edit
        raise AssertionError(f"nobody told the fake agent what to do at {words!r}")


@dataclass
class FakeSession:
    """See `Session`."""

    agent: FakeAgent
    job: Job
    place: Path
    exit: FakeExit
    tell: Tell
    tools: Tools
    #: where the files of messages are
    attachments: Path | None = None
    #: the sandbox shows it files that nobody can change
    read_only: bool = False
    interrupted: anyio.Event = field(default_factory=anyio.Event)
    #: somebody cut short what it does, with words
    cut: anyio.Event = field(default_factory=anyio.Event)
    ended: anyio.Event = field(default_factory=anyio.Event)

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        self.agent.memory.setdefault(self.job.session, []).append(words)
        self._look(images)
        started = AgentStarted(
            agent=self.agent.name,
            release="1",
            model=self.job.model or "fake",
            session=self.job.session,
            resumed=self.job.resume,
            attempt=self.job.attempt,
        )
        await self.tell(started)
        try:
            return await self._report(self.agent.edit(words))
        finally:
            self.ended.set()

    async def _report(self, edit: Edit) -> Report:
        ended = None
        for _ in range(edit.calls):
            ended = await self.exit.call(1.0)
            if ended:
                break
            self._write(edit)
        if edit.error is not None:
            raise edit.error
        if edit.asks:
            await self.tools.ask(edit.asks[0], edit.asks[1:])
        await self._linger(edit)
        if ended and not self.interrupted.is_set():
            return Report(summary=edit.summary, cut_short=ended[0], reason=ended[1], model="fake")
        if self.agent.closes and (words := await self._may_end()):
            self.agent.memory[self.job.session].append(words)
            return await self._report(self.agent.edit(words))
        if self.interrupted.is_set():
            return Report(summary=edit.summary, cut_short="stopped", reason="interrupted", model="fake")
        return Report(summary=edit.summary, cut_short=edit.cut_short, reason=edit.reason, model="fake")

    async def _linger(self, edit: Edit) -> None:
        ends = () if edit.until is None else (edit.until,)
        if ends or edit.endless:
            self.agent.busy.set()
            await _first(*ends, self.cut, self.interrupted)

    async def _may_end(self) -> str:
        """What it hears as it ends; "" also when it is interrupted before it does."""
        answers: list[str] = []
        async with anyio.create_task_group() as group:

            async def ask() -> None:
                answers.append(await self.tools.may_end())
                group.cancel_scope.cancel()

            group.start_soon(ask)
            await _first(self.interrupted)
            group.cancel_scope.cancel()
        return answers[0] if answers else ""

    async def steer(self, words: str, images: tuple[Attachment, ...] = (), *, id: str, now: bool = False) -> bool:
        if self.ended.is_set() or self.interrupted.is_set():
            return False
        if self.agent.step is not None and not now:
            await _first(self.agent.step, self.ended)
        if self.ended.is_set():
            return False
        self.agent.memory[self.job.session].append(words)
        self._look(images)
        self.agent.messages.setdefault(self.job.session, []).append(id)
        self._write(self.agent.edit(words))
        if now:
            self.cut.set()
        return True

    async def heard(self, ids: tuple[str, ...]) -> frozenset[str]:
        return frozenset(ids) & frozenset(self.agent.messages.get(self.job.session, ()))

    async def interrupt(self) -> None:
        self.interrupted.set()

    def _look(self, images: tuple[Attachment, ...]) -> None:
        self.agent.pictures.setdefault(self.job.session, []).extend(images)
        if self.attachments is not None:
            for path in self.attachments.rglob("*"):
                if path.is_file():
                    self.agent.found[str(path.relative_to(self.attachments))] = path.read_bytes()

    def _write(self, edit: Edit) -> None:
        if self.read_only and not self.agent.breaks_out:
            return
        for path, content in edit.files.items():
            if content is None:
                (self.place / path).unlink(missing_ok=True)
            else:
                (self.place / path).write_bytes(content)


async def _first(*events: anyio.Event) -> None:
    """Returns when one of them is set."""
    async with anyio.create_task_group() as group:

        async def wait(event: anyio.Event) -> None:
            await event.wait()
            group.cancel_scope.cancel()

        for event in events:
            group.start_soon(wait, event)
