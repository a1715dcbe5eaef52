"""Who is to be killed: processes of one server, by what they are."""

import contextlib
import os
import random
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = ("worker", "agent", "sandbox", "group", "stopped", "disk")


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A process below the server."""

    id: int
    parent: int
    name: str


def below(process: int) -> Iterator[Found]:
    """Every descendant, parents first."""
    for folder in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, folder.read_text().split()):
                with contextlib.suppress(OSError):
                    yield Found(id=child, parent=process, name=Path(f"/proc/{child}/comm").read_text().strip())
                yield from below(child)


def strike(kind: str, server: int, home: Path, chance: random.Random) -> bool:
    """Kills one of that kind with SIGKILL; False when there is none now.

    A "stopped" worker gets SIGSTOP; with the "disk", everything is killed and the folders of all tasks are lost.
    """
    there = list(below(server))
    if kind in {"worker", "group", "disk"}:
        victims = [server] if kind == "worker" else [server, *(one.id for one in there)]
    elif kind == "stopped":
        victims = [server]
    else:
        # Of the two processes of bwrap, the outer one is the server's child, and the inner one the first inside.
        fitting = [one.id for one in there if one.name == {"agent": "claude", "sandbox": "bwrap"}[kind]]
        if kind == "sandbox":
            fitting = [one.id for one in there if one.name == "bwrap" and one.parent == server]
        if not fitting:
            return False
        victims = [chance.choice(fitting)]
    for victim in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGSTOP if kind == "stopped" else signal.SIGKILL)
    if kind == "disk":
        for task in (home / "tasks").glob("*"):
            shutil.rmtree(task if chance.random() < 0.5 else task / "workspace", ignore_errors=True)
    return True


def of_home(home: Path) -> list[str]:
    """Command lines of every process that has to do with this home."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if os.fsencode(home) in line and int(entry.name) != os.getpid():
                found.append(os.fsdecode(line.replace(b"\0", b" ")))
    return found
