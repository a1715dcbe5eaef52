"""What a killed sandbox looks like: from outside with kill -9, and by the kernel for want of memory."""

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.errors import OutOfMemory, SandboxDied
from honk.ports import Bounds, Box, Sandbox

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]
SOON = 20.0


@pytest.fixture
def box(short_tmp: Path) -> Box:
    (short_tmp / "ws").mkdir()
    return Box(workspace=short_tmp / "ws")


@pytest.fixture
def sandboxes(short_tmp: Path, box: Box) -> Bubblewrap:
    walls = Bubblewrap(short_tmp / "honk")
    walls.own(box.workspace)
    return walls


def below(process: int) -> Iterator[int]:
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in children.read_text().split():
                yield int(child)
                yield from below(int(child))


def named(program: str) -> list[int]:
    """Processes below this one that run a program of that name, outermost first."""
    found = []
    for one in below(os.getpid()):
        with contextlib.suppress(OSError):
            if Path(f"/proc/{one}/comm").read_text().strip() == program:
                found.append(one)
    return found


def relays() -> list[int]:
    """Whoever leads programs inside to the exit: the relay, and whoever starts it again."""
    found = []
    for one in below(os.getpid()):
        with contextlib.suppress(OSError, IndexError):
            if b"relay.py" in Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")[3]:
                found.append(one)
    return found


def parent(process: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


async def begun(box: Box) -> None:
    while not (box.workspace / "begun").exists():
        await anyio.sleep(0.01)


async def test_a_sandbox_killed_under_a_command_says_so(sandboxes: Bubblewrap, box: Box) -> None:
    async with sandboxes.open(box) as sandbox, anyio.create_task_group() as group:

        async def kill() -> None:
            await begun(box)
            os.kill(named("bwrap")[0], signal.SIGKILL)

        group.start_soon(kill)
        with pytest.raises(SandboxDied):
            await sandbox.run(("sh", "-c", "touch begun; sleep 60"), seconds=SOON)
        assert not named("sleep")
        ran = await sandbox.run(("sh", "-c", "kill -9 $$"), seconds=SOON)
        assert ran.exit_code == 137


async def test_a_sandbox_killed_under_a_process_says_so(sandboxes: Bubblewrap, box: Box) -> None:
    async with sandboxes.open(box) as sandbox:
        process = await sandbox.start(("sh", "-c", "touch begun; sleep 60"))
        await begun(box)
        os.kill(named("bwrap")[0], signal.SIGKILL)
        with pytest.raises(SandboxDied):
            await process.wait()
        other = await sandbox.start(("sleep", "60"))
        await other.kill()
        assert await other.wait() == 137


async def test_a_sandbox_killed_at_any_moment_of_its_start_never_hangs(sandboxes: Bubblewrap, box: Box) -> None:
    async with sandboxes.open(box) as sandbox:
        await sandbox.run(("true",), seconds=SOON)
        for turn in range(40):

            async def kill(turn: int = turn) -> None:
                while not (found := named("bwrap")):
                    await anyio.sleep(0)
                for _ in range(turn):
                    await anyio.sleep(0)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(found[0], signal.SIGKILL)

            async with anyio.create_task_group() as group:
                group.start_soon(kill)
                with contextlib.suppress(SandboxDied), anyio.fail_after(SOON):
                    await sandbox.run(("sleep", "30"), seconds=SOON)
        assert not named("bwrap")


#: Three processes, each within its own limit; the kernel ends one of them, and the first itself.
GREEDY = """
import os, signal
for _ in range(3):
    if os.fork() == 0:
        held = [bytearray(10 << 20) for _ in range(30)]
        signal.pause()
os.wait()
os.kill(os.getpid(), signal.SIGKILL)
"""


async def limited(sandbox: Sandbox) -> bool:
    return bool(sandbox._group.folders)  # type: ignore[attr-defined]


async def test_a_command_that_wants_too_much_memory_is_told_the_limit(sandboxes: Bubblewrap, box: Box) -> None:
    python = str(sandboxes.runtime("python"))
    closed = Box(workspace=box.workspace, bounds=Bounds(memory=500 << 20))
    async with sandboxes.open(closed) as sandbox:
        if not await limited(sandbox):
            pytest.skip("no control groups for memory here")
        greedy = (python, "-c", GREEDY)
        ran = await sandbox.run(greedy, seconds=SOON)
        assert ran.exit_code == 137 and b"out of memory: the sandbox may have 500 MiB" in ran.stderr
        process = await sandbox.start(greedy)
        with pytest.raises(OutOfMemory, match="500 MiB") as raised:
            await process.wait()
        assert raised.value.limit == 500 << 20
        later = await sandbox.run(("sh", "-c", "kill -9 $$"), seconds=SOON)
        assert (later.exit_code, later.stderr) == (137, b"")


async def test_the_way_out_survives_its_relay(sandboxes: Bubblewrap, box: Box, short_tmp: Path) -> None:
    answered = 0

    async def serve(stream: anyio.abc.SocketStream) -> None:
        nonlocal answered
        async with stream:
            await stream.receive()
            answered += 1
            await stream.send(b"HTTP/1.0 200 OK\r\n\r\nhello")

    exit = short_tmp / "exit.sock"
    listener = await anyio.create_unix_listener(exit)
    sandboxes.own(exit)
    python = str(sandboxes.runtime("python"))
    ask = "import urllib.request as u; print(u.urlopen('http://example.org').read().decode())"
    async with listener, anyio.create_task_group() as group:
        group.start_soon(listener.serve, serve)
        async with sandboxes.open(Box(workspace=box.workspace, exit=exit, proxy=True)) as sandbox:
            script = f'touch begun; while [ ! -e gone ]; do sleep 0.02; done; {python} -c "{ask}"'

            async def kill() -> None:
                await begun(box)
                while not (serving := [one for one in relays() if parent(one) in relays()]):
                    await anyio.sleep(0.01)
                newest = serving[0]
                os.kill(newest, signal.SIGKILL)
                while Path(f"/proc/{newest}").exists():
                    await anyio.sleep(0.01)
                (box.workspace / "gone").touch()

            group.start_soon(kill)
            ran = await sandbox.run(("sh", "-c", script), seconds=SOON)
        assert ran.stdout.strip() == b"hello", ran.stderr.decode()
        group.cancel_scope.cancel()
    assert answered == 1
