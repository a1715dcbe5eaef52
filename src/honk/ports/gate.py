"""What takes the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from honk.domain.attempt import Change
from honk.domain.repository import Base, Repository
from honk.domain.task import TaskId
from honk.domain.verdict import Verdict
from honk.ports.sandbox import Mount
from honk.ports.store import Tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Exam:
    """What is to be verified, and by which rules."""

    task: TaskId
    repository: Repository
    base: Base
    #: None asks about the base alone
    change: Change | None
    instruction: str
    #: commands that replace the detected verifiers
    verify: tuple[str, ...] = ()
    #: "change", "base" or "agent": shown in the events
    on: str = "change"


@dataclass(frozen=True, kw_only=True, slots=True)
class Registries:
    """Where set-up gets packages from, as this host is configured. Never holds a credential."""

    #: host names (with an optional ":port") that set-up may reach
    hosts: tuple[str, ...] = ()
    #: local indexes and the bundle of certificate authorities, read-only
    mounts: tuple[Mount, ...] = ()
    #: variables that lead pip, uv, npm and git inside to them
    environment: Mapping[str, str] = field(default_factory=dict)
    #: sentences: what of the configuration cannot be used inside, and what to do; set-up is refused while there are any
    refusals: tuple[str, ...] = ()


class Gate(Protocol):
    """Verifies a committed tree in a fresh sandbox. The agent cannot skip it."""

    async def baseline(self, exam: Exam, tell: Tell) -> Verdict:
        """The base alone; `base_broken` says when a person must look first. Cached by base commit."""

    async def verify(self, exam: Exam, tell: Tell) -> Verdict:
        """The verdict on the change, as far as this machine can take it."""

    def words(self, verdict: Verdict) -> str:
        """What the agent is told: short when all is well, otherwise what matters of the findings."""

    async def environment(self, exam: Exam, tell: Tell) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
        """Mounts and variables with which the agent can run the repository's own tools."""
