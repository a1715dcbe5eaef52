"""People, rights, tokens, money and the audit log: what a door may ask of them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.access import Scope
from honk.domain.budget import BudgetKind
from honk.domain.policy import Act, Explanation


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenWanted:
    """A token as a person asks for it."""

    #: what uses it, such as "laptop"
    name: str
    #: what it may be used for; its person's rights are asked besides
    scopes: tuple[Scope, ...]
    #: whose it is: a key of [people], or an identity such as "slack:U123"; "" is whoever asks
    person: str = ""
    #: days after which it opens nothing; null: never
    days: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenShown:
    """What is known of a token."""

    id: str
    name: str
    #: the name of the person whose it is
    person: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    #: the one task for which builds may be uploaded with it; such a token opens nothing else
    task: str | None = None
    #: of a worker's token: the jobs that it may have
    labels: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenMade:
    """A new token. The secret is shown this once, and kept nowhere."""

    token: TokenShown
    secret: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Whether a person may do something."""

    #: a key of [people], or an identity; "" is whoever asks
    person: str = ""
    act: Act
    #: an address; "" is the task's repository, or Honk itself
    repository: str = ""
    #: the beginning of a task's id
    task: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditQuery:
    """Which entries of the audit log; everything that is set must fit."""

    #: the beginning of a task's id
    task: str = ""
    #: a key of [people], or an identity
    person: str = ""
    act: Act | None = None
    #: a part of the repository's address
    repository: str = ""
    since: datetime | None = None
    #: only those before the entry with this number: the last one of the page before
    before: int | None = None
    limit: int = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class AuditLine:
    """One act that was asked for, and what the policy said."""

    number: int
    at: datetime
    #: the name of the person
    person: str
    act: Act
    #: "" for an act on Honk itself
    repository: str
    task: str | None
    allowed: bool
    reason: str
    #: which version of the policy decided
    policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldShown:
    """What a turn at work has reserved."""

    task: str
    turn: int
    usd: float
    spent_usd: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetShown:
    """How a budget stands, in estimated dollars, on the present day (UTC)."""

    kind: BudgetKind
    #: the name of the person, for a person's budget; "" for that of the day
    person: str
    #: null: no such budget
    limit_usd: float | None
    #: by turns that have ended
    spent_usd: float
    #: by turns at work, at most
    held_usd: float
    left_usd: float | None
    held: tuple[HeldShown, ...]


class Governing(Protocol):
    """Tokens, rights, money and the audit log. Raises NotAllowed, Unknown, Usage."""

    async def create_token(self, wanted: TokenWanted) -> TokenMade:
        """One's own, or somebody else's for who may administer Honk."""

    async def tokens(self) -> tuple[TokenShown, ...]:
        """All for who may administer Honk, otherwise one's own."""

    async def revoke_token(self, id: str) -> TokenShown:
        """From now on it opens nothing."""

    async def explain(self, question: Question) -> Explanation:
        """What the policy would say now, and every rule that was looked at."""

    async def audit(self, query: AuditQuery) -> tuple[AuditLine, ...]:
        """Newest first, for who may administer Honk."""

    async def budgets(self) -> tuple[BudgetShown, ...]:
        """The day, and each person for whom a turn began today or is at work."""
