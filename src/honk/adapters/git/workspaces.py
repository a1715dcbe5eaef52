"""`Workspaces`: the isolated writable checkout of each task."""

import time
from datetime import datetime
from functools import partial
from pathlib import Path

import anyio

from honk.adapters.git import clone, removal
from honk.adapters.git.hand_back import HandBack
from honk.adapters.git.layout import BASE_OBJECTS_INSIDE
from honk.adapters.git.mirror import sha
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.snapshots import Snapshots
from honk.adapters.git.tree_rules import Rules
from honk.domain.attempt import Change
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.errors import Defect, NeedsHuman
from honk.ports import Mount, Sandbox, Snapshot

_HALF_MADE = ".new-*"
#: how long a checkout that names no task may be in use by another process
_IN_USE = 3600.0


class GitWorkspaces:
    """Workspaces below `tasks/`, made from the mirrors of `repositories`."""

    def __init__(self, repositories: GitRepositories, *, rules: Rules | None = None) -> None:
        self._repositories = repositories
        self._layout = repositories.layout
        self._hand_back = HandBack(repositories, rules or Rules())
        self._snapshots = Snapshots(repositories, self._hand_back)

    async def open(
        self, task: TaskId, repository: Repository, base: Base, *, at: Sha | None = None, head: Sha | None = None
    ) -> Workspace:
        """The workspace is on the branch `honk/<task>`; its git knows the base branch and the tags before it."""
        folder = self._folder(task)
        path = folder / "workspace"
        workspace = Workspace(task=task, repository=repository, base=base, path=str(path))
        if not path.exists():
            for half_made in folder.glob(_HALF_MADE):
                await self._remove(half_made)
            mirrors = self._repositories.mirrors
            mirrors.environments.prepare()
            wanted = clone.Wanted(
                commit=sha(at or base.commit),
                author=self._repositories.author,
                branch=f"honk/{task}",
                head=sha(head) if head else None,
            )
            ready = folder / ".new-workspace"
            await clone.make(mirrors, repository, base, wanted, ready)
            self._repositories.sandboxes.own(ready)
            ready.rename(path)
        return workspace

    def mounts(self, workspace: Workspace) -> tuple[Mount, ...]:
        """Depends on repository and base branch alone, so it serves every checkout of them."""
        store = self._layout.base(workspace.repository, workspace.base.branch)
        return (Mount(source=store / "objects", target=BASE_OBJECTS_INSIDE),)

    async def take(self, workspace: Workspace, sandbox: Sandbox, *, parent: Sha, message: str, at: datetime) -> Change:
        return await self._hand_back.take(workspace, sandbox, parent=sha(parent), message=message, at=at)

    async def snapshot(self, workspace: Workspace) -> Snapshot | None:
        return await self._snapshots.take(workspace)

    async def latest_snapshot(self, workspace: Workspace) -> Sha | None:
        return await self._snapshots.latest(workspace.task, workspace.repository)

    async def drop_snapshot(self, workspace: Workspace) -> None:
        await self._snapshots.drop(workspace.task, workspace.repository)

    async def clear(self, task: TaskId) -> None:
        await self._remove(self._folder(task) / "workspace")

    async def discard(self, task: TaskId) -> None:
        await self._remove(self._folder(task))

    async def collect(self, keep: frozenset[TaskId]) -> int:
        """Of checkouts that name no task, those younger than an hour stay: another process may be using them.

        Raises NeedsHuman, after removing all others, when something cannot be removed.
        """
        freed = await anyio.to_thread.run_sync(partial(removal.empty, self._layout.trash))
        gone = [folder for folder in _entries(self._layout.tasks) if folder.name not in keep]
        for folder in _entries(self._layout.checkouts):
            named = any(folder.name == task or folder.name.startswith(f"{task}-") for task in keep)
            if not named and time.time() - folder.lstat().st_mtime > _IN_USE:
                gone.append(folder)
        stuck: list[str] = []
        for folder in gone:
            try:
                freed += await self._remove(folder)
            except OSError as exc:
                stuck.append(f"{folder} ({exc.strerror})")
        if stuck:
            raise NeedsHuman(f"could not remove {', '.join(stuck)}", "remove it as the user that owns it")
        return freed

    def _folder(self, task: TaskId) -> Path:
        if not task or "/" in task or task.startswith("."):
            raise Defect(f"not a task's id: {task!r}")
        return self._layout.task(task)

    async def _remove(self, path: Path) -> int:
        return await anyio.to_thread.run_sync(partial(removal.remove, path, self._layout.trash))


def _entries(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []
