"""People at GitHub: who they are there, and their leave to act in their name."""

from typing import Protocol

from honk.domain.person import IdentityKind, Person
from honk.domain.text import Secret


class UserTokens(Protocol):
    """The tokens of people who linked their account.

    https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/authenticating-with-a-github-app-on-behalf-of-a-user
    """

    async def token(self, person: Person) -> Secret | None:
        """A token that is good now; None where the person has linked no account, or took the leave back."""

    async def login(self, person: Person) -> str:
        """Who the person is there, as far as it is known; "" where it is not."""


class NoUsers:
    """Nobody has linked an account: Honk acts in its own name alone."""

    async def token(self, person: Person) -> Secret | None:
        return None

    async def login(self, person: Person) -> str:
        return login_of(person)


def login_of(person: Person) -> str:
    """The person's login, as honk.toml says it; "" where it does not."""
    return person.identity(IdentityKind.GITHUB) or ""
