"""Bounds that the kernel does not keep here: looked at, and what exceeds them is killed."""

import contextlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio

from honk.errors import HonkError

INTERVAL = 0.5
#: seconds between two looks at something large
SELDOM = 3.0
#: seconds after which files are counted although the disk has not become fuller
_COUNT_ANYWAY = 60.0
_BLOCK = 512
#: folders of a tree that are held open at a time
_HELD = 64
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def used(folder: Path, *, enough: int | None = None) -> int:
    """Bytes on disk below a folder, which may change meanwhile; counts no further than `enough`.

    Never follows a link, and holds few files open however deep the tree is: whoever made it may mean harm.
    """
    total = 0
    twins: set[tuple[int, int]] = set()
    waiting: list[tuple[str, ...]] = [()]
    with _Opened(folder) as opened:
        while waiting and (enough is None or total <= enough):
            path = waiting.pop()
            for name, status in opened.entries(path):
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((*path, name))
                elif status.st_nlink > 1:
                    if (twin := (status.st_dev, status.st_ino)) in twins:
                        continue
                    twins.add(twin)
                # An empty file costs an inode; many of them fill a disk, too.
                total += max(_BLOCK, status.st_blocks * _BLOCK)
    return total


class _Opened:
    """The folders on the way to the one that is looked at, by name from their parents: links lead nowhere."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: list[str] = []
        self._descriptors: list[int] = []

    def __enter__(self) -> "_Opened":
        with contextlib.suppress(OSError):
            self._descriptors.append(os.open(self._root, _FOLDER))
        return self

    def __exit__(self, *_: object) -> None:
        self._keep(-1)

    def entries(self, path: tuple[str, ...]) -> Iterator[tuple[str, os.stat_result]]:
        """What is in a folder; nothing of one that is gone."""
        with contextlib.suppress(OSError), contextlib.ExitStack() as beyond:
            for entry in beyond.enter_context(os.scandir(self._open(path, beyond))):
                with contextlib.suppress(OSError):
                    yield entry.name, entry.stat(follow_symlinks=False)

    def _open(self, path: tuple[str, ...], beyond: contextlib.ExitStack) -> int:
        """A descriptor of the folder. The deepest ones are opened anew each time, one at a time."""
        common = 0
        for ours, theirs in zip(self._names, path, strict=False):
            if ours != theirs:
                break
            common += 1
        self._keep(common)
        if not self._descriptors:
            raise FileNotFoundError
        descriptor = self._descriptors[-1]
        for name in path[common:]:
            descriptor = os.open(name, _FOLDER, dir_fd=descriptor)
            if len(self._names) < _HELD:
                self._names.append(name)
                self._descriptors.append(descriptor)
            else:
                beyond.callback(os.close, descriptor)
        return descriptor

    def _keep(self, number: int) -> None:
        """Lets go of all but the root and so many folders below it; of everything for -1."""
        while len(self._descriptors) > number + 1:
            os.close(self._descriptors.pop())
        del self._names[max(number, 0) :]


class Growth:
    """Whether folders have outgrown a limit. Counting many files takes long, so it is done when it can be true.

    What the disk has lost since they were counted is the most by which they can have grown, but for what others
    freed meanwhile; so they are counted again now and then whatever the disk says. Folders that begin above the
    limit may shrink, and grow a little: somebody must be able to tidy up.
    """

    def __init__(self, limit: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._now = now
        self._counted: int | None = None
        self._free = 0
        self._again = 0.0

    def outgrown(self, *folders: Path) -> bool:
        now, left = self._now(), free(folders[0])
        if self._counted is not None:
            could_be = self._counted + max(self._free - left, 0)
            if could_be <= self._limit and now < self._again:
                return False
        total = 0
        first = self._counted is None
        for folder in folders:
            total += used(folder, enough=None if first else self._limit - total)
        if first and total > self._limit:
            self._limit = total + self._limit // 16
        self._counted, self._free, self._again = total, left, now + _COUNT_ANYWAY
        return total > self._limit


def memory(first: int) -> int:
    """Anonymous memory of a process and everything below it, in bytes."""
    total, waiting = 0, [first]
    while waiting:
        process = Path("/proc", str(waiting.pop()))
        try:
            resident, shared = (process / "statm").read_text().split()[1:3]
            total += (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
            for children in process.glob("task/*/children"):
                waiting += [int(child) for child in children.read_text().split()]
        except OSError:
            continue
    return total


def free(folder: Path) -> int:
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


async def watch(
    look: Callable[[], HonkError | None], strike: Callable[[HonkError], None], *, every: float = INTERVAL
) -> None:
    """Calls `look` in a thread; what it says against the processes, if anything, goes to `strike`."""
    spent = 0.0
    while True:
        # Many files take long to count; counting them must not become the load itself.
        await anyio.sleep(max(every, 10 * spent))
        began = time.monotonic()
        if reason := await anyio.to_thread.run_sync(look, abandon_on_cancel=True):
            strike(reason)
        spent = time.monotonic() - began
