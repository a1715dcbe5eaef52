"""One open sandbox: runs commands, each in a process namespace of its own, over the same files."""

import asyncio
import contextlib
import os
import platform
import resource
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import anyio

from honk.adapters.bubblewrap import relay, seccomp, walls, watch
from honk.adapters.bubblewrap.cgroups import Group
from honk.adapters.bubblewrap.inbound import Doorway
from honk.adapters.bubblewrap.launch import launch
from honk.adapters.bubblewrap.output import Filed, Kept
from honk.adapters.bubblewrap.pipes import Inlet, memory_file
from honk.adapters.bubblewrap.room import Room
from honk.adapters.bubblewrap.runtime import Interpreter
from honk.adapters.bubblewrap.tree import Call, Tree
from honk.errors import DiskFull, HonkError, LimitReached, OutOfMemory, SandboxDied, SandboxUnusable, Usage
from honk.ports import Process, Ran

LONGEST_LINE = 64 << 20
_ERRORS_KEPT = 64 << 10
_STDERR_LIMIT = 16 << 20
_MIB = 1 << 20
#: the exit code of what SIGKILL ended
_KILLED = 137


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What is known about this machine once it has been looked at."""

    bwrap: Path
    features: frozenset[str]
    #: runs what Honk itself needs inside
    python: Interpreter
    #: the user that sandboxes run as; None when that is Honk's own
    uid: int | None


class BubblewrapSandbox:
    """Implements ports.Sandbox."""

    def __init__(
        self, machine: Machine, inside: walls.Inside, room: Room, group: Group, *, relay: bool, grows: bool = False
    ) -> None:
        self._machine = machine
        self._inside = inside
        self._room = room
        self._group = group
        self._relay = relay and inside.exit is not None
        self._trees: set[Tree] = set()
        self._processes: list[LongProcess] = []
        self._doorways: dict[str, Doorway] = {}
        #: which bound was exceeded, if one was
        self._why: HonkError | None = None
        self._growth = watch.Growth(inside.bounds.disk)
        self._guards = [asyncio.create_task(watch.watch(self._look, self._strike))]
        if grows:
            growing = watch.watch(self._look_at_growth, self._strike, every=watch.SELDOM)
            self._guards.append(asyncio.create_task(growing))

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        out = Filed(stdout_to, output_limit) if stdout_to else Kept(output_limit)
        err = Kept(min(output_limit, _STDERR_LIMIT))
        try:
            began, before = time.monotonic(), self._group.out_of_memory()
            tree = await self._grow(argv, environment)
            try:
                code = await _converse(tree, stdin, out, err, seconds)
            finally:
                await tree.kill()
                tree.close()
                self._trees.discard(tree)
        finally:
            if isinstance(out, Filed):
                out.close()
        if not tree.built:
            raise SandboxUnusable("The sandbox could not be built: " + err.content().decode(errors="replace").strip())
        if tree.murdered:
            raise SandboxDied(f"The sandbox of {argv[0]} was killed.")
        ended = self._exceeded(tree, before) if code else None
        if isinstance(ended, DiskFull):
            raise ended
        if ended:
            err.add(f"\nhonk: ended: {ended.message}\n".encode())
        return Ran(
            exit_code=code,
            stdout=out.content() if isinstance(out, Kept) else b"",
            stderr=err.content(),
            seconds=time.monotonic() - began,
            cut=out.cut or err.cut,
            ended=str(ended).replace("\n", "; ") if ended else "",
        )

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process:
        before = self._group.out_of_memory()
        tree = await self._grow(argv, environment)
        process = LongProcess(tree, partial(self._cause, tree, before))
        self._processes.append(process)
        return process

    def _exceeded(self, tree: Tree, before: int) -> HonkError | None:
        """Which bound a command exceeded that failed, if it did. `before`: kills by the kernel until it began."""
        if tree.reason:
            return self._why
        if self._group.out_of_memory() > before:
            return self._no_memory()
        return self._full()  # which it may have met before anybody looked

    def _no_memory(self) -> OutOfMemory:
        limit = self._inside.bounds.memory
        said = f"out of memory: the sandbox may have {limit // _MIB:,} MiB"
        return OutOfMemory(limit, said, "raise [sandbox] memory_mb in honk.toml, or have less run at a time")

    def _cause(self, tree: Tree, before: int, code: int) -> HonkError | None:
        """Why a process ended badly, where that was a bound, or a kill that Honk did not mean."""
        if exceeded := self._exceeded(tree, before):
            return exceeded
        return SandboxDied("The sandbox was killed.") if tree.murdered and code == _KILLED else None

    def moved(self, workspace: Path, home: Path) -> None:
        """The folders have other names now. What runs holds the folders; what is started finds them by name."""
        before, after = self._inside.workspace.parent, workspace.parent
        mounts = tuple(
            replace(one, source=after / one.source.relative_to(before)) if one.source.is_relative_to(before) else one
            for one in self._inside.mounts
        )
        self._inside = replace(self._inside, workspace=workspace, home=home, mounts=mounts)

    def inbound(self, name: str) -> Path:
        if name not in self._doorways:
            path = self._room.folder / f"{len(self._doorways)}.sock"
            self._doorways[name] = Doorway(self._room.inbound, name, path)
        return self._doorways[name].path

    async def close(self) -> None:
        """Ends everything inside. Must not be cut off."""
        for guard in self._guards:
            guard.cancel()
        for tree in self._trees:
            tree.strike()
        for process in self._processes:
            await process.close()
        for doorway in self._doorways.values():
            await doorway.close()
        for guard in self._guards:
            with contextlib.suppress(asyncio.CancelledError):
                await guard

    async def _grow(self, argv: tuple[str, ...], environment: Mapping[str, str] | None) -> Tree:
        inside = replace(self._inside, environment={**self._inside.environment, **(environment or {})})
        if not argv or any("\0" in text for text in (*argv, *inside.environment, *inside.environment.values())):
            # bwrap reads its options separated by such zeros: one in a value would begin another option.
            raise Usage("A command in a sandbox, and its environment, must not be empty or contain zero characters.")
        binds = inside.binds()
        walls.check(binds)
        start = launch(binds, self._group.folders, self._machine.uid)
        contents = walls.FILES | ({walls.RELAY: Path(relay.__file__).read_text()} if self._relay else {})
        with contextlib.ExitStack() as opened:

            def lend(name: str, content: bytes) -> int:
                descriptor = memory_file(name, content)
                opened.callback(os.close, descriptor)
                return descriptor

            files = {path: lend("file", text.encode()) for path, text in contents.items()}
            rules = lend("seccomp", seccomp.filter_program(platform.machine()))
            options = walls.arguments(inside, start.binds, files, features=self._machine.features)
            options += ["--seccomp", str(rules)]
            # Not on the command line, where everybody inside could read the host's paths.
            listed = lend("arguments", b"".join(os.fsencode(option) + b"\0" for option in options))
            call = Call(
                options=(*start.prefix, str(self._machine.bwrap), "--args", str(listed)),
                command=(*self._before(), *self._limits(), *argv),
                descriptors=(*files.values(), rules, listed),
                remedy=start.remedy,
            )
            tree = await Tree.grow(call)
        self._trees.add(tree)
        return tree

    def _before(self) -> tuple[str, ...]:
        if not self._relay:
            return ()
        port = str(walls.PROXY_PORT)
        return (str(self._machine.python.path), "-I", "-S", walls.RELAY, port, walls.EXIT_SOCKET)

    def _limits(self) -> list[str]:
        return walls.limits(self._inside.bounds, _ceilings(), grouped=self._group.memory)

    def _look(self) -> HonkError | None:
        live = [tree for tree in tuple(self._trees) if not tree.over]
        if not live:
            return None
        bounds = self._inside.bounds
        if watch.used(self._room.temporary, enough=bounds.temporary) > bounds.temporary:
            return LimitReached("disk", f"more than {bounds.temporary // _MIB:,} MiB of temporary files in the sandbox")
        if full := self._full():
            return full
        if not self._group.memory and sum(watch.memory(tree.process_id) for tree in live) > bounds.memory:
            return self._no_memory()
        return None

    def _full(self) -> DiskFull | None:
        least = self._inside.bounds.least_free
        if watch.free(self._room.folder) >= least:
            return None
        return DiskFull(f"less than {least // _MIB:,} MiB are left on the disk", "free some (honk gc)")

    def _look_at_growth(self) -> HonkError | None:
        inside = self._inside
        if all(tree.over for tree in tuple(self._trees)) or not self._growth.outgrown(inside.workspace, inside.home):
            return None
        said = f"the workspace and what lies beside it have grown to more than {inside.bounds.disk // _MIB:,} MiB"
        return LimitReached("disk", said, "have the agent write less, or raise [sandbox] disk_mb in honk.toml")

    def _strike(self, why: HonkError) -> None:
        self._why = why
        for tree in self._trees:
            tree.strike(why.message)


class LongProcess:
    """Implements ports.Process."""

    def __init__(self, tree: Tree, cause: Callable[[int], HonkError | None]) -> None:
        self._tree = tree
        self._cause = cause
        self._errors: deque[bytes] = deque()
        self._size = 0
        self._drain = asyncio.create_task(self._collect())

    async def send(self, data: bytes) -> None:
        await self._tree.stdin.send(data)

    async def close_input(self) -> None:
        self._tree.stdin.close()

    async def lines(self) -> AsyncIterator[bytes]:
        pieces: list[bytes] = []
        size = 0
        while data := await self._tree.stdout.receive():
            first, *others = data.split(b"\n")
            pieces.append(first)
            size += len(first)
            if size > LONGEST_LINE:
                self._tree.strike(f"a line of more than {LONGEST_LINE} bytes")
                return
            for other in others:
                yield b"".join(pieces)
                pieces, size = [other], len(other)
        if rest := b"".join(pieces):
            yield rest

    async def errors(self) -> bytes:
        return b"".join(self._errors)[-_ERRORS_KEPT:]

    async def wait(self) -> int:
        code = await self._tree.ended()
        if not self._tree.built:
            await asyncio.shield(self._drain)
            said = (await self.errors()).decode(errors="replace").strip()
            raise SandboxUnusable(f"The sandbox could not be built: {said}")
        if code and (cause := self._cause(code)) is not None:
            raise cause
        return code

    async def kill(self) -> None:
        await self._tree.kill()

    async def close(self) -> None:
        await self._tree.kill()
        await self._drain
        self._tree.close()

    async def _collect(self) -> None:
        while data := await self._tree.stderr.receive():
            self._errors.append(data)
            self._size += len(data)
            while self._size - len(self._errors[0]) > _ERRORS_KEPT:
                self._size -= len(self._errors.popleft())


async def _converse(tree: Tree, stdin: bytes, out: Kept | Filed, err: Kept, seconds: float) -> int | None:
    """Feeds and reads to the end. None when the time was up; by then everything is killed."""
    code: int | None = None
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(out.collect, tree.stdout)
        tasks.start_soon(err.collect, tree.stderr)
        tasks.start_soon(_feed, tree.stdin, stdin)
        with anyio.move_on_after(seconds):
            code = await tree.ended()
        if code is None:
            await tree.kill()
        # What is not read by now will not be.
        tree.stdin.close()
    return code


async def _feed(inlet: Inlet, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):
        await inlet.send(data)
    inlet.close()


def _ceilings() -> dict[str, int]:
    """Honk's own hard limits, where it has any."""
    numbers = {"nproc": resource.RLIMIT_NPROC, "fsize": resource.RLIMIT_FSIZE, "data": resource.RLIMIT_DATA}
    hard = {name: resource.getrlimit(number)[1] for name, number in numbers.items()}
    return {name: value for name, value in hard.items() if value != resource.RLIM_INFINITY}
