"""A credential that is lent to one call of git: in memory alone, and shown to its own server alone.

git gets it from a helper that reads an anonymous file in memory, which git and its children inherit as an open
descriptor. What arguments, environments and configuration name is the descriptor's number.
"""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import anyio

from honk.domain.repository import Repository
from honk.errors import Defect
from honk.ports import Credential, Credentials

_GIVING_BACK = 10.0


@dataclass(frozen=True, slots=True)
class Lent:
    """The descriptor that holds the credential, and git's settings that name it."""

    descriptor: int
    settings: tuple[tuple[str, str], ...]

    def within(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The environment with these settings behind all others, so that they are the ones that count.

        https://git-scm.com/docs/git-config#ENVIRONMENT; what `git -c` leaves in GIT_CONFIG_PARAMETERS is read later
        than that, so where the operator has it, the settings are repeated there.
        """
        counted = environment.get("GIT_CONFIG_COUNT", "")
        start = int(counted) if counted.isdigit() else 0
        added = {"GIT_CONFIG_COUNT": str(start + len(self.settings))}
        for number, (key, value) in enumerate(self.settings, start):
            added |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        if before := environment.get("GIT_CONFIG_PARAMETERS", ""):
            pairs = (f"{_quoted(f'{key}={value}')}" for key, value in self.settings)
            added["GIT_CONFIG_PARAMETERS"] = " ".join((before, *pairs))
        return {**environment, **added}


@asynccontextmanager
async def lent(credentials: Credentials | None, repository: Repository, *, writes: bool) -> AsyncIterator[Lent | None]:
    """For one call of that repository's server; None where the operator's own means count.

    Raises what `Credentials.lent` raises.
    """
    if credentials is None or not repository.url.lower().startswith(("https://", "http://")):
        yield None
        return
    credential = await credentials.lent(repository, writes=writes)
    if credential is None:
        yield None
        return
    try:
        with _held(credential) as descriptor:
            yield Lent(descriptor, _settings(credential.origin, descriptor))
    finally:
        with anyio.move_on_after(_GIVING_BACK, shield=True):
            await credentials.returned(credential)


def _settings(origin: str, descriptor: int) -> tuple[tuple[str, str], ...]:
    """The operator's helpers for that server would be asked first, and told the credential to store it."""
    read = f'!f() {{ if test "$1" = get; then cat /proc/self/fd/{descriptor}; fi; }}; f'
    return (
        (f"credential.{origin}.helper", ""),
        (f"credential.{origin}.helper", read),
        ("http.followRedirects", "initial"),
    )


@contextmanager
def _held(credential: Credential) -> Iterator[int]:
    """An open descriptor on memory with the credential in git's own form."""
    values = (credential.username, credential.password.reveal())
    if any(ord(one) < 32 for value in values for one in value):
        raise Defect("a credential with a control character in it")
    descriptor = os.memfd_create("credential")
    try:
        os.write(descriptor, "username={}\npassword={}\n".format(*values).encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _quoted(text: str) -> str:
    """As git's own sq_quote does."""
    return "'" + text.replace("'", "'\\''").replace("!", "'\\!'") + "'"
