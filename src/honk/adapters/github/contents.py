"""Commits of the mirror piece by piece; wiring brings them from git."""

from dataclasses import dataclass
from typing import Protocol

from honk.domain.repository import Repository, Sha


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """A commit as it is written in the mirror."""

    tree: Sha
    parents: tuple[Sha, ...]
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A path that differs between two commits."""

    path: str
    #: as in a git tree, such as "100755"; "" where the path is gone
    mode: str = ""
    #: the object; of a submodule, its commit
    object: Sha | None = None


class Contents(Protocol):
    """Commits of the mirror piece by piece, for making them anew at GitHub."""

    async def written(self, repository: Repository, commit: Sha) -> Written: ...

    async def entries(self, repository: Repository, old: Sha, new: Sha) -> tuple[Entry, ...]:
        """The paths of `new` that differ from `old`, and those that are gone."""

    async def blob(self, repository: Repository, object: Sha) -> bytes: ...
