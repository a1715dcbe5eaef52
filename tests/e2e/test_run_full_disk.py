"""A file system that is really full, under the workspace and under the mirror: the task waits, and goes on by itself.

| real | not real |
|---|---|
| honk, git, a small file system of memory | the agent is a command |
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from run_world import QUICK, Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
MIB = 1 << 20


@pytest.fixture
def honk() -> Iterator[Honk]:
    """HONK_HOME lies on a file system of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    with world() as made:
        made.home.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", made.home], capture_output=True)
        if mounted.returncode:
            pytest.skip(f"no file system can be mounted here: {mounted.stderr.decode()}")
        try:
            (made.home / "honk.toml").write_text("[work]\nleast_free_mb = 8\n")
            yield made
        finally:
            subprocess.run(["umount", "--lazy", made.home], check=True)


def leave(folder: Path, room: int) -> Path:
    """Takes all the room of the file system but that."""
    disk = os.statvfs(folder)
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, disk.f_bavail * disk.f_frsize - room)
    return ballast


async def resumes(honk: Honk, repository: Path, command: str, room: int) -> None:
    warm = await honk.change(honk.repository(), "echo more >> song.txt")
    assert warm.settled["state"] == "proposed", warm.words
    ballast = leave(honk.home, room)
    async with honk.started("run", repository, command, "--agent", "command", "--json") as asked:
        with anyio.fail_after(60):
            # Where not a byte is left, the event itself comes later.
            while os.statvfs(honk.home).f_bavail and not any(e["event"] == "work.paused" for e in asked.events()):
                await anyio.sleep(0)
            ballast.unlink()
            done = await asked.done()
    assert "disk" in [one["data"]["cause"] for one in done.events if one["event"] == "work.paused"], done.words
    assert "Traceback" not in done.words
    assert done.settled["state"] == "proposed", done.words


async def test_no_room_in_the_workspace(honk: Honk) -> None:
    music = honk.repository({**QUICK, ".gitignore": "large\n"})
    await resumes(honk, music, "echo more >> song.txt && head -c 100000000 /dev/zero > large", 60 * MIB)


@pytest.mark.slow
async def test_no_room_in_the_mirror(honk: Honk) -> None:
    music = honk.repository({**QUICK, "large": os.urandom(60 * MIB)})
    await resumes(honk, music, "echo more >> song.txt", 40 * MIB)
