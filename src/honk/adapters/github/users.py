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


class NoUsers:
    """Nobody has linked an account: Honk acts in its own name alone."""

    async def token(self, person: Person) -> Secret | None:
        return None


def login_of(person: Person | None) -> str | None:
    """The person's login at GitHub, as far as Honk knows it."""
    return person.identity(IdentityKind.GITHUB) if person is not None else None
