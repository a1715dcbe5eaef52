"""Removes folders that untrusted programs filled: any modes, any depth, never following a link."""

import os
import stat
import tempfile
from pathlib import Path


def remove(path: Path, trash: Path) -> int:
    """Removes the file or folder and returns the bytes that its files held; absent: 0.

    It is moved to the trash first, so that a half-removed folder never stands at its old place.
    Subfolders are moved up into the trash one by one: neither recursion nor path length can run
    out, however deep the tree. Nothing may run in it any more.
    """
    trash.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=trash))
    try:
        path.rename(place / "0")
    except FileNotFoundError:
        place.rmdir()
        return 0
    return _empty(place)


def empty(trash: Path) -> int:
    """Removes what an earlier, cut-off removal left."""
    if not trash.is_dir():
        return 0
    return sum(_empty(place) for place in trash.iterdir())


def _empty(place: Path) -> int:
    """Removes a folder of the trash with everything in it."""
    top = _open(place)
    freed, number = 0, 0
    try:
        while names := os.listdir(top):  # noqa: PTH208 - by descriptor
            for name in names:
                if not stat.S_ISDIR(os.lstat(name, dir_fd=top).st_mode):
                    freed += _unlink(name, top)
                    continue
                folder = _open(name, top)
                try:
                    gained, number = _flatten(folder, top, number)
                    freed += gained
                finally:
                    os.close(folder)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    place.rmdir()
    return freed


def _flatten(folder: int, top: int, number: int) -> tuple[int, int]:
    """Unlinks the files of a folder and moves its subfolders up to the top."""
    freed = 0
    for name in os.listdir(folder):
        if stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            # Moving a folder changes its "..", so it must be writable itself.
            os.close(_open(name, folder))
            number += 1
            os.rename(name, f"d{number}", src_dir_fd=folder, dst_dir_fd=top)
        else:
            freed += _unlink(name, folder)
    return freed, number


def _unlink(name: str, folder: int) -> int:
    held = os.lstat(name, dir_fd=folder)
    os.unlink(name, dir_fd=folder)
    return held.st_size if held.st_nlink == 1 else 0


def _open(name: str | Path, folder: int | None = None) -> int:
    """A descriptor of a folder, after making it readable and writable for its owner."""
    path = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        if os.fstat(path).st_mode & 0o700 != 0o700:
            # A descriptor opened with O_PATH cannot be changed itself; its name in /proc can.
            Path(f"/proc/self/fd/{path}").chmod(0o700)
        return os.open(f"/proc/self/fd/{path}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    finally:
        os.close(path)
