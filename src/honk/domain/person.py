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
    #: whom an OpenID provider of honk.toml knows: "<its name there>/<subject>"
    OIDC = "oidc"


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    kind: IdentityKind
    #: the name under which that system knows the person, such as a login or a mail address
    value: str

    @staticmethod
    def parse(text: str) -> "Identity":
        """An identity as people write it: "github:alice". Raises ValueError when it is none.

        Logins of GitHub and mail addresses are the same in any letter case, so they are kept in small letters.
        """
        kind, _, value = text.partition(":")
        if kind not in set(IdentityKind) or not value.strip():
            raise ValueError(f"not an identity: {text!r}; such as {', '.join(f'{one}:name' for one in IdentityKind)}")
        folded = value.strip().lower() if kind in {IdentityKind.GITHUB, IdentityKind.MAIL} else value.strip()
        return Identity(kind=IdentityKind(kind), value=folded)

    def __str__(self) -> str:
        return f"{self.kind}:{self.value}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    id: PersonId
    #: shown to people and written into `Requested-by:`
    name: str
    identities: tuple[Identity, ...] = ()

    def identity(self, kind: IdentityKind) -> str | None:
        """The person's name in that system, or None."""
        return next((one.value for one in self.identities if one.kind is kind), None)
