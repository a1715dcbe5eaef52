"""Who asks and acts: one person, known under several names."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

PersonId = NewType("PersonId", str)


class IdentityKind(StrEnum):
    LOCAL = "local"
    SLACK = "slack"
    GITHUB = "github"
    MAIL = "mail"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    kind: IdentityKind
    #: the name under which that system knows the person, such as a login or a mail address
    value: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    id: PersonId
    #: shown to people and written into `Requested-by:`
    name: str
    identities: tuple[Identity, ...] = ()

    def identity(self, kind: IdentityKind) -> str | None:
        """The person's name in that system, or None."""
        return next((one.value for one in self.identities if one.kind is kind), None)
