"""Bubblewrap as Honk's sandboxes."""

import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL

import anyio

from honk.adapters.bubblewrap import cgroups, probing, refusal, room, runtime, walls
from honk.adapters.bubblewrap.box import BubblewrapSandbox, Machine
from honk.errors import Defect, SandboxUnusable
from honk.ports import Bounds, Box, Mount, Sandbox, Wall

#: Outside every range that distributions and systemd hand out (systemd's UIDS-GIDS page), and
#: small enough to exist in a container with 65536 users.
SERVICE_UID = 60_978

#: Fixed, not the caller's PATH: what is found there runs before the walls stand.
_PLACES = ("/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin")
_NEEDED = frozenset({"--clearenv", "--perms", "--size", "--json-status-fd", "--remount-ro", "--seccomp", "--args"})


class Bubblewrap:
    """Implements ports.Sandboxes.

    `home` is HONK_HOME. `service_uid` is the user that sandboxes run as when Honk is root; it
    needs no entry in the system's list of users. `program` is where bwrap lies, found when None.
    `bounds` are those of every box that has none of its own.
    """

    name = "bubblewrap"

    def __init__(
        self,
        home: Path,
        *,
        service_uid: int = SERVICE_UID,
        program: Path | None = None,
        bounds: Bounds = Bounds(),  # noqa: B008 - frozen
    ) -> None:
        self._home = home.absolute()
        self._bounds = bounds
        self._uid = service_uid if os.geteuid() == 0 else None
        self._program = program
        self._machine: Machine | None = None
        self._parents = cgroups.Parents(folders={})
        self._looking = anyio.Lock()

    @asynccontextmanager
    async def open(self, box: Box) -> AsyncIterator[Sandbox]:
        machine = await self._look()
        with room.locked_room(self._home / "run") as place:
            group = cgroups.Group()
            sandbox: BubblewrapSandbox | None = None
            try:
                for folder in place.inner:
                    self.own(folder)
                group = self._group(box.bounds or self._bounds)
                inside = self._inside(box, place, machine)
                relay = box.relay or box.proxy
                sandbox = BubblewrapSandbox(machine, inside, place, group, relay=relay, grows=box.grows)
                yield sandbox
            finally:
                with anyio.CancelScope(shield=True):
                    if sandbox:
                        await sandbox.close()
                    await group.remove()
                    await room.remove(place.folder)

    async def probe(self) -> tuple[Wall, ...]:
        return await probing.probe(self, self._home, limited=lambda: frozenset(self._parents.folders))

    def own(self, path: Path) -> None:
        """Never follows a link. A file that has a second name somewhere else stays as it is."""
        if self._uid is None:
            return
        os.chown(path, self._uid, self._uid, follow_symlinks=False)
        if path.is_symlink() or not path.is_dir():
            return
        for _, folders, files, descriptor in os.fwalk(path):
            for name in (*folders, *files):
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if status.st_uid == self._uid or (stat.S_ISREG(status.st_mode) and status.st_nlink > 1):
                    continue
                os.chown(name, self._uid, self._uid, dir_fd=descriptor, follow_symlinks=False)

    def runtime(self, program: str) -> Path:
        """For "python" the path inside, where every sandbox has it; for "claude" what is to be mounted."""
        if program == "python":
            return runtime.python(self._home / "runtime").path
        if program == "claude":
            return runtime.agent(self._home / "runtime", self._uid)
        raise Defect(f"no runtime is called {program!r}")

    def _group(self, bounds: Bounds) -> cgroups.Group:
        try:
            return cgroups.make(self._parents, bounds)
        except OSError as exc:
            raise SandboxUnusable(
                f"The limits of the sandbox could not be set: {exc}.", "Start Honk again; it then looks anew."
            ) from exc

    def _inside(self, box: Box, place: room.Room, machine: Machine) -> walls.Inside:
        proxied = box.proxy and box.exit is not None
        mounts = box.mounts
        if copy := machine.python.copy:
            mounts += (Mount(source=copy, target=str(machine.python.prefix)),)
        return walls.Inside(
            workspace=box.workspace,
            home=box.home or place.home,
            temporary=place.temporary,
            inbound=place.inbound,
            exit=box.exit,
            mounts=mounts,
            environment=walls.ENVIRONMENT | (walls.PROXY_ENVIRONMENT if proxied else {}) | dict(box.environment),
            bounds=box.bounds or self._bounds,
            read_only_workspace=box.read_only_workspace,
        )

    async def _look(self) -> Machine:
        """What this machine can do; looked at once. Raises SandboxUnusable."""
        async with self._looking:
            if self._machine is None:
                program = self._program or _find()
                features = await _features(program)
                await _try(program, self._uid)
                self._parents = cgroups.find()
                for folder in room.leftovers(self._home / "run"):
                    await room.remove(folder)
                python = await anyio.to_thread.run_sync(runtime.python, self._home / "runtime")
                self._machine = Machine(bwrap=program, features=features, python=python, uid=self._uid)
            return self._machine


def _find() -> Path:
    """bwrap, with the programs of util-linux beside it that start it. Raises SandboxUnusable."""
    if not Path(walls.PRLIMIT).exists():
        raise SandboxUnusable(f"The sandbox needs {walls.PRLIMIT}.", "Install util-linux.")
    for place in _PLACES:
        if os.access(found := Path(place, "bwrap"), os.X_OK):
            return found
    raise refusal.missing()


async def _features(program: Path) -> frozenset[str]:
    try:
        shown = await anyio.run_process([program, "--help"], stdin=DEVNULL, check=False, env={})
        release = await anyio.run_process([program, "--version"], stdin=DEVNULL, check=False, env={})
    except OSError as exc:
        raise refusal.missing() from exc
    features = frozenset(word.decode() for word in (shown.stdout + shown.stderr).split() if word.startswith(b"--"))
    if not features >= _NEEDED:
        raise refusal.too_old(release.stdout.decode().strip() or "another program")
    return features


async def _try(program: Path, uid: int | None) -> None:
    """The smallest sandbox there is, as the user of all of them."""
    command = [str(program), "--unshare-user", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "/bin/true"]
    groups = None if uid is None else ()
    try:
        tried = await anyio.run_process(
            command, stdin=DEVNULL, check=False, env={}, cwd="/", user=uid, group=uid, extra_groups=groups
        )
    except OSError as exc:
        raise refusal.blocked(program, str(exc), refusal.kernel_setting) from exc
    if tried.returncode != 0:
        raise refusal.blocked(program, tried.stderr.decode(errors="replace").strip(), refusal.kernel_setting)
