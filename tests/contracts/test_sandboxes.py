"""What every implementation of `Sandboxes` promises; a new one joins in sandbox_world.py."""

import asyncio
import os

import anyio
import pytest
import sandbox_world
from sandbox_world import SOON, Place, alive

from honk.errors import Usage
from honk.ports import Bounds, Mount

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

place = sandbox_world.place


async def test_a_command_gets_its_input_and_gives_output_and_exit_code(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await sandbox.run(("sh", "-c", "cat; echo bad >&2; exit 7"), seconds=SOON, stdin=b"in\0put")
    assert (ran.exit_code, ran.stdout, ran.stderr, ran.cut) == (7, b"in\0put", b"bad\n", False)
    assert 0 < ran.seconds < SOON


async def test_a_large_input_that_nobody_reads_harms_nothing(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await sandbox.run(("true",), seconds=SOON, stdin=bytes(1 << 20))
        read = await sandbox.run(("wc", "-c"), seconds=SOON, stdin=bytes(1 << 20))
    assert ran.exit_code == 0
    assert read.stdout.strip() == str(1 << 20).encode()


async def test_a_command_that_does_not_exist_is_an_exit_code(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await sandbox.run(("no-such-command",), seconds=SOON)
    assert ran.exit_code == 127
    assert b"no-such-command" in ran.stderr


@pytest.mark.parametrize("argv", [(), ("echo", "a\0b")])
async def test_a_command_that_cannot_be_passed_on_is_refused(place: Place, argv: tuple[str, ...]) -> None:
    async with place.open() as sandbox:
        with pytest.raises(Usage):
            await sandbox.run(argv, seconds=SOON)


async def test_every_command_sees_the_same_files(place: Place) -> None:
    folders = ("/workspace", "/home/honk", "/tmp", "/var/tmp")
    async with place.open() as sandbox:
        for folder in folders:
            await sandbox.run(("sh", "-c", f"echo here >{folder}/made"), seconds=SOON)
        for folder in folders:
            ran = await sandbox.run(("cat", f"{folder}/made"), seconds=SOON)
            assert ran.stdout == b"here\n", folder
    assert (place.box.workspace / "made").read_text() == "here\n"


async def test_a_home_is_kept_only_where_one_was_given(place: Place) -> None:
    home = place.folder_for_it("kept")
    for given in (home, None):
        async with place.open(home=given) as sandbox:
            await sandbox.run(("touch", "/home/honk/note"), seconds=SOON)
        async with place.open(home=given) as sandbox:
            ran = await sandbox.run(("test", "-e", "/home/honk/note"), seconds=SOON)
        assert (ran.exit_code == 0) == (given is not None)


async def test_nothing_is_left_of_a_closed_sandbox(place: Place) -> None:
    run = place.folder / "home" / "run"
    async with place.open() as sandbox:
        hostile = "mkdir -p $(printf 'd/%.0s' $(seq 900)) && mkdir shut && touch shut/x && chmod 0 shut && ln -s / up"
        ran = await sandbox.run(("sh", "-c", f"cd /tmp && {hostile}"), seconds=SOON)
        assert ran.exit_code == 0, ran.stderr
        await sandbox.start(("sleep", "41.41041"))
        assert alive("41.41041")
        assert [*run.iterdir()]
    assert not alive("41.41041")
    assert not [*run.iterdir()]


async def test_the_time_limit_ends_the_whole_tree(place: Place) -> None:
    script = "echo begun; setsid sh -c 'trap : TERM HUP; sleep 42.42042' & sleep 43.43043"
    async with place.open() as sandbox:
        ran = await sandbox.run(("sh", "-c", script), seconds=0.5)
        assert (ran.exit_code, ran.stdout) == (None, b"begun\n")
        assert not alive("42.42042")
        assert not alive("43.43043")


async def test_what_a_command_left_running_ends_with_it(place: Place) -> None:
    async with place.open() as sandbox:
        ran = await sandbox.run(("sh", "-c", "setsid sleep 44.44044 & echo done"), seconds=SOON)
        assert (ran.exit_code, ran.stdout) == (0, b"done\n")
        assert not alive("44.44044")


async def test_a_cancelled_command_is_gone(place: Place) -> None:
    async with place.open() as sandbox:
        with anyio.move_on_after(0.5) as limit:
            await sandbox.run(("sleep", "45.45045"), seconds=SOON)
        assert limit.cancelled_caught
        assert not alive("45.45045")


async def test_output_is_bounded_and_says_so(place: Place) -> None:
    script = "echo first; head -c 3000000 /dev/zero; echo; echo last"
    async with place.open() as sandbox:
        ran = await sandbox.run(("sh", "-c", script), seconds=SOON, output_limit=10_000)
    assert ran.exit_code == 0
    assert ran.cut
    assert len(ran.stdout) < 10_100
    assert ran.stdout.startswith(b"first\n")
    assert ran.stdout.endswith(b"last\n")


async def test_output_goes_to_a_file(place: Place) -> None:
    target = place.folder / "out"
    target.write_text("something older and longer than what comes")
    async with place.open() as sandbox:
        ran = await sandbox.run(("echo", "content"), seconds=SOON, stdout_to=target)
        assert (ran.stdout, ran.cut, target.read_bytes()) == (b"", False, b"content\n")
        ran = await sandbox.run(
            ("head", "-c", "200000", "/dev/zero"), seconds=SOON, stdout_to=target, output_limit=1000
        )
        assert (ran.exit_code, ran.cut, target.stat().st_size) == (0, True, 1000)


async def test_output_never_goes_through_a_link(place: Place) -> None:
    precious = place.folder / "precious"
    precious.write_text("kept")
    (place.folder / "out").symlink_to(precious)
    async with place.open() as sandbox:
        with pytest.raises(OSError, match="symbolic links"):
            await sandbox.run(("echo", "gone"), seconds=SOON, stdout_to=place.folder / "out")
    assert precious.read_text() == "kept"


async def test_environment_is_the_boxs_and_then_the_commands(place: Place) -> None:
    async with place.open(environment={"ONE": "box", "TWO": "box"}) as sandbox:
        ran = await sandbox.run(("sh", "-c", "echo $ONE $TWO $HOME $USER"), seconds=SOON, environment={"TWO": "a b"})
        again = await sandbox.run(("sh", "-c", "echo $TWO"), seconds=SOON)
        path = await sandbox.run(("printenv", "PATH"), seconds=SOON)
    assert ran.stdout == b"box a b /home/honk honk\n"
    assert again.stdout == b"box\n"
    assert path.stdout.strip() == b"/env/venv/bin:/env/bin:/usr/local/bin:/usr/bin:/bin"


async def test_mounts_are_read_only_unless_asked_otherwise(place: Place) -> None:
    shown, lent = place.folder_for_it("shown"), place.folder_for_it("lent")
    (shown / "file").write_text("text")
    mounts = (
        Mount(source=lent, target="/env/deep", writable=True),
        Mount(source=shown, target="/honk/index/0"),
        Mount(source=shown / "file", target="/honk/ca.pem"),
    )
    async with place.open(mounts=mounts) as sandbox:
        ran = await sandbox.run(("sh", "-c", "cat /honk/index/0/file /honk/ca.pem; echo x >/env/deep/x"), seconds=SOON)
        assert (ran.exit_code, ran.stdout) == (0, b"texttext"), ran.stderr
        ran = await sandbox.run(("sh", "-c", "echo x >/honk/index/0/x"), seconds=SOON)
        assert ran.exit_code != 0
    assert (lent / "x").read_text() == "x\n"


async def test_a_workspace_may_be_read_only(place: Place) -> None:
    async with place.open(read_only_workspace=True) as sandbox:
        ran = await sandbox.run(("touch", "/workspace/x"), seconds=SOON)
    assert ran.exit_code != 0
    assert not (place.box.workspace / "x").exists()


async def test_a_process_talks_by_lines(place: Place) -> None:
    async with place.open() as sandbox:
        process = await sandbox.start(("sh", "-c", "while read line; do echo got $line; echo err >&2; done; exit 5"))
        lines = process.lines()
        for word in (b"one", b"two"):
            await process.send(word + b"\n")
            assert await anext(lines) == b"got " + word
        await process.close_input()
        assert [line async for line in lines] == []
        assert await process.wait() == 5
        assert await process.errors() == b"err\nerr\n"
        with pytest.raises(BrokenPipeError):
            await process.send(b"too late\n")


async def test_long_lines_and_a_last_one_without_an_end_arrive_whole(place: Place) -> None:
    async with place.open() as sandbox:
        process = await sandbox.start(("sh", "-c", r"head -c 3000000 /dev/zero; printf '\n\nend'"))
        assert [line async for line in process.lines()] == [bytes(3_000_000), b"", b"end"]


async def test_only_the_last_errors_are_kept(place: Place) -> None:
    async with place.open() as sandbox:
        process = await sandbox.start(("sh", "-c", "head -c 1000000 /dev/zero >&2; echo last >&2"))
        await process.wait()
        await process.kill()
        async with asyncio.timeout(SOON):
            while not (errors := await process.errors()).endswith(b"last\n"):
                await anyio.lowlevel.checkpoint()
    assert len(errors) == 64 << 10


async def test_kill_ends_everything_that_a_process_started(place: Place) -> None:
    async with place.open() as sandbox:
        process = await sandbox.start(("sh", "-c", "trap : TERM; setsid sleep 46.46046 & echo up; sleep 47.47047; :"))
        assert await anext(process.lines()) == b"up"
        await process.kill()
        assert not alive("46.46046")
        assert not alive("47.47047")
        assert await process.wait() != 0
        await process.kill()
        ran = await sandbox.run(("echo", "still open"), seconds=SOON)
        assert ran.exit_code == 0


async def test_commands_run_beside_each_other(place: Place) -> None:
    async with place.open() as sandbox:
        await sandbox.run(("mkfifo", "/tmp/pipe"), seconds=SOON)
        read, wrote = await asyncio.gather(
            sandbox.run(("cat", "/tmp/pipe"), seconds=SOON),
            sandbox.run(("sh", "-c", "echo met >/tmp/pipe"), seconds=SOON),
        )
    assert (read.stdout, wrote.exit_code) == (b"met\n", 0)


async def test_bounds_hold(place: Place) -> None:
    python = str(place.sandboxes.runtime("python"))
    bounds = Bounds(memory=256 << 20, processes=40, file_size=1 << 20, temporary=4 << 20)
    async with place.open(bounds=bounds) as sandbox:
        ran = await sandbox.run((python, "-c", "x = bytearray(400 << 20)"), seconds=SOON)
        assert ran.exit_code not in (0, None)
        ran = await sandbox.run(("head", "-c", "5000000", "/dev/zero"), seconds=SOON, stdout_to=place.folder / "out")
        assert (ran.exit_code, (place.folder / "out").stat().st_size) == (0, 5_000_000)
        ran = await sandbox.run(("sh", "-c", "head -c 5000000 /dev/zero >/workspace/large"), seconds=SOON)
        assert ran.exit_code != 0
        assert (place.box.workspace / "large").stat().st_size <= 1 << 20
        fill = "n=0; while head -c 1000000 /dev/zero >/tmp/$n; do n=$((n+1)); done"
        ran = await sandbox.run(("sh", "-c", fill), seconds=SOON)
        assert ran.exit_code not in (0, None)
        assert b"temporary" in ran.stderr


async def test_owning_a_folder_never_follows_links(place: Place) -> None:
    outside = place.folder / "outside"
    outside.mkdir()
    (outside / "file").write_text("not for them")
    (outside / "twin").write_text("has two names")
    folder = place.folder / "given"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "file").write_text("theirs")
    (folder / "link").symlink_to(outside)
    (folder / "deep" / "link").symlink_to(outside / "file")
    os.link(outside / "twin", folder / "twin")
    place.sandboxes.own(folder)
    assert {path.stat().st_uid for path in (outside, outside / "file", outside / "twin")} == {os.getuid()}
    owner = place.box.workspace.stat().st_uid
    assert {path.lstat().st_uid for path in (folder, folder / "deep" / "file", folder / "link")} == {owner}


async def test_the_interpreter_makes_environments(place: Place) -> None:
    python = str(place.sandboxes.runtime("python"))
    async with place.open() as sandbox:
        ran = await sandbox.run(
            (python, "-c", "import sys, ssl, venv, ensurepip; print(sys.version_info >= (3, 11))"), seconds=SOON
        )
        assert ran.stdout == b"True\n", ran.stderr
        script = f"{python} -m venv --without-pip /tmp/v && /tmp/v/bin/python -c 'import sys; print(sys.prefix)'"
        ran = await sandbox.run(("sh", "-c", script), seconds=SOON)
    assert ran.stdout == b"/tmp/v\n", ran.stderr


async def test_the_agent_runs(place: Place) -> None:
    mounts = (Mount(source=place.sandboxes.runtime("claude"), target="/honk/agent/claude"),)
    async with place.open(mounts=mounts) as sandbox:
        ran = await sandbox.run(("/honk/agent/claude", "--version"), seconds=SOON)
    assert b"Claude Code" in ran.stdout, ran.stderr
    assert place.sandboxes.runtime("claude") == mounts[0].source


async def test_every_wall_is_tried_and_holds(place: Place) -> None:
    walls = await place.sandboxes.probe()
    assert {wall.name for wall in walls} >= {"starts", "no network", "host files hidden", "memory limit"}
    assert [wall for wall in walls if wall.required and not wall.holds] == []
