"""Files that set-up made in the tree itself (node_modules, _version.py, compiled modules).

They are kept with the environment and given to every verification checkout and to the agent; they
never enter a commit.
"""

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel, TypeAdapter, ValidationError

from honk.ports import Mount, Sandbox

#: Where small generated files are copied from, inside a verification's sandbox.
KEPT_INSIDE = "/honk/generated"
#: Folders in node_modules that bundlers and test runners write their caches to.
CACHES = (".cache", ".vite", ".vite-temp")
_MOST = 2000

#: Runs inside, in the set-up's copy of the tree: lists what is untracked, then removes the rest.
_COLLECT = f"""
import json, os, subprocess, sys
def git(*arguments, data=b""):
    return subprocess.run(("git", *arguments), input=data, capture_output=True).stdout
names = [n for n in git("ls-files", "-z", "--others", "--directory").split(b"\\0") if n]
skipped = {{b"__pycache__", b".pytest_cache", b".mypy_cache", b".ruff_cache", b".git"}}
names = [n for n in names if os.path.basename(n.rstrip(b"/")) not in skipped][:{_MOST}]
ignored = set(git("check-ignore", "-z", "--stdin", data=b"\\0".join(names)).split(b"\\0"))
def large(path):
    files = size = 0
    for folder, _, inner in os.walk(path):
        files += len(inner)
        size += sum(os.lstat(os.path.join(folder, one)).st_size for one in inner)
        if files > 2000 or size > 20_000_000:
            return True
    return os.path.basename(path) == b"node_modules"
found = []
for name in names:
    path = name.rstrip(b"/")
    folder = os.path.isdir(path) and not os.path.islink(path)
    if folder and os.path.basename(path) == b"node_modules":
        for cache in {CACHES!r}:
            os.makedirs(os.path.join(os.fsdecode(path), cache), exist_ok=True)
    try:
        text = path.decode()
    except UnicodeDecodeError:
        continue
    found.append(dict(path=text, folder=folder, large=folder and large(path), ignored=name in ignored))
for name in git("ls-files", "-z").split(b"\\0"):
    if name and (os.path.islink(name) or os.path.isfile(name)):
        os.remove(name)
subprocess.run(("rm", "-rf", ".git"))
json.dump(found, sys.stdout)
"""


class Entry(BaseModel, frozen=True):
    #: below the root of the repository
    path: str
    folder: bool
    #: shown by a mount instead of a copy
    large: bool
    #: whether .gitignore names it, so that it can never be taken for work of the agent
    ignored: bool


_ENTRIES = TypeAdapter(tuple[Entry, ...])


async def collect(sandbox: Sandbox, interpreter: str, kept: Path) -> tuple[Entry, ...]:
    """What set-up left in the workspace, which lies at `kept` on the host. Everything else there is removed."""
    ran = await sandbox.run((interpreter, "-I", "-c", _COLLECT), seconds=600, output_limit=4 << 20)
    try:
        entries = _ENTRIES.validate_json(ran.stdout)
    except ValidationError:
        return ()
    return tuple(one for one in entries if _plain(one.path) and reachable(kept, one.path, folder=one.folder))


def _plain(path: str) -> bool:
    parts = path.split("/")
    return bool(path) and not path.startswith("/") and not {"", ".", "..", ".git"} & set(parts)


def reachable(root: Path, path: str, *, folder: bool) -> bool:
    """Whether the path leads below the root without a link, which the host must never follow."""
    place = root
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            return False
    return place.is_dir() if folder else place.is_file()


def mounts_for_agent(entries: Iterable[Entry], kept: Path) -> tuple[Mount, ...]:
    """Only what .gitignore names: a mount point of another name would come back as a new file."""
    return tuple(Mount(source=kept / one.path, target=f"/workspace/{one.path}") for one in entries if one.ignored)[:300]


def mounts_for_checkout(entries: Iterable[Entry], kept: Path, checkout: Path, caches: Path) -> tuple[Mount, ...]:
    """Large folders by mounts, with writable caches over node_modules; the rest comes by `copy`."""
    result = [Mount(source=kept, target=KEPT_INSIDE)]
    for number, one in enumerate(entries):
        if not one.large or not _free(checkout, one.path):
            continue
        result.append(Mount(source=kept / one.path, target=f"/workspace/{one.path}"))
        if one.path.rpartition("/")[2] == "node_modules":
            for cache in CACHES:
                place = caches / f"{number}{cache}"
                place.mkdir(parents=True, exist_ok=True)
                result.append(Mount(source=place, target=f"/workspace/{one.path}/{cache}", writable=True))
    return tuple(result)


def _free(checkout: Path, path: str) -> bool:
    """Whether nothing of the change lies there, and no link on the way."""
    place = checkout
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            return False
    return not os.path.lexists(place)


async def copy(sandbox: Sandbox, entries: Iterable[Entry]) -> None:
    """Copies small generated files into the workspace, over nothing that the change has."""
    names = b"\0".join(one.path.encode() for one in entries if not one.large)
    if names:
        line = f"cd {KEPT_INSIDE} && xargs -0 -r cp -a --no-clobber --parents -t /workspace --"
        await sandbox.run(("sh", "-c", line), seconds=300, stdin=names)
