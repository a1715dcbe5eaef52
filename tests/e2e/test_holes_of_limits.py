"""Holes of limits and of Honk's own end: bombs, a killed Honk, another user.

| real | not real |
|---|---|
| bubblewrap, the kernel, a Honk that is killed, an ordinary user | nothing |
"""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
from pathlib import Path

import anyio
import pytest
import sandbox_place
from sandbox_place import ROOT, SOON, Place, shell

import honk
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.bubblewrap.runtime import own_python
from honk.ports import Bounds, Mount

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

place, closed = sandbox_place.place, sandbox_place.closed
needs_root = pytest.mark.skipif(not ROOT, reason="only root can become somebody else")


def processes_of(words: tuple[str, ...]) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if any(word in line for word in words):
            found.append(process.name)
    return found


async def test_a_fork_bomb_stays_small_and_ends(closed: Place) -> None:
    bomb = "import os\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        pass\n"
    async with closed.open(bounds=Bounds(processes=48)) as sandbox:
        most = 0
        async with anyio.create_task_group() as tasks:

            async def explode() -> None:
                ran = await sandbox.run((closed.python, "-c", bomb), seconds=1.0)
                assert ran.exit_code is None
                tasks.cancel_scope.cancel()

            tasks.start_soon(explode)
            while True:
                most = max(most, len(processes_of((bomb,))))
                await anyio.sleep(0)
        assert 10 < most <= 52
        assert processes_of((bomb,)) == []


async def test_memory_is_bounded_over_all_processes(closed: Place) -> None:
    script = """
import os, signal
for _ in range(6):
    if os.fork() == 0:
        held = b"x" * (90 << 20)
        signal.pause()
os.wait()
os._exit(9)
"""
    async with closed.open(bounds=Bounds(memory=200 << 20)) as sandbox:
        ran = await sandbox.run((closed.python, "-c", script), seconds=SOON)
    assert ran.exit_code in (9, 137)


async def test_shared_memory_and_folders_of_the_root_are_no_free_memory(closed: Place) -> None:
    async with closed.open() as sandbox:
        ran = await shell(sandbox, "df -B1 --output=size /dev/shm | tail -1; head -c 600000000 /dev/zero >/dev/shm/x")
    assert int(ran.stdout) == 512 << 20
    assert ran.exit_code != 0


async def test_limits_cannot_be_raised(closed: Place) -> None:
    script = """
import resource
for limit in (resource.RLIMIT_NPROC, resource.RLIMIT_FSIZE, resource.RLIMIT_DATA, resource.RLIMIT_CORE):
    soft, hard = resource.getrlimit(limit)
    assert hard != resource.RLIM_INFINITY, limit
    try:
        resource.setrlimit(limit, (hard + 1, hard + 1))
        print("raised", limit)
    except (OSError, ValueError):
        pass
"""
    assert await closed.python_says(script) == ""


# ── Honk's own end ─────────────────────────────────────────────────────────────────────────────
PROGRAM = Path(__file__).with_name("sandbox_program.py")


async def start_program(place: Place, what: str, word: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        str(PROGRAM),
        str(place.home),
        str(place.workspace),
        what,
        word,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(Path(honk.__file__).parent.parent), "PATH": os.defpath},
    )


async def test_a_killed_honk_leaves_nothing_running_and_nothing_lying(place: Place) -> None:
    word = f"48.{secrets.randbelow(10**8)}"
    program = await start_program(place, "hold", word)
    assert program.stdout is not None
    handles: list[int] = []
    try:
        said = json.loads(await program.stdout.readline())
        assert said == {"up": "up", "loop_thread_only": True}
        with anyio.fail_after(5):
            # Before the kill, or a process that was never there would prove nothing.
            while len(found := processes_of((f"{word}1", f"{word}2", f"{word}3"))) < 3:
                await anyio.sleep(0)
        handles += [os.pidfd_open(int(process)) for process in found]
        program.send_signal(signal.SIGKILL)
        assert await program.wait() == -signal.SIGKILL
        with anyio.fail_after(5):
            for handle in handles:
                await anyio.wait_readable(handle)
    finally:
        for handle in handles:
            os.close(handle)
        if program.returncode is None:
            program.kill()
            await program.wait()
    await program.stdout.read()
    left = [*(place.home / "run").glob("box-*")]
    assert len(left) == 1
    async with place.open():
        assert not left[0].exists()


async def test_ending_threads_do_not_end_a_process(closed: Place) -> None:
    async with closed.open() as sandbox:
        process = await sandbox.start(("cat",))
        await asyncio.get_running_loop().run_in_executor(None, os.getpid)
        await asyncio.get_running_loop().shutdown_default_executor()
        await process.send(b"alive\n")
        assert await anext(process.lines()) == b"alive"


async def test_a_copied_interpreter_runs_with_its_own_library(closed: Place) -> None:
    """A shared build would otherwise load the system's library of the same name."""
    interpreter = own_python(closed.home / "runtime")
    if interpreter.copy is None or interpreter.prefix == Path("/usr"):
        pytest.skip("Honk runs on the system's own interpreter")
    mounts = (Mount(source=interpreter.copy, target=str(interpreter.prefix)),)
    async with closed.open(mounts=mounts) as sandbox:
        script = "import sys, ssl, ctypes; print(sys.version)"
        ran = await sandbox.run((str(interpreter.path), "-c", script), seconds=SOON)
    assert ran.stdout.decode().strip() == sys.version, ran.stderr


@needs_root
async def test_an_ordinary_user_has_the_same_walls(short_tmp: Path) -> None:
    """With copies that this user can read of the few packages that the sandbox is made of."""
    user = 60_979
    short_tmp.chmod(0o755)
    packages = short_tmp / "packages"
    for name in ("anyio", "idna", "typing_extensions", "sniffio", "exceptiongroup"):
        source = Path(anyio.__file__).parent.parent / name
        if source.is_dir():
            shutil.copytree(source, packages / name)
        elif source.with_suffix(".py").is_file():
            shutil.copy(source.with_suffix(".py"), packages)
    top = Path(honk.__file__).parent
    shutil.copytree(top / "adapters" / "bubblewrap", packages / "honk" / "adapters" / "bubblewrap")
    for folder in ("domain", "ports"):
        shutil.copytree(top / folder, packages / "honk" / folder)
    for name in ("__init__.py", "errors.py", "adapters/__init__.py"):
        shutil.copy(top / name, packages / "honk" / name)
    shutil.copy(PROGRAM, short_tmp)
    workspace, home = short_tmp / "ws", short_tmp / "home"
    for folder in (workspace, home):
        folder.mkdir()
        os.chown(folder, user, user)
    python = Bubblewrap(short_tmp / "copies").runtime("python")
    program = await asyncio.create_subprocess_exec(
        str(python),
        *("-B", str(short_tmp / PROGRAM.name), str(home), str(workspace), "tour", "49.49049"),
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(packages), "PATH": os.defpath},
        cwd="/",
        user=user,
        group=user,
        extra_groups=[],
    )
    stdout, _ = await program.communicate()
    facts = {name: value for line in stdout.splitlines() for name, value in json.loads(line).items()}
    assert {name for name, (holds, _) in facts["walls"].items() if not holds} == set()
    assert facts["ran"] == ["1000", "honk", "/workspace"]
    assert (facts["exit_code"], facts["late"], facts["line"], facts["left"]) == (0, None, "line", [])
    assert (workspace / "made").stat().st_uid == user
    assert program.returncode == 0
