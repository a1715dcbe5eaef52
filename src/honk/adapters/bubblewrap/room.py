"""The host folders of one open sandbox, and their removal."""

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL

import anyio

_LOCK = "lock"
#: seconds
_LONG = 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    folder: Path

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def inbound(self) -> Path:
        return self.folder / "in"

    @property
    def inner(self) -> tuple[Path, ...]:
        """The folders that belong to the sandbox's user."""
        return (self.home, self.temporary, self.inbound)


@contextlib.contextmanager
def locked_room(above: Path) -> Iterator[Room]:
    """Makes the folders. A lock that ends with this process tells them from leftovers."""
    above.mkdir(parents=True, exist_ok=True)
    # Short, for the sockets in it.
    room = Room(folder=above / f"box-{secrets.token_hex(4)}")
    room.folder.mkdir()
    lock = os.open(room.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Whatever the umask is, the sandbox's user must get through.
        room.folder.chmod(0o711)
        for folder in room.inner:
            folder.mkdir(mode=0o700)
        yield room
    finally:
        os.close(lock)


async def remove(folder: Path) -> None:
    """Removes a folder in which untrusted code wrote, however deep and however closed."""
    # The programs of the system do it without recursion and without following links.
    commands = [("rm", "-rf", "--one-file-system")]
    if os.geteuid() != 0:
        commands.insert(0, ("chmod", "-R", "u+rwX"))
    for command in commands:
        process = await anyio.open_process(
            [*command, "--", str(folder)], stdin=DEVNULL, stdout=DEVNULL, stderr=DEVNULL, env={"PATH": "/usr/bin:/bin"}
        )
        await process.wait()


def leftovers(above: Path) -> tuple[Path, ...]:
    """Folders of sandboxes whose Honk was killed."""
    return tuple(folder for folder in sorted(above.glob("box-*")) if _abandoned(folder))


def _abandoned(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        # Being made or removed at this moment, or cut off in doing so.
        return _age(folder) > _LONG
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(lock)


def _age(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0
