"""Spares: checkouts of known repositories that were made before anybody asked for them.

A spare becomes a task's workspace by being renamed. Whoever waits in it keeps it, since a mount holds the folder and
not its name. Nobody has worked in a spare: what can be said of its files is that they are those of its commit.
"""

import os
import secrets
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from honk.adapters.git import clone, removal
from honk.adapters.git.mirror import sha
from honk.adapters.git.repositories import GitRepositories
from honk.domain.repository import Base, Repository
from honk.domain.task import TaskId
from honk.ports import Spare

#: Where a spare's HEAD is before it has a task. The branch stays: an agent that waits has read its name.
_BRANCH = "honk/work"
_NEVER_A_LINK = os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | _NEVER_A_LINK


class GitSpares:
    """Implements honk.ports.pool.Spares, below `spares/` of Honk's home."""

    def __init__(self, repositories: GitRepositories) -> None:
        self._repositories = repositories
        self._layout = repositories.layout
        self._root = repositories.layout.home / "spares"

    async def make(self, repository: Repository, base: Base) -> Spare:
        folder = self._root / repository.key / secrets.token_hex(4)
        spare = Spare(folder=folder, repository=repository, base=base)
        spare.home.mkdir(parents=True)
        self._repositories.sandboxes.own(spare.home)
        spare.attachments.mkdir()
        spare.attachments.chmod(0o755)  # for the sandbox's user to read, and nobody there to own
        wanted = clone.Wanted(commit=sha(base.commit), author=self._repositories.author, branch=_BRANCH)
        self._repositories.mirrors.environments.prepare()
        await clone.make(self._repositories.mirrors, repository, base, wanted, spare.workspace)
        self._repositories.sandboxes.own(spare.workspace)
        return spare

    def give(self, spare: Spare, task: TaskId) -> Spare | None:
        place = self._layout.task(task)
        if any((place / name).exists() for name in ("workspace", "home", "attachments")):
            return None
        _name_branch(spare.workspace, f"honk/{task}", sha(spare.base.commit))
        place.mkdir(parents=True, exist_ok=True)
        spare.attachments.rename(place / "attachments")
        spare.home.rename(place / "home")
        # The workspace last: where it stands, everything stands.
        spare.workspace.rename(place / "workspace")
        return replace(spare, folder=place)

    async def remove(self, spare: Spare) -> None:
        await anyio.to_thread.run_sync(partial(removal.remove, spare.folder, self._layout.trash))

    async def sweep(self) -> None:
        await anyio.to_thread.run_sync(partial(removal.remove, self._root, self._layout.trash))


def _name_branch(workspace: Path, branch: str, commit: str) -> None:
    """Puts the checkout, whose HEAD is at the commit, on a new branch there.

    By plain writes through folders opened without following links, so that it is safe wherever an agent waits:
    no git runs, and nothing outside can be written. Raises OSError when the folders are not what git made.
    """
    opened = []
    try:
        at = os.open(workspace, _FOLDER)
        opened.append(at)
        at = git = os.open(".git", _FOLDER, dir_fd=at)
        opened.append(at)
        *folders, name = branch.split("/")
        for one in ("refs", "heads", *folders):
            if one not in os.listdir(at):  # noqa: PTH208 - by descriptor
                os.mkdir(one, mode=0o755, dir_fd=at)
                _like(git, os.open(one, _FOLDER, dir_fd=at))
            at = os.open(one, _FOLDER, dir_fd=at)
            opened.append(at)
        _write(git, at, name, f"{commit}\n")
        _write(git, git, "HEAD", f"ref: refs/heads/{branch}\n")
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _write(like: int, folder: int, name: str, content: str) -> None:
    new = f"{name}.honk"
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NEVER_A_LINK, 0o644, dir_fd=folder)
    os.write(descriptor, content.encode())
    _like(like, descriptor)
    os.rename(new, name, src_dir_fd=folder, dst_dir_fd=folder)


def _like(like: int, descriptor: int) -> None:
    """Gives what was made to the owner of the checkout, and closes it."""
    try:
        owner = os.fstat(like)
        if owner.st_uid != os.geteuid():
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
    finally:
        os.close(descriptor)
