"""What the forge needs of git and of the store; wiring brings them together."""

from pathlib import Path
from typing import Protocol

from honk.domain.pull_request import PullRequest
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId


class PullRequests(Protocol):
    """The part of `Records` that keeps pull requests, for whoever asks without asking GitLab."""

    async def save_pull_request(self, repository: str, pull_request: PullRequest) -> PullRequest: ...

    async def pull_request(self, task: TaskId) -> PullRequest | None: ...


class Target(Protocol):
    """The project's repository, and Honk's mirror of it; the git adapter implements it."""

    async def refresh(self, repository: Repository) -> None:
        """Brings the mirror up to date. Raises RepositoryUnusable or Unreachable."""

    async def tip(self, repository: Repository, branch: str) -> Sha | None:
        """Asks the project. Raises RepositoryUnusable or Unreachable."""

    async def known_tip(self, repository: Repository, branch: str) -> Sha | None:
        """The project's branch as it was at the latest refresh."""

    async def hold(self, repository: Repository, branch: str, commit: Sha) -> None:
        """Sets Honk's own branch in the mirror."""

    async def held(self, repository: Repository, branch: str) -> Sha | None:
        """Honk's own branch in the mirror."""

    def mirror(self, repository: Repository) -> Path:
        """The mirror's folder."""

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        """Pushes if the project's branch is at `over` (None: absent) or at the commit already.

        Returns "" or the refusal. Raises Unreachable when there was no answer.
        """

    async def landed(self, repository: Repository, head: Sha, tip: Sha, mark: str) -> Sha | None:
        """The commit by which `head` came into what ends at `tip`; None where it did not."""

    async def with_trailers(self, repository: Repository, message: str, onto: Sha, head: Sha) -> str:
        """The message with the trailers of `onto..head` that it has not yet."""
