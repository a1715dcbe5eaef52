"""Limits on everything in one sandbox together, by control groups, where Honk may make them.

Version 1 as root; version 2 as root, or below a group that was handed over (systemd's
`Delegate=yes`, a container with its own writable hierarchy). Groups are made below Honk's own, so
that limits which an administrator set around Honk go on to hold. Elsewhere there are none, and
`probe` says so.
"""

import contextlib
import os
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from honk.ports import Bounds

_NAME = "honk-"


@dataclass(frozen=True, kw_only=True, slots=True)
class Parents:
    """Where groups can be made: by controller, "memory" and "pids". Version 2 has one for both."""

    folders: Mapping[str, Path]
    version: int = 2

    def __bool__(self) -> bool:
        return bool(self.folders)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """The group of one sandbox: one folder, or one for each controller."""

    folders: tuple[Path, ...] = ()
    #: whether it bounds memory
    memory: bool = False

    def out_of_memory(self) -> int:
        """How often the kernel killed a process of it for want of memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    for line in (folder / name).read_text().splitlines():
                        if line.startswith("oom_kill "):
                            return int(line.removeprefix("oom_kill "))
        return 0

    async def remove(self) -> None:
        """Removes it. Its processes must have been killed; the kernel takes a moment to forget them."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                except FileNotFoundError:
                    break
                except OSError:
                    await anyio.sleep(0.01)
                else:
                    break


def find() -> Parents:
    """What can be limited on this machine; leftovers of dead processes are removed on the way."""
    try:
        parents = _version2() or _version1()
    except OSError:
        return Parents(folders={})
    for folder in set(parents.folders.values()):
        _sweep(folder)
    return parents


def make(parents: Parents, bounds: Bounds) -> Group:
    """A group with these bounds. Raises OSError."""
    name = f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    folders = tuple(sorted({parent / name for parent in parents.folders.values()}))
    for folder in folders:
        folder.mkdir()
    values = _values2(bounds) if parents.version == 2 else _values1(bounds)
    for controller, settings in values.items():
        if controller in parents.folders:
            for file, value in settings:
                _set(parents.folders[controller] / name / file, value)
    return Group(folders=folders, memory="memory" in parents.folders)


def _values2(bounds: Bounds) -> dict[str, list[tuple[str, int]]]:
    memory = [("memory.max", bounds.memory), ("memory.swap.max", 0), ("memory.oom.group", 1)]
    return {"memory": memory, "pids": [("pids.max", bounds.processes)]}


def _values1(bounds: Bounds) -> dict[str, list[tuple[str, int]]]:
    memory = [("memory.limit_in_bytes", bounds.memory), ("memory.memsw.limit_in_bytes", bounds.memory)]
    return {"memory": memory, "pids": [("pids.max", bounds.processes)]}


def _set(file: Path, value: int) -> None:
    # Swap accounting and group kills are not in every kernel.
    if file.exists():
        file.write_text(str(value))


def _own(controller: str) -> str | None:
    """This process's group, by a line of /proc/self/cgroup (cgroups(7))."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    return None


def _hierarchies() -> dict[str, tuple[Path, str]]:
    """Mount point and shown root of each hierarchy; version 2 under the name ""."""
    found: dict[str, tuple[Path, str]] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, rest = line.partition(" - ")
        kind, _, options = rest.split(" ", 2)
        root, place = fields.split(" ")[3:5]
        if kind == "cgroup2":
            found.setdefault("", (Path(place), root))
        elif kind == "cgroup":
            for option in options.split(" ")[-1].split(","):
                found.setdefault(option, (Path(place), root))
    return found


def _folder(place: Path, root: str, path: str) -> Path:
    return place / os.path.relpath(path, root) if root != "/" else place / path.lstrip("/")


def _version1() -> Parents:
    hierarchies = _hierarchies()
    folders: dict[str, Path] = {}
    for controller in ("memory", "pids"):
        path = _own(controller)
        if path is None or controller not in hierarchies:
            continue
        folder = _folder(*hierarchies[controller], path)
        if _can_make(folder):
            folders[controller] = folder
    return Parents(folders=folders, version=1)


def _version2() -> Parents:
    place = _hierarchies().get("")
    path = _own("")
    if place is None or path is None:
        return Parents(folders={})
    for folder in (_folder(*place, path), place[0]):
        if _delegated(folder):
            return Parents(folders={"memory": folder, "pids": folder})
    return Parents(folders={})


def _delegated(folder: Path) -> bool:
    """Whether groups below can have both controllers, which is arranged when Honk is alone in its group."""
    wanted = {"memory", "pids"}
    if not _can_make(folder) or not wanted <= set((folder / "cgroup.controllers").read_text().split()):
        return False
    control = folder / "cgroup.subtree_control"
    if wanted <= set(control.read_text().split()):
        return True
    if (folder / "cgroup.procs").read_text().split() != [str(os.getpid())]:
        return False
    # A group with processes of its own may not hand controllers down (cgroups(7)).
    main = folder / "honk"
    try:
        main.mkdir(exist_ok=True)
        (main / "cgroup.procs").write_text("0")
        control.write_text("+memory +pids")
    except OSError:
        return False
    return True


def _can_make(folder: Path) -> bool:
    probe = folder / f"{_NAME}{os.getpid()}-{secrets.token_hex(4)}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True


def _sweep(parent: Path) -> None:
    for folder in parent.glob(f"{_NAME}*-*"):
        owner = folder.name.removeprefix(_NAME).split("-")[0]
        if owner.isdigit() and not Path("/proc", owner).exists():
            with contextlib.suppress(OSError):
                # One that lost its bwrap before the walls stood would wait there for ever.
                for process in map(int, (folder / "cgroup.procs").read_text().split()):
                    if process > 0:  # 0 stands for one of another process namespace
                        os.kill(process, signal.SIGKILL)
                folder.rmdir()
