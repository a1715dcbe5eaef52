"""Unix sockets of the host that a sandbox may connect to."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from honk.errors import SandboxUnusable

#: bytes that Linux allows for the path of a unix socket, the final zero not counted
PATH_LIMIT = 107
#: connections that wait to be accepted
BACKLOG = 128


def listen(folder: Path, name: str, own: Callable[[Path], None]) -> tuple[socket.socket, Path]:
    """A listening socket in the folder, named after `name`, which only the owner that `own` gives it can connect to.

    A socket that a killed process left behind is replaced; one on which somebody listens is not: then the next free
    number is taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in range(1, 1000):
        path = folder / f"{name}-{number}.sock"
        with _short(path) as address:
            if _is_alive(address):
                continue
            path.unlink(missing_ok=True)
            server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                server.bind(address)
                path.chmod(0o600)
                own(path)
                server.listen(BACKLOG)
            except BaseException:
                server.close()
                path.unlink(missing_ok=True)
                raise
        server.setblocking(False)
        return server, path
    raise SandboxUnusable(f"Too many sockets in {folder}.", "End processes of Honk that hang.")


def sweep(folder: Path) -> None:
    """Removes the sockets that killed processes left behind. The caller knows that nobody is making one there."""
    for path in folder.glob("*.sock"):
        with _short(path) as address:
            if not _is_alive(address):
                path.unlink(missing_ok=True)


def _is_alive(address: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return True


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """An address of the path that fits: by way of the open folder where the path is too long."""
    if len(os.fsencode(path)) <= PATH_LIMIT:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
