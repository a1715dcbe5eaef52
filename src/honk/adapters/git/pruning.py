"""Mirrors that nobody uses any more are removed: they can be fetched again."""

import fcntl
import os
from pathlib import Path

from honk.adapters.git import removal


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


def _borrowed(home: Path) -> frozenset[str]:
    """Keys of repositories beside which a workspace or checkout exists: they may borrow its objects."""
    if any((home / "checkouts").glob("*")):
        # a checkout does not say of which repository it is
        return frozenset(path.name for path in (home / "repositories").glob("*"))
    return frozenset()
