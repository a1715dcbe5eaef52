"""What has moved on, through the real command: a base that conflicts, and a merged change that is taken back."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import run_world
from run_world import QUICK, Honk

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]


@pytest.fixture
def honk() -> Iterator[Honk]:
    with run_world.world() as made:
        yield made


def bare_of(honk: Honk) -> Path:
    bare = honk.root / "target.git"
    honk.git(honk.root, "clone", "-q", "--bare", str(honk.repository(QUICK)), str(bare))
    return bare


def somebody_commits(honk: Honk, bare: Path, text: str) -> None:
    clone = honk.root / "person-clone"
    honk.git(honk.root, "clone", "-q", str(bare), str(clone))
    (clone / "song.txt").write_text(text)
    honk.git(clone, "commit", "-qam", "by hand")
    honk.git(clone, "push", "-q", "origin", "HEAD")


@pytest.mark.seconds(120)
async def test_a_merged_change_is_reverted_by_a_pull_request_of_its_own(honk: Honk) -> None:
    bare = bare_of(honk)
    before = honk.git(bare, "show", "main:song.txt")
    done = await honk.change(bare, "echo la la >> song.txt")
    task = str(done.settled["task"])
    nothing = await honk("revert", task)
    assert nothing.code == 2 and "nothing was merged" in nothing.err, nothing.words
    merged = await honk("merge", task)
    assert merged.code == 0, merged.words
    assert "la la" in honk.git(bare, "show", "main:song.txt")
    reverted = await honk("revert", task, "--json")
    assert reverted.code == 0, reverted.words
    settled = reverted.settled
    assert settled["task"] != task and settled["pull_request"]["title"].startswith('Revert "')
    again = await honk("merge", str(settled["task"]))
    assert again.code == 0, again.words
    assert honk.git(bare, "show", "main:song.txt") == before


@pytest.mark.slow
@pytest.mark.seconds(120)
async def test_a_base_that_moved_is_merged_into_the_branch(honk: Honk) -> None:
    bare = bare_of(honk)
    done = await honk.change(bare, "echo more > new.txt")
    task = str(done.settled["task"])
    somebody_commits(honk, bare, "la\nby hand\n")
    updated = await honk("update", task, "--json")
    assert '"base.merged"' in updated.out and updated.code == 0, updated.words
    branch = f"honk/{task}"
    assert "by hand" in honk.git(bare, "show", f"{branch}:song.txt"), updated.words
    assert honk.git(bare, "merge-base", "--is-ancestor", "main", branch) == ""
    merged = await honk("merge", task, "--accept-unsure")
    assert merged.code == 0, merged.words
    assert honk.git(bare, "show", "main:new.txt") == "more"
