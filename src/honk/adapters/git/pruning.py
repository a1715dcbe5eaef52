"""Mirrors that nobody uses any more are removed: they can be fetched again. Hidden refs of old tasks go, too."""

import fcntl
import os
from collections.abc import Sequence
from pathlib import Path

from honk.adapters.git import removal
from honk.adapters.git.mirror import Mirrors
from honk.domain.task import Task, TaskId

#: where the task's name comes next
_OF_TASKS = ("refs/honk/tasks/", "refs/honk/wip/", "refs/honk/incoming/")


def prune(home: Path, used: frozenset[str], before: float) -> int:
    """Removes mirrors whose key is not in use and that were not fetched since; returns the bytes freed.

    One whose lock somebody holds is left alone, and so is one whose base objects a workspace still borrows.
    """
    freed = 0
    borrowed = _borrowed(home)
    for folder in sorted(path for path in (home / "repositories").glob("*") if path.is_dir()):
        head = folder / "head"
        if folder.name in used or folder.name in borrowed or not head.exists() or head.stat().st_mtime >= before:
            continue
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            freed += removal.remove(folder, home / "trash")
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
    return freed


async def prune_refs(mirrors: Mirrors, tasks: Sequence[Task]) -> int:
    """Removes what mirrors keep in the name of these tasks: their attempts, snapshots and incoming work.

    What says that a pull request was merged stays. Returns how many refs went.
    """
    gone = 0
    for repository in {task.repository.key: task.repository for task in tasks}.values():
        mirror = mirrors.layout.mirror(repository)
        if not mirror.exists():
            continue
        ids = {task.id for task in tasks if task.repository.key == repository.key}
        async with mirrors.locked(repository):
            listed = await mirrors.git(mirror, "for-each-ref", "--format=%(refname)", *_OF_TASKS)
            old = [ref for ref in listed.text.splitlines() if TaskId(ref.split("/")[3]) in ids]
            if old:
                lines = "".join(f"delete {ref}\n" for ref in old)
                await mirrors.git(mirror, "update-ref", "--no-deref", "--stdin", stdin=lines.encode())
        gone += len(old)
    return gone


def _borrowed(home: Path) -> frozenset[str]:
    """Keys of repositories beside which a workspace or checkout exists: they may borrow its objects."""
    if any((home / "checkouts").glob("*")):
        # a checkout does not say of which repository it is
        return frozenset(path.name for path in (home / "repositories").glob("*"))
    return frozenset()
