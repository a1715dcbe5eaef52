"""Puts the example repository where the demo can work on it: a bare git repository with one commit."""

import asyncio
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from honk.errors import HonkError

_LEFT_OUT = shutil.ignore_patterns("__pycache__", "dist", "node_modules", "*.pyc")
_IDENTITY = {
    "GIT_AUTHOR_NAME": "Overtone",
    "GIT_AUTHOR_EMAIL": "overtone@example.com",
    "GIT_COMMITTER_NAME": "Overtone",
    "GIT_COMMITTER_EMAIL": "overtone@example.com",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
}


def example() -> Path:
    """The example's files: inside the installed package, or beside it in a checkout."""
    packaged = Path(str(resources.files("honk.demo"))) / "example"
    if packaged.is_dir():
        return packaged
    return Path(__file__).resolve().parents[3] / "examples" / "music-player"


async def plant(folder: Path, environment: Mapping[str, str]) -> Path:
    """Makes `folder`/music-player.git, with the example on its branch main."""
    work, bare = folder / "music-player", folder / "music-player.git"
    shutil.copytree(example(), work, ignore=_LEFT_OUT)
    await _git(environment, "init", "-q", "--bare", "-b", "main", str(bare))
    place = ("--git-dir", str(bare), "--work-tree", str(work))
    await _git(environment, *place, "add", "-A")
    await _git(environment, *place, "commit", "-q", "-m", "Overtone 1.0")
    shutil.rmtree(work)
    return bare


async def _git(environment: Mapping[str, str], *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "git",
        *arguments,
        env={"PATH": environment.get("PATH", "/usr/bin:/bin"), **_IDENTITY},
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    if process.returncode:
        raise HonkError(f"git {arguments[0]} failed: {errors.decode(errors='replace').strip()}")
