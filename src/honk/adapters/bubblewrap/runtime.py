"""Interpreter and agent binary, where the sandbox's user can execute them."""

import contextlib
import importlib.util
import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from honk.adapters.bubblewrap.launch import executable
from honk.errors import SandboxUnusable

#: The oldest Python that Honk's own helpers and its users' repositories are promised.
_OLDEST = (3, 11)
_PREFIXES = (Path("/usr"), Path("/usr/local"))
#: What an interpreter's copy does without: other people's packages, its own tests and caches.
_LEFT_OUT = shutil.ignore_patterns("site-packages", "__pycache__", "test", "tests", "idlelib", "turtledemo", "*.a")


def system_python() -> Path | None:
    """An interpreter under /usr that can make virtual environments, by its files alone.

    Debian takes ensurepip out of the standard library until python3-venv is installed.
    """
    for prefix in _PREFIXES:
        named = [prefix / "bin" / "python3", *sorted((prefix / "bin").glob("python3.[1-9][0-9]"), reverse=True)]
        for name in named:
            real = Path(os.path.realpath(name))
            version = re.fullmatch(r"python3\.(\d+)", real.name)
            if not version or not real.is_relative_to("/usr") or (3, int(version[1])) < _OLDEST:
                continue
            library = prefix / "lib" / real.name
            if (library / "venv" / "__init__.py").is_file() and (library / "ensurepip" / "__init__.py").is_file():
                return real
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    #: the path inside every sandbox
    path: Path
    #: what is shown inside in place of the interpreter's own folder; None for one under /usr
    copy: Path | None = None
    #: that folder
    prefix: Path = Path("/usr")


def python(runtime: Path) -> Interpreter:
    """The system's interpreter, or else a copy of Honk's own below `runtime`, made when it is missing."""
    found = system_python()
    return Interpreter(path=found) if found else own_python(runtime)


def own_python(runtime: Path) -> Interpreter:
    """A copy of the interpreter that runs Honk: standard library, libraries and headers, no packages.

    Inside it lies where the original does, because a shared build finds its own library by that
    path only, and would otherwise load another of the same name. Raises SandboxUnusable.
    """
    prefix = Path(os.path.realpath(sys.base_prefix))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    path = prefix / "bin" / name
    if not path.is_file() or not (prefix / "lib" / name / "os.py").is_file():
        raise SandboxUnusable(
            f"There is no Python for repositories: none under /usr has venv, and {prefix} cannot be copied.",
            "Run: sudo apt-get install -y python3 python3-venv",
        )
    release = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    place = runtime / f"python-{release}-{path.stat().st_mtime_ns}"
    _make_once(place, lambda folder: _copy_python(prefix, name, folder))
    return Interpreter(path=path, copy=place, prefix=prefix)


def agent(runtime: Path, uid: int | None) -> Path:
    """The Claude Code binary that claude-agent-sdk bundles: in place where the user may execute it, else a copy.

    Raises SandboxUnusable when the package has none.
    """
    found = importlib.util.find_spec("claude_agent_sdk")
    binary = Path(found.origin).parent / "_bundled" / "claude" if found and found.origin else None
    if binary is None or not binary.is_file():
        raise SandboxUnusable(
            "The package claude-agent-sdk is here without the Claude Code binary that it bundles.",
            "Install it again for this platform: pip install --force-reinstall claude-agent-sdk",
        )
    if uid is None or executable(binary, uid):
        return binary
    status = binary.stat()
    place = runtime / f"claude-{status.st_size}-{status.st_mtime_ns}"
    _make_once(place, lambda folder: _link_or_copy(binary, folder / "claude"))
    for older in runtime.glob("claude-*"):
        if older != place and not older.name.endswith(_UNFINISHED):
            shutil.rmtree(older, ignore_errors=True)
    return place / "claude"


def _copy_python(prefix: Path, name: str, into: Path) -> None:
    (into / "bin").mkdir()
    shutil.copy2(prefix / "bin" / name, into / "bin" / name)
    (into / "bin" / "python3").symlink_to(name)
    (into / "lib").mkdir()
    shutil.copytree(prefix / "lib" / name, into / "lib" / name, symlinks=True, ignore=_LEFT_OUT)
    (into / "lib" / name / "site-packages").mkdir()
    for library in (prefix / "lib").glob("libpython3*.so*"):
        shutil.copy2(library, into / "lib" / library.name, follow_symlinks=False)
    headers = prefix / "include" / name
    if headers.is_dir():
        shutil.copytree(headers, into / "include" / name, symlinks=True)


def _link_or_copy(source: Path, target: Path) -> None:
    # A link shares the file's mode, so it serves only when everybody may execute it.
    if source.stat().st_mode & 0o005 == 0o005:
        with contextlib.suppress(OSError):
            target.hardlink_to(source)
            return
    shutil.copy2(source, target)


_UNFINISHED = ".part"


def _make_once(place: Path, fill: Callable[[Path], None]) -> None:
    """Makes a folder whole or not at all; somebody else's that was ready first serves as well."""
    if place.is_dir():
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    half = place.with_name(f"{place.name}-{secrets.token_hex(4)}{_UNFINISHED}")
    half.mkdir()
    try:
        fill(half)
        _open_up(half)
        half.rename(place)
    except OSError:
        shutil.rmtree(half, ignore_errors=True)
        if not place.is_dir():
            raise


def _open_up(folder: Path) -> None:
    """Readable for everybody, whatever the umask and the original's modes are."""
    for path in (folder, *folder.rglob("*")):
        if path.is_symlink():
            continue
        mode = path.stat().st_mode & 0o777
        wanted = mode | (0o555 if path.is_dir() or mode & 0o100 else 0o444)
        if wanted != mode:
            path.chmod(wanted)
