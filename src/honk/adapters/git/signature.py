"""Whether files changed, without reading one: what the file system says of each, never following a link."""

import hashlib
import os
import stat
from pathlib import Path

#: Deeper or larger trees are always taken for changed: git then finds out.
_DEEPEST = 60
_MOST = 500_000


def signature(path: Path) -> str | None:
    """Differs when a file below the folder changed, besides those of its `.git`; None where it cannot be told.

    A change of content, mode, owner or name moves the time of change of an inode, which nobody can set back.
    """
    seen = hashlib.blake2b(digest_size=16)
    try:
        top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            count = _look(top, seen, 0, 0)
        finally:
            os.close(top)
    except (OSError, OverflowError):
        return None
    return f"{count} {seen.hexdigest()}"


def _look(folder: int, seen: "hashlib.blake2b", depth: int, count: int) -> int:
    """Raises OverflowError for what is too deep or too much, OSError where somebody moves folders meanwhile."""
    with os.scandir(folder) as listed:
        entries = sorted(listed, key=lambda entry: entry.name)
    folders = []
    for entry in entries:
        if depth == 0 and entry.name == ".git":
            continue
        held = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(held.st_mode):
            folders.append(entry.name)
            seen.update(b"%s\0%d\0" % (os.fsencode(entry.name), held.st_mode))
        else:
            seen.update(b"%s\0%d %d %d\0" % (os.fsencode(entry.name), held.st_ino, held.st_mode, held.st_ctime_ns))
    count += len(entries)
    if depth > _DEEPEST or count > _MOST:
        raise OverflowError
    for name in folders:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        try:
            count = _look(inner, seen, depth + 1, count)
        finally:
            os.close(inner)
        seen.update(b"/")
    return count
