"""What a forge needs of git and of the store; wiring brings them together."""

from datetime import datetime
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
    """The repository that a person named, and Honk's mirror of it; the git adapter implements it.

    Marks are hidden refs of the mirror.
    """

    async def refresh(self, repository: Repository) -> None:
        """Brings the mirror up to date. Raises RepositoryUnusable or Unreachable."""

    async def tip(self, repository: Repository, branch: str) -> Sha | None:
        """Asks the target. Raises RepositoryUnusable or Unreachable."""

    async def known_tip(self, repository: Repository, branch: str) -> Sha | None:
        """The target's branch as it was at the latest refresh."""

    async def hold(self, repository: Repository, branch: str, commit: Sha) -> None:
        """Sets Honk's own branch in the mirror."""

    async def held(self, repository: Repository, branch: str) -> Sha | None:
        """Honk's own branch in the mirror."""

    def mirror(self, repository: Repository) -> Path:
        """The mirror's folder, for a command that a person is to run."""

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        """Pushes if the target's branch is at `over` (None: absent) or at the commit already.

        Returns "" or the refusal. Raises Unreachable when there was no answer.
        """

    async def checked_out(self, repository: Repository, branch: str) -> Path | None:
        """The work tree of a local target that has the branch checked out."""

    async def landed(self, repository: Repository, head: Sha, tip: Sha, mark: str) -> Sha | None:
        """The commit by which `head`, or the merge noted under the mark, came into the branch at `tip`."""

    async def record(self, repository: Repository, mark: str, commit: Sha) -> None: ...

    async def recorded(self, repository: Repository, mark: str) -> Sha | None: ...

    async def merged_tree(self, repository: Repository, onto: Sha, head: Sha) -> Sha | tuple[str, ...]:
        """The tree of the merge, or the files in conflict. Raises RepositoryUnusable when git cannot merge."""

    async def tree(self, repository: Repository, commit: Sha) -> Sha: ...

    async def commit(
        self, repository: Repository, tree: Sha, parents: tuple[Sha, ...], message: str, at: datetime
    ) -> Sha:
        """A commit with the house identity."""

    async def with_trailers(self, repository: Repository, message: str, onto: Sha, head: Sha) -> str:
        """The message with the trailers of `onto..head` that it has not yet."""
