"""The contract of snapshots: work in progress outlives its workspace. Against real git, in real sandboxes."""

import shutil
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.git.tree_rules import Rules
from honk.adapters.git.workspaces import GitWorkspaces
from honk.domain.repository import Sha
from honk.domain.workspace import Workspace
from honk.errors import HandBackRefused
from honk.ports import Sandboxes
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["plain", pytest.param("bubblewrap", marks=pytest.mark.sandbox)])
def world(request: pytest.FixtureRequest, short_tmp: Path) -> GitWorld:
    walls: Sandboxes = Bubblewrap(short_tmp / "honk") if request.param == "bubblewrap" else PlainSandboxes()
    return GitWorld(short_tmp, walls)


@pytest.fixture
def plain(short_tmp: Path) -> GitWorld:
    """For what does not depend on the sandbox."""
    return GitWorld(short_tmp, PlainSandboxes())


async def snapshot(world: GitWorld, workspace: Workspace) -> Sha:
    made = await world.workspaces.snapshot(workspace)
    assert made is not None
    assert await world.workspaces.latest_snapshot(workspace) == made.commit
    return made.commit


def listed(world: GitWorld, workspace: Workspace, commit: Sha) -> str:
    return world.git(world.mirror(workspace.repository), "ls-tree", "-r", "--format=%(objectmode) %(path)", commit)


FILES = {"a": "1\n", "gone": "x\n", "run": "x\n", "old": "moved\n", ".gitignore": "ignored\nforced\n"}
EVERYTHING = r"""
echo 2 > a; rm gone; chmod +x run; mv old new; ln -s a link; printf '\000\001' > binary
echo x > ignored; echo x > forced; git add -f forced; mkdir sub; echo new > 'sub/ü'
"""


async def test_a_snapshot_has_what_a_hand_back_would_have(world: GitWorld) -> None:
    workspace = await world.opened(world.make(files=FILES))
    assert await world.workspaces.latest_snapshot(workspace) is None
    ran = await world.inside(workspace, EVERYTHING)
    assert ran.exit_code == 0, ran.stderr
    commit = await snapshot(world, workspace)
    change = await world.take(workspace)
    mirror = world.mirror(workspace.repository)
    assert world.git(mirror, "rev-parse", f"{commit}^{{tree}}") == change.tree
    assert world.git(mirror, "rev-parse", f"{commit}^") == workspace.base.commit
    assert "120000 link" in listed(world, workspace, commit) and "100755 run" in listed(world, workspace, commit)


async def test_each_snapshot_has_the_latest_state(world: GitWorld) -> None:
    workspace = await world.opened(world.make(files={"a": "1\n"}))
    for script, expected in (
        ("echo 2 > a; echo x > b", "100644 a\n100644 b"),
        ("rm b; echo y > c", "100644 a\n100644 c"),
        ("rm c; chmod +x a", "100755 a"),
        ("chmod -x a; echo 3 > a", "100644 a"),
        ("echo 1 > a", "100644 a"),
    ):
        ran = await world.inside(workspace, script)
        assert ran.exit_code == 0, ran.stderr
        assert listed(world, workspace, await snapshot(world, workspace)) == expected
    assert await world.workspaces.snapshot(workspace) is None


async def test_a_lost_workspace_is_as_in_the_snapshot_and_on_the_commit_before(world: GitWorld) -> None:
    workspace = await world.opened(world.make(files=FILES))
    first = await world.take(workspace)
    assert (await world.inside(workspace, "echo one > one")).exit_code == 0
    first = await world.take(workspace)
    assert (await world.inside(workspace, EVERYTHING)).exit_code == 0
    commit = await snapshot(world, workspace)
    await world.workspaces.discard(workspace.task)
    again = await world.workspaces.open(
        workspace.task, workspace.repository, workspace.base, at=commit, head=first.commit
    )
    ran = await world.inside(
        again, "git rev-parse HEAD; git status --porcelain --no-renames; cat one; git fsck 2>&1 | head -3"
    )
    assert ran.stdout.decode().split("\n")[0] == first.commit, ran.stderr
    assert b"D  gone" in ran.stdout and b"A  binary" in ran.stdout and b"missing" not in ran.stdout
    change = await world.take(again, first.commit)
    mirror = world.mirror(workspace.repository)
    assert world.git(mirror, "rev-parse", f"{commit}^{{tree}}") == change.tree
    assert world.git(mirror, "rev-parse", f"{change.commit}^") == first.commit
    # The next snapshot begins anew, in a folder of its own.
    assert (await world.inside(again, "echo later > later")).exit_code == 0
    assert "later" in listed(world, again, await snapshot(world, again))


async def test_files_that_the_agent_hides_from_git_are_kept_too(world: GitWorld) -> None:
    workspace = await world.opened(world.make(files={"a": "1\n", "b": "1\n", "c": "1\n"}))
    script = """
git update-index --assume-unchanged a; git update-index --skip-worktree b
echo 2 > a; echo 2 > b; git rm -q --cached c; echo junk > .git/index.lock"""
    assert (await world.inside(workspace, script)).exit_code == 0
    commit = await snapshot(world, workspace)
    assert world.git(world.mirror(workspace.repository), "show", f"{commit}:a") == "2"
    assert world.git(world.mirror(workspace.repository), "show", f"{commit}:b") == "2"
    assert listed(world, workspace, commit) == "100644 a\n100644 b\n100644 c"


async def test_a_dropped_snapshot_is_gone(plain: GitWorld) -> None:
    workspace = await plain.opened(plain.make())
    await plain.workspaces.drop_snapshot(workspace)
    Path(workspace.path, "b").write_text("x\n")
    await snapshot(plain, workspace)
    await plain.workspaces.drop_snapshot(workspace)
    assert await plain.workspaces.latest_snapshot(workspace) is None
    assert [path.name for path in Path(workspace.path).parent.iterdir()] == ["workspace"]
    await snapshot(plain, workspace)


async def test_a_snapshot_cut_off_by_a_crash_is_made_again(plain: GitWorld) -> None:
    workspace = await plain.opened(plain.make())
    Path(workspace.path, "b").write_text("x\n")
    await snapshot(plain, workspace)
    git = Path(workspace.path).parent / "snapshot" / "git"
    (git / "index.lock").write_text("")
    Path(workspace.path, "c").write_text("x\n")
    # Another process takes it up, which knows nothing of the one before.
    plain.workspaces = GitWorkspaces(plain.repositories)
    assert "c" in listed(plain, workspace, await snapshot(plain, workspace))
    shutil.rmtree(git / "objects")
    (git / "HEAD").unlink()
    Path(workspace.path, "d").write_text("x\n")
    assert "d" in listed(plain, workspace, await snapshot(plain, workspace))


async def test_what_may_not_be_handed_back_is_not_kept_either(plain: GitWorld) -> None:
    plain.workspaces = GitWorkspaces(plain.repositories, rules=Rules(blob=1000))
    workspace = await plain.opened(plain.make())
    Path(workspace.path, "good").write_text("x\n")
    kept = await snapshot(plain, workspace)
    Path(workspace.path, "large").write_bytes(b"x" * 1001)
    with pytest.raises(HandBackRefused, match="large"):
        await plain.workspaces.snapshot(workspace)
    assert await plain.workspaces.latest_snapshot(workspace) == kept
    Path(workspace.path, "large").unlink()
    Path(workspace.path, "link").symlink_to("/etc/passwd")
    with pytest.raises(HandBackRefused, match="link"):
        await plain.workspaces.snapshot(workspace)


@pytest.mark.sandbox
async def test_nothing_in_the_tree_runs_on_the_host_or_outside_of_a_sandbox(short_tmp: Path) -> None:
    world = GitWorld(short_tmp, Bubblewrap(short_tmp / "honk"))
    workspace = await world.opened(world.make())
    mark = short_tmp / "mark"
    plant = f"""
printf '#!/bin/sh\ntouch {mark}\n' > evil; chmod +x evil
git config core.fsmonitor /workspace/evil; git config filter.x.clean /workspace/evil
echo '* filter=x' > .gitattributes; mkdir -p .git/hooks; cp evil .git/hooks/post-index-change
"""
    assert (await world.inside(workspace, plant)).exit_code == 0
    commit = await snapshot(world, workspace)
    assert not mark.exists()
    assert "evil" in listed(world, workspace, commit)
