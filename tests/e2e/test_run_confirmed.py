"""Reviewing and confirming through the real command: two people, and one at a terminal."""

import os
import pty
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import anyio
import pytest
import run_world
from run_world import Honk
from serve_world import RELEASED

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]


@pytest.fixture
def honk() -> Iterator[Honk]:
    with run_world.world() as made:
        yield made


async def proposed(honk: Honk, merging: str) -> tuple[str, Path]:
    bare = honk.root / "target.git"
    honk.git(honk.root, "clone", "-q", "--bare", str(honk.repository(RELEASED)), str(bare))
    honk.home.mkdir(exist_ok=True)
    (honk.home / "honk.toml").write_text(f'[merging]\n{merging} = ["{honk.root}/**"]\n')
    done = await honk.change(bare, "echo la la >> song.txt", "--merge")
    assert done.settled["state"] == "proposed", done.words
    assert '"merge.refused"' in done.out, "nothing merges by itself"
    return str(done.settled["task"]), bare


def another(honk: Honk) -> Honk:
    return Honk(root=honk.root, environment={**honk.environment, "GIT_AUTHOR_NAME": "Bo"})


@pytest.mark.slow
@pytest.mark.seconds(120)
async def test_two_people_merge(honk: Honk) -> None:
    task, bare = await proposed(honk, "second_person")
    bo = another(honk)
    alone = await honk("merge", task)
    assert alone.code == 2 and f"honk approve {task}" in alone.err, alone.words
    review = await bo("review", task)
    assert review.code == 0 and "song.txt +1 -0" in review.out and "nothing older to go back to" in review.out
    assert "not now" in review.out and "the approval of somebody else" in review.out, review.words
    approved = await bo("approve", task, "--comment", "tried it")
    assert approved.code == 0 and "is approved by Bo" in approved.out, approved.words
    assert "is approved by Bo" in (await honk("show", task)).out
    branch = await honk("branch", task)
    clone = honk.root / "clone"
    honk.git(honk.root, "clone", "-q", str(bare), str(clone))
    subprocess.run(["sh", "-ec", branch.out], cwd=clone, env=honk.environment, check=True, capture_output=True)
    assert "la la" in (clone / "song.txt").read_text()
    moved = await honk("merge", task, "--head", "0" * 40)
    assert moved.code == 2 and "the branch moved since" in moved.err, moved.words
    merged = await honk("merge", task, "--head", honk.git(clone, "rev-parse", "HEAD"))
    assert merged.code == 0, merged.words
    assert "la la" in honk.git(bare, "show", "main:song.txt")


@pytest.mark.slow
@pytest.mark.seconds(120)
async def test_at_a_terminal_it_is_asked_for_what_must_be_typed(honk: Honk) -> None:
    task, bare = await proposed(honk, "typed")
    head = honk.git(bare, "rev-parse", f"honk/{task}")
    silent = await honk("merge", task)
    assert silent.code == 2 and f"honk merge {task} --typed {head[:7]}" in silent.err, silent.words
    ours, theirs = pty.openpty()
    try:
        process = await anyio.open_process(
            [*honk.command, "merge", task],
            env=honk.environment,
            cwd=honk.root,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        shown = b""
        with anyio.fail_after(60):
            while f"type {head[:7]} to merge it".encode() not in shown:
                shown += await anyio.to_thread.run_sync(os.read, ours, 4096)
            os.write(ours, f"{head[:7]}\n".encode())
            with suppress(OSError):  # the other end is closed
                while True:
                    shown += await anyio.to_thread.run_sync(os.read, ours, 4096)
            assert await process.wait() == 0, shown.decode()
        await process.aclose()
    finally:
        os.close(ours)
    assert "la la" in honk.git(bare, "show", "main:song.txt")
