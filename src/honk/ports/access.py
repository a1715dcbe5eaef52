"""Who is at the door."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.access import Issued, Scope, Token
from honk.domain.person import Person, PersonId


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """Whom a token stands for, and for what it may be used."""

    person: Person
    scopes: frozenset[Scope]
    #: the token's id, for logs
    token: str


class Tokens(Protocol):
    """Access tokens. Only the SHA-256 of a token is stored."""

    async def issue(
        self, person: PersonId, name: str, scopes: frozenset[Scope], *, expires_at: datetime | None = None
    ) -> Issued:
        """A new token of that person. Raises Usage without a name, without a scope, or for a time that is past."""

    async def find(self, token: str) -> Access | None:
        """Whom the token stands for; None when it is none, is unknown, has expired or was revoked."""

    async def revoke(self, id: str) -> Token:
        """From now on it opens nothing. Revoked before: no effect. Raises Usage for an unknown id."""

    async def list(self) -> tuple[Token, ...]:
        """All tokens that were ever issued, oldest first."""
