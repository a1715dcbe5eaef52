"""Somebody who changes a repository when told to."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from honk.ports.sandbox import Exit, Mount, Sandbox
from honk.ports.store import Tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What an agent is started with, before it is told what to do."""

    #: a UUID that names the agent's session
    session: str
    resume: bool = False
    model: str | None = None
    #: CLAUDE.md, AGENTS.md and Honk's own standing words
    guidance: str = ""
    attempt: int = 1
    #: it makes a plan: it may read and ask, and is offered nothing that writes or runs anything
    plans: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Attachment:
    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How one piece of work ended, in the agent's own words and by its own account."""

    summary: str
    #: "" | one of LIMITS | "stopped" | "model" | "agent"
    cut_short: str = ""
    reason: str = ""
    model: str = ""


class Session(Protocol):
    """A running agent that waits to be told."""

    async def work(self, words: str, images: tuple[Attachment, ...] = ()) -> Report:
        """Tells it what to do and returns when nothing more follows. Limits never raise; they cut short."""

    async def steer(self, words: str, images: tuple[Attachment, ...] = (), *, id: str, now: bool = False) -> bool:
        """Reaches the agent at its next step; `now` cuts short what it does. `id` is a UUID that names the message.

        Returns when it is decided: True when the agent has it, False when it never will, because the work ended.
        """

    async def heard(self, ids: tuple[str, ...]) -> frozenset[str]:
        """Those of the messages that the agent has, as far as its memory in the home tells: also after a crash."""

    async def interrupt(self) -> None:
        """Ends the work under way; `work` returns with cut_short "stopped"."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """What Honk lets the agent call."""

    #: runs the gate on the workspace as it is, and returns words for the agent
    verify: Callable[[], Awaitable[str]]
    #: whether the agent may end: "" or what it should do first
    may_end: Callable[[], Awaitable[str]]
    #: asks people a question with choices (there may be none); the agent ends then, and hears these words
    ask: Callable[[str, tuple[str, ...]], Awaitable[str]]


class Agent(Protocol):
    """Somebody who changes a repository when told to."""

    name: str
    #: whether being sent back with the gate's findings makes sense
    corrects: bool
    #: whether it hears what is said while it works
    steers: bool
    #: whether it can work out a plan without changing anything
    plans: bool
    #: whether its sandbox may reach the model
    calls_model: bool
    #: whether something inside needs a local port that leads to the exit, as its own telemetry does
    relay: bool

    async def requirements(self) -> None:
        """Raises Usage or ModelRefused when it can be known beforehand that it cannot work (no key)."""

    def box(self, job: Job, exit: Path | None) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        """Mounts and environment that the agent's sandbox needs."""

    def open(
        self, job: Job, sandbox: Sandbox, exit: Exit, tools: Tools, tell: Tell
    ) -> AbstractAsyncContextManager[Session]:
        """Starts it in the sandbox; on leaving, everything it started is gone."""
