"""What the forge needs of git and of the store; wiring brings them together."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from honk.domain.pull_request import Comment, PullRequest
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId


class PullRequests(Protocol):
    """The part of `Records` that keeps pull requests as they were seen last."""

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest: ...

    async def pull_request(self, task: TaskId) -> PullRequest | None: ...

    async def save_comment(self, comment: Comment) -> None: ...


class Target(Protocol):
    """The repository at GitHub by way of git, and Honk's mirror of it; the git adapter implements it."""

    async def refresh(self, repository: Repository) -> None:
        """Brings the mirror up to date. Raises RepositoryUnusable or Unreachable."""

    async def tip(self, repository: Repository, branch: str) -> Sha | None:
        """Asks GitHub. Raises RepositoryUnusable or Unreachable."""

    async def known_tip(self, repository: Repository, branch: str) -> Sha | None:
        """GitHub's branch as it was at the latest refresh."""

    async def hold(self, repository: Repository, branch: str, commit: Sha) -> None:
        """Sets Honk's own branch in the mirror."""

    async def held(self, repository: Repository, branch: str) -> Sha | None:
        """Honk's own branch in the mirror."""

    def mirror(self, repository: Repository) -> Path:
        """The mirror's folder."""

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        """Pushes if GitHub's branch is at `over` (None: absent) or at the commit already.

        Returns "" or the refusal. Raises Unreachable when there was no answer.
        """

    async def with_trailers(self, repository: Repository, message: str, onto: Sha, head: Sha) -> str:
        """The message with the trailers of `onto..head` that it has not yet."""


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
