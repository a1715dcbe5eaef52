"""Spares, against real git: what a task is given, and what is never touched."""

from pathlib import Path

import pytest

from honk.adapters.git.spares import GitSpares
from honk.domain.repository import Base, Repository
from honk.domain.task import TaskId
from honk.ports import Spare
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio
TASK = TaskId("fix-it-1a2b3c")


async def quiet(_: object) -> None:
    return None


@pytest.fixture
def world(short_tmp: Path) -> GitWorld:
    return GitWorld(short_tmp, PlainSandboxes())


async def made(world: GitWorld) -> tuple[GitSpares, Spare, Repository, Base]:
    music = world.make(files={"song.txt": "la\n", "sub/b": "2\n"})
    repository = world.repositories.identify(str(music))
    await world.repositories.refresh(repository, quiet)
    base = await world.repositories.base(repository, None)
    spares = GitSpares(world.repositories)
    return spares, await spares.make(repository, base), repository, base


async def test_a_spare_becomes_the_workspace_that_the_task_would_have_had(world: GitWorld) -> None:
    spares, spare, repository, base = await made(world)
    given = spares.give(spare, TASK)
    assert given is not None
    assert not spare.workspace.exists()
    workspace = await world.workspaces.open(TASK, repository, base)
    assert workspace.path == str(given.workspace)
    ran = await world.inside(
        workspace, "git status --porcelain --branch; git rev-parse HEAD; git remote; cat song.txt; git fsck 2>&1"
    )
    assert ran.stdout.decode().splitlines()[:3] == [f"## honk/{TASK}", base.commit, "la"]
    assert (given.home).is_dir()


async def test_a_task_that_has_a_workspace_keeps_it(world: GitWorld) -> None:
    spares, spare, repository, base = await made(world)
    workspace = await world.workspaces.open(TASK, repository, base)
    Path(workspace.path, "song.txt").write_text("la la\n")
    assert spares.give(spare, TASK) is None
    assert Path(workspace.path, "song.txt").read_text() == "la la\n"
    assert spare.workspace.exists()


@pytest.mark.parametrize("place", [".git", ".git/refs", ".git/refs/heads", ".git/refs/heads/honk"])
async def test_a_planted_link_leads_nowhere(world: GitWorld, short_tmp: Path, place: str) -> None:
    spares, spare, _, _ = await made(world)
    outside = short_tmp / "outside"
    planted = spare.workspace / place
    planted.rename(outside) if planted.exists() else outside.mkdir()
    planted.symlink_to(outside)
    before = {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()}
    with pytest.raises(OSError, match=r"Not a directory|Too many levels"):
        spares.give(spare, TASK)
    assert {path: path.read_bytes() for path in outside.rglob("*") if path.is_file()} == before
    assert not world.repositories.layout.task(TASK).exists()


async def test_what_an_earlier_process_left_is_swept(world: GitWorld) -> None:
    spares, spare, repository, base = await made(world)
    await GitSpares(world.repositories).sweep()
    assert not spare.folder.exists()
    again = await spares.make(repository, base)
    await spares.remove(again)
    assert not again.folder.exists()


async def test_a_target_that_has_not_moved_is_not_fetched_again(world: GitWorld) -> None:
    _, _, repository, base = await made(world)
    told: list[object] = []

    async def tell(data: object) -> None:
        told.append(data)

    mirror = world.mirror(repository)
    fetched = (mirror / "refs").stat().st_mtime_ns, world.git(mirror, "for-each-ref")
    await world.repositories.refresh(repository, tell)
    assert ((mirror / "refs").stat().st_mtime_ns, world.git(mirror, "for-each-ref")) == fetched
    for change in ("commit", "branch", "tag", "pack"):
        music = Path(repository.url)
        if change == "commit":
            world.commit(music, {"song.txt": "new\n"})
        elif change == "pack":
            world.git(music, "commit", "--allow-empty", "-m", "packed")
            world.git(music, "pack-refs", "--all")
        else:
            world.git(music, change, f"a-{change}")
        await world.repositories.refresh(repository, tell)
        assert (await world.repositories.base(repository, None)).commit == world.git(music, "rev-parse", "HEAD")
        assert world.git(mirror, "rev-parse", "refs/remotes/target/main") == world.git(music, "rev-parse", "main")
    assert world.git(mirror, "rev-parse", "refs/tags/a-tag", "refs/remotes/target/a-branch")
    assert (await world.repositories.base(repository, None)).commit != base.commit
