"""an archive that somebody else made → its files, in a sandbox: it is as hostile as what an agent makes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from honk.ports import Box, Mount, Ports, Ran, Sandbox

#: below the sandbox's working directory
UNPACKED = "unpacked"
#: seconds for each of the commands that unpack and pack
SECONDS = 600.0
#: To standard output; where from, and what, follows. Sorted names and fixed owners and dates: the same files give the
#: same digest.
PACK = ("tar", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "--format=gnu", "-cf", "-")


@asynccontextmanager
async def unpacked(
    archive: Path, inside: str, room: Path, *, zipped: bool = True, ports: Ports
) -> AsyncIterator[tuple[Sandbox, Ran]]:
    """A sandbox with the files below UNPACKED, and how unpacking ended.

    `inside` is where the archive lies there, `room` a folder of one's own on the host. Anything but a zip is a tar.
    """
    place = room / "place"
    place.mkdir()
    archive.chmod(0o644)
    room.chmod(0o711)
    ports.sandboxes.own(place)
    if zipped:
        python = str(await anyio.to_thread.run_sync(ports.sandboxes.runtime, "python"))
        unpack: tuple[str, ...] = (python, "-I", "-m", "zipfile", "-e", inside, UNPACKED)
    else:
        unpack = ("sh", "-c", f"mkdir {UNPACKED} && exec tar -C {UNPACKED} --no-same-owner -xf {inside}")
    async with ports.sandboxes.open(Box(workspace=place, mounts=(Mount(source=archive, target=inside),))) as sandbox:
        yield sandbox, await sandbox.run(unpack, seconds=SECONDS)
