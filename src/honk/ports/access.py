"""Who is at the door, what they may spend, and what they did."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.access import Issued, Scope, Token
from honk.domain.audit import NEWEST, Entry, Window
from honk.domain.budget import Exhausted, Reserved, Standing
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.remote_job import Rights
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Whom a token stands for, and for what it may be used."""

    person: Person
    scopes: frozenset[Scope]
    #: the token's id, for logs
    token: str
    #: the one task for which it may upload builds, and nothing else
    task: TaskId | None = None
    #: the jobs that a worker may have with it, and nothing else
    rights: Rights | None = None


class Tokens(Protocol):
    """Access tokens. Only the SHA-256 of a token is stored."""

    async def issue(
        self,
        person: PersonId,
        name: str,
        scopes: frozenset[Scope],
        *,
        expires_at: datetime | None = None,
        task: TaskId | None = None,
        rights: Rights | None = None,
    ) -> Issued:
        """A new token of that person. Raises Usage without a name, without a scope, or for a time that is past.

        One that is bound to a task, or is a worker's, has no scope.
        """

    async def find(self, token: str) -> Access | None:
        """Whom the token stands for; None when it is none, is unknown, has expired or was revoked."""

    async def revoke(self, id: str) -> Token:
        """From now on it opens nothing. Revoked before: no effect. Raises Unknown."""

    async def list(self) -> tuple[Token, ...]:
        """All tokens that were ever issued, oldest first."""


class Budgets(Protocol):
    """Money of all tasks together: reserved before a turn begins, replaced by what it cost when it has ended."""

    async def reserve(self, task: TaskId, turn: int, person: PersonId, limit_usd: float | None) -> Reserved | Exhausted:
        """Reserves what is left of the task's limit, or less where a budget has less left.

        However many turns begin at once, in however many processes, together they never reserve more than there
        is. Asked again for a turn that has reserved and not ended: the same answer.
        """

    async def settle(self, task: TaskId, turn: int) -> None:
        """What the turn has reserved becomes what it cost. Nothing reserved: no effect."""

    async def warn(self, task: TaskId, turn: int) -> None:
        """Records `budget.warned` when four fifths of a budget are spent: once for each budget, limit and day."""

    async def standing(self) -> tuple[Standing, ...]:
        """The day, and each person for whom a turn began today or is at work."""


class Audit(Protocol):
    """The append-only log of acts."""

    async def record(self, entry: Entry) -> None:
        """Appends. What raises here was not done: an act that cannot be logged is not allowed."""

    async def read(
        self,
        *,
        task: TaskId | None = None,
        person: PersonId | None = None,
        act: Act | None = None,
        repository: str = "",
        window: Window = NEWEST,
    ) -> tuple[Entry, ...]:
        """Newest first; everything that is set must fit.

        `repository` is a part of an address, in any letter case.
        """
