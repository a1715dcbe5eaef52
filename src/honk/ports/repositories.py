"""Bare mirrors and workspaces: the only place where git runs on the host."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from honk.domain.attempt import Change
from honk.domain.repository import Base, Compared, FileChange, Merge, Repository, Sha
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.domain.workspace import Workspace
from honk.ports.sandbox import Mount, Sandbox
from honk.ports.store import Tell


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """What git shows a server. It goes to git over a pipe: into no file, no argument, no environment."""

    #: such as "https://github.com": shown to that server alone
    origin: str
    username: str
    password: Secret


class Credentials(Protocol):
    """Short-lived credentials of Honk's own for the repositories of a forge."""

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        """For one call of git; None where the operator's own means count. Raises Unreachable, RepositoryUnusable."""

    async def returned(self, credential: Credential) -> None:
        """It is not needed any more."""


class Repositories(Protocol):
    """Bare mirrors, kept fresh. The only place where git runs on the host."""

    def identify(self, address: str) -> Repository:
        """A local path or git URL as a Repository. No input or output beyond resolving the path."""

    async def refresh(self, repository: Repository, tell: Tell, *, holder: str = "", own: bool = False) -> None:
        """Clones or fetches. Raises RepositoryUnusable (no such repository, no rights, empty) or Unreachable.

        With `own`, also when nothing but Honk's own branches has moved. Who waits for the same repository meanwhile is
        told the `holder`, such as "task fix-the-crash".
        """

    async def base(self, repository: Repository, branch: str | None) -> Base:
        """The branch's tip; None is the default branch. Raises RepositoryUnusable."""

    async def subjects(self, repository: Repository, commit: Sha, limit: int = 50) -> tuple[str, ...]:
        """First lines of the latest messages on the way to that commit, merges left out, newest first; untrusted."""

    async def merge(self, repository: Repository, head: Sha, base: Sha, at: datetime) -> Merge:
        """The base merged into the head, by a commit of Honk's own that only the mirror has; the same again: the same.

        Raises RepositoryUnusable where git cannot.
        """

    async def uncommitted(self, repository: Repository) -> int:
        """How many files of a local working tree have uncommitted changes; 0 for a URL."""

    async def files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        """Paths of the tree, without submodules."""

    async def read(self, repository: Repository, commit: Sha, path: str, limit: int = 1_000_000) -> bytes | None:
        """A regular file's content, or None when there is none or it is larger than `limit`."""

    async def changes(self, repository: Repository, old: Sha, new: Sha) -> tuple[FileChange, ...]: ...

    async def diff(self, repository: Repository, old: Sha, new: Sha, *, paths: tuple[str, ...] = ()) -> str:
        """A unified diff with renames off, for unidiff and for reading."""

    async def compared(self, repository: Repository, old: Sha, new: Sha) -> tuple[Compared, ...]:
        """Every file that differs, for a person to read: what was moved, even changed a little, is one file."""

    async def differences(
        self, repository: Repository, old: Sha, new: Sha, files: tuple[Compared, ...], *, context: int = 3
    ) -> str:
        """The unified diff of these files, with so many lines around each change; odd names are quoted, so that every
        name in it is exact."""

    async def patch(self, repository: Repository, old: Sha, new: Sha) -> bytes:
        """The change byte for byte, as `git apply` takes it: binary files, and names that are no text, included."""

    async def commit_tree(self, repository: Repository, tree: Sha, parent: Sha, message: str, at: datetime) -> Sha:
        """A commit with the house identity. Same arguments: same commit."""

    async def with_paths(self, repository: Repository, base: Sha, source: Sha, paths: tuple[str, ...]) -> Sha:
        """A tree: that of `base`, with these paths as they are in `source` (removed where absent there)."""

    async def tree(self, repository: Repository, commit: Sha) -> Sha: ...

    async def keep(self, repository: Repository, name: str, commit: Sha) -> None:
        """Points the hidden ref `refs/honk/<name>` at the commit, so that it stays."""

    async def checkout(self, repository: Repository, base: Base, commit: Sha, into: Path) -> None:
        """A fresh clone at the commit in an absent folder, owned by the sandbox's user, remote removed."""

    async def clear(self, folder: Path) -> None:
        """Removes a folder with whatever a sandbox left in it, of any mode and depth. Absent: no effect."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Work in progress, kept in the mirror."""

    #: on the base, with the files as they were
    commit: Sha
    #: how many differ from the base
    files: int


class Workspaces(Protocol):
    """The isolated writable checkout of each task."""

    async def open(
        self, task: TaskId, repository: Repository, base: Base, *, at: Sha | None = None, head: Sha | None = None
    ) -> Workspace:
        """The task's workspace, made when it is missing (at the base, or at `at`). Never a reset of an existing one.

        With `head`, a workspace that has to be made is on that commit, and what differs from it in `at` is
        work not committed yet.
        """

    def mounts(self, workspace: Workspace) -> tuple["Mount", ...]:
        """What a sandbox needs besides the workspace itself: the base's objects, read-only."""

    async def take(
        self, workspace: Workspace, sandbox: "Sandbox", *, parent: Sha, message: str, at: datetime
    ) -> Change:
        """Hands the tree back by a bundle made in the sandbox; checked, then committed on `parent` in the mirror.

        Raises HandBackRefused when the tree breaks a rule (size, paths, symlinks, submodules).
        """

    async def snapshot(self, workspace: Workspace) -> Snapshot | None:
        """Keeps the tree as it is under `refs/honk/wip/<task>`, while the agent works on; None when nothing changed.

        By the way of `take` and with its checks, in a sandbox of its own. Raises HandBackRefused as `take` does.
        """

    async def latest_snapshot(self, workspace: Workspace) -> Sha | None:
        """The commit of the last snapshot, until it is dropped."""

    async def drop_snapshot(self, workspace: Workspace) -> None:
        """Forgets the snapshot: the work was handed back. There is none: no effect."""

    async def clear(self, task: TaskId) -> None:
        """Removes its checkout, so that `open` makes a new one; the agent's home beside it stays."""

    async def discard(self, task: TaskId) -> None: ...

    async def collect(self, keep: frozenset[TaskId]) -> int:
        """Removes every workspace, checkout and leftover of other tasks; returns the bytes freed."""
