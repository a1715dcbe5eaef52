"""A build → its app's own server, in a sandbox without a way out, until it ends or is ended."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from honk.checks.reading import plain
from honk.domain.app_server import SOCKET, AppServer
from honk.domain.attempt import Change
from honk.domain.build import Build
from honk.domain.task import Task
from honk.domain.workspace import Workspace
from honk.errors import HonkError
from honk.ports import Box, Exam, Mount, Ports, Process, Sandbox
from honk.service.app_servers import inside

#: The archive is of a folder, or of the one file that the build command made.
_UNPACK = """
if [ "$(tar -tf /honk/artifact.tar | head -n 1)" = ./ ]; then into=$0; else into=$(dirname "$0"); fi
mkdir -p "$into" && exec tar -C "$into" -xf /honk/artifact.tar
"""
_UNPACK_SECONDS = 120.0
#: seconds between two questions whether it is ready, and for each of them
_EVERY, _ANSWER = 0.2, 5.0
_LINES, _LINE = 40, 400


class AppEnded(HonkError):
    """The app's server does not run."""

    def __init__(self, said: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(said)
        self.log = log


async def run(build: Build, *, ports: Ports, tell: Callable[[str], None], ready: Callable[[Path], None]) -> None:
    """Runs it; `tell` hears what is being done, `ready` where it is reached.

    Raises AppEnded, and what opening a sandbox raises.
    """
    server = build.server
    assert server is not None
    task = await ports.tasks.get(build.task)
    async with _opened(task, build, server, ports=ports, tell=tell) as sandbox:
        tell(f"it is being started: {server.command}")
        python = str(ports.sandboxes.runtime("python"))
        source = Path(inside.__file__).read_text(encoding="utf-8")
        argv = (python, "-I", "-S", "-c", source, SOCKET, str(server.port), "sh", "-c", server.command)
        socket = sandbox.inbound(Path(SOCKET).name)
        process = await sandbox.start(argv)
        ending = asyncio.ensure_future(process.wait())
        try:
            if await _ready(process, ending, server, socket):
                ready(socket)
            raise await _ended(process, ending)
        finally:
            with anyio.CancelScope(shield=True):
                await process.kill()
                await asyncio.gather(ending, return_exceptions=True)


async def _ready(process: Process, ending: "asyncio.Future[int]", server: AppServer, socket: Path) -> bool:
    """Waits until it is; False when it ended before. Raises AppEnded when that took too long."""
    try:
        async with asyncio.timeout(server.timeout):
            if await anext(process.lines(), None) is None:
                return False
            while server.ready and not await _answers(socket, server.ready):
                if (await asyncio.wait([ending], timeout=_EVERY))[0]:
                    return False
            return True
    except TimeoutError:
        where = f"at port {server.port}" if server.port else "at its socket"
        waited = f"answer {server.ready}" if server.ready else f"take connections {where}"
        said = f"the app's server did not {waited} within {server.timeout:.0f} s"
        raise AppEnded(said, await last_lines(process)) from None


async def _answers(socket: Path, path: str) -> bool:
    """Whether a GET of the path is answered below 500."""
    try:
        async with asyncio.timeout(_ANSWER):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                status = (await reader.readline()).split(b" ")
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return False
    return len(status) > 1 and status[1].isdigit() and int(status[1]) < 500


async def _ended(process: Process, ending: "asyncio.Future[int]") -> AppEnded:
    try:
        said = f"the app's server ended with exit code {await asyncio.shield(ending)}"
    except HonkError as error:
        said = f"the app's server was ended: {error.message}"
    return AppEnded(said, await last_lines(process))


async def last_lines(process: Process) -> tuple[str, ...]:
    """The end of what it printed."""
    return tuple(line.rstrip()[:_LINE] for line in plain(await process.errors()).splitlines()[-_LINES:])


@asynccontextmanager
async def _opened(
    task: Task, build: Build, server: AppServer, *, ports: Ports, tell: Callable[[str], None]
) -> AsyncIterator[Sandbox]:
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(dir=root, prefix="app-"))
    try:
        tell("its files are being fetched")
        ports.sandboxes.own(room)
        tree = room / "tree"
        await ports.repositories.checkout(task.repository, server.base, build.commit, tree)
        tell("its environment is being made")
        exam = await _exam(task, build, server, ports=ports)
        mounts, environment = await ports.gate.environment(exam, _silent)
        place = Workspace(task=task.id, repository=task.repository, base=server.base, path=str(tree))
        artifact = Mount(source=ports.artifacts.path(build.digest), target="/honk/artifact.tar")
        box = Box(
            workspace=tree,
            mounts=(*ports.workspaces.mounts(place), *mounts, *((artifact,) if server.output else ())),
            environment=environment,
            grows=True,
        )
        async with ports.sandboxes.open(box) as sandbox:
            if server.output:
                unpacked = await sandbox.run(("sh", "-c", _UNPACK, server.output), seconds=_UNPACK_SECONDS)
                if unpacked.exit_code != 0:
                    raise AppEnded("the build could not be unpacked")
            yield sandbox
    finally:
        with anyio.CancelScope(shield=True):
            await ports.repositories.clear(room)


async def _exam(task: Task, build: Build, server: AppServer, *, ports: Ports) -> Exam:
    """What the environment is made for: a change of the manifests has one of its own."""
    base, commit, repository = server.base, build.commit, task.repository
    change = Change(
        base=base.commit,
        parent=base.commit,
        commit=commit,
        tree=await ports.repositories.tree(repository, commit),
        files=await ports.repositories.changes(repository, base.commit, commit),
    )
    return Exam(task=task.id, repository=repository, base=base, change=change, instruction=task.instruction)


async def _silent(_: object) -> None:
    """The verdict told of the same set-up."""


#: `run`, or what stands in for it.
Run = Callable[..., Awaitable[None]]
