"""The contract of `Forge`, with real git: on the embedded forge, and on GitHub's as far as it is the same there."""

import os
import shlex
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from github_forge_world import BRANCH, MESSAGE, T1, Store, placed

from honk.adapters.embedded.forge import EmbeddedForge
from honk.adapters.git.targets import GitTargets
from honk.domain.pull_request import (
    Merged,
    MergeMethod,
    MergeResult,
    PullRequest,
    PullRequestState,
    Refused,
)
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.errors import Defect, ForgeRefused, Unreachable
from honk.ports import Forge
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio


@dataclass
class Proposed:
    """A repository with one proposed change."""

    world: GitWorld
    target: Path
    store: Store
    forge: Forge
    repository: Repository
    base: Sha
    head: Sha
    #: not at GitHub
    embedded: bool = True

    async def merge(self, method: MergeMethod = MergeMethod.MERGE, head: Sha | None = None) -> MergeResult:
        there = await self.store.pull_request(T1) or pull_request(self.head)
        return await self.forge.merge(self.repository, there, head=head or self.head, method=method, message=MESSAGE)

    def tip(self, branch: str = "main") -> str:
        return self.world.git(self.target, "rev-parse", "--verify", "-q", f"refs/heads/{branch}", check=False)

    def show(self, template: str, commit: str) -> str:
        return self.world.git(self.target, "log", "-1", f"--format={template}", commit)


def pull_request(head: Sha) -> PullRequest:
    return PullRequest(
        task=T1,
        number=0,
        branch=BRANCH,
        base="main",
        head=head,
        title="Fix it",
        body="",
        state=PullRequestState.OPEN,
    )


async def proposed(world: GitWorld, target: Path, *, publish: bool = True) -> Proposed:
    workspace = await world.opened(target)
    Path(workspace.path, "README.md").write_text("Music!\n")
    change = await world.take(
        workspace, message="Fix it\n\nHonk-Task: t1\nRequested-by: Ada\nAssisted-by: Claude Code\n"
    )
    store = Store()
    forge = EmbeddedForge(GitTargets(world.repositories), store, lambda: NOON)
    if publish:
        assert not (await forge.publish(workspace.repository, BRANCH, change.commit, over=None)).refused
    else:
        await GitTargets(world.repositories).hold(workspace.repository, BRANCH, change.commit)
    await forge.open(workspace.repository, pull_request(change.commit))
    return Proposed(world, target, store, forge, workspace.repository, change.base, change.commit)


@pytest.fixture
def world(tmp_path: Path) -> GitWorld:
    return GitWorld(tmp_path, PlainSandboxes())


@pytest.fixture
async def embedded(world: GitWorld) -> Proposed:
    return await proposed(world, world.make_bare())


@pytest.fixture(params=["embedded", "github"])
async def at_bare(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Proposed]:
    """Where nobody has the base checked out: in a bare repository, or at GitHub."""
    if request.param == "embedded":
        there = GitWorld(tmp_path, PlainSandboxes())
        yield await proposed(there, there.make_bare())
        return
    async with placed(tmp_path) as p:
        await p.opened()
        folder = p.repo.bare.folder
        yield Proposed(p.git, folder, p.store, p.forge, p.repository, p.base, p.head, embedded=False)


# ── publish ────────────────────────────────────────────────────────────────────────────────────
async def test_a_branch_is_published_once_and_again(at_bare: Proposed) -> None:
    p = at_bare
    assert p.tip(BRANCH) == p.head
    assert not (await p.forge.publish(p.repository, BRANCH, p.head, over=None)).refused
    assert p.world.tip(p.world.mirror(p.repository), BRANCH) == p.head


async def test_a_later_turn_moves_the_branch_from_where_it_was(at_bare: Proposed) -> None:
    p = at_bare
    tree = await p.world.repositories.tree(p.repository, p.base)
    later = await p.world.repositories.commit_tree(p.repository, tree, p.head, "Later", NOON)
    assert not (await p.forge.publish(p.repository, BRANCH, later, over=p.head)).refused
    assert p.tip(BRANCH) == later


async def test_a_persons_commit_on_the_branch_is_never_overwritten(at_bare: Proposed) -> None:
    p = at_bare
    theirs = p.world.commit_to_bare(p.target, {"theirs": "1"}, BRANCH)
    again = await p.world.repositories.commit_tree(p.repository, await tree_of(p), p.base, "Again", NOON)
    assert "moved" in (await p.forge.publish(p.repository, BRANCH, again, over=p.head)).refused
    assert p.tip(BRANCH) == theirs


async def test_a_branch_that_was_deleted_is_published_again(at_bare: Proposed) -> None:
    p = at_bare
    p.world.git(p.target, "branch", "-D", BRANCH)
    assert not (await p.forge.publish(p.repository, BRANCH, p.head, over=p.head)).refused
    assert p.tip(BRANCH) == p.head


async def test_a_target_that_refuses_gives_its_reason_and_the_mirror_keeps_the_branch(world: GitWorld) -> None:
    bare = world.make_bare()
    hook = bare / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho 'no robots here' >&2\nexit 1\n")
    hook.chmod(0o755)
    p = await proposed(world, bare, publish=False)
    reason = (await p.forge.publish(p.repository, BRANCH, p.head, over=None)).refused
    assert "pre-receive hook declined" in reason and "no robots here" in reason
    assert p.tip(BRANCH) == "" and world.tip(world.mirror(p.repository), BRANCH) == p.head


async def test_a_target_that_is_gone_gives_its_reason(embedded: Proposed) -> None:
    p = embedded
    p.target.rename(p.target.with_name("moved"))
    assert "no folder" in (await p.forge.publish(p.repository, BRANCH, p.head, over=None)).refused


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's repository")
async def test_root_writes_into_a_persons_repository_as_that_person(world: GitWorld, short_tmp: Path) -> None:
    world = GitWorld(short_tmp, PlainSandboxes())
    short_tmp.chmod(0o755)
    bare = world.make_bare()
    hook = bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nid -u > {bare}/ran-as\n")
    hook.chmod(0o755)
    for path in (bare, *bare.rglob("*")):
        os.chown(path, 4321, 4321, follow_symlinks=False)
    await proposed(world, bare)
    assert {path.stat().st_uid for path in bare.rglob("*")} == {4321}
    assert (bare / "ran-as").read_text() == "4321\n"


async def test_only_honks_own_branches_are_published(at_bare: Proposed) -> None:
    with pytest.raises(Defect):
        await at_bare.forge.publish(at_bare.repository, "main", at_bare.head, over=at_bare.base)
    assert at_bare.tip() == at_bare.base


async def test_a_server_that_does_not_answer_may_answer_later(world: GitWorld) -> None:
    p = await proposed(world, world.make_bare(), publish=False)
    config = world.root / "person" / ".gitconfig"
    config.write_text(f'[url "http://127.0.0.1:1/"]\n\tinsteadOf = {p.target}\n')
    with pytest.raises(Unreachable):
        await p.forge.publish(p.repository, BRANCH, p.head, over=None)


# ── pull requests ──────────────────────────────────────────────────────────────────────────────
async def test_a_pull_request_is_opened_once(at_bare: Proposed) -> None:
    p = at_bare
    assert await p.forge.find(p.repository, TaskId("other")) is None
    there = await p.forge.find(p.repository, T1)
    assert there is not None and there.number == 1
    assert await p.forge.open(p.repository, replace(pull_request(p.head), title="Another")) == there


async def test_update_comment_and_close(at_bare: Proposed) -> None:
    p = at_bare
    updated = await p.forge.update(p.repository, replace(pull_request(p.head), title="Better"))
    assert (updated.number, updated.title) == (1, "Better")
    for _ in range(2):
        await p.forge.comment(p.repository, updated, "Thanks", "one")
    assert [comment.text for comment in p.store.kept.values()] == ["Thanks"]
    closed = await p.forge.close(p.repository, updated)
    assert closed.state is PullRequestState.CLOSED
    assert isinstance(await p.merge(), Refused) and p.tip() == p.base
    assert p.tip(BRANCH) == p.head


async def test_without_a_pull_request_there_is_nothing_to_change(embedded: Proposed) -> None:
    p = embedded
    p.store.pull_requests.clear()
    with pytest.raises(ForgeRefused):
        await p.forge.update(p.repository, pull_request(p.head))
    assert isinstance(await p.merge(), Refused) and p.tip() == p.base


# ── merge ──────────────────────────────────────────────────────────────────────────────────────
async def test_a_merge_has_two_parents_and_the_message(at_bare: Proposed) -> None:
    p = at_bare
    merged = await p.merge()
    assert isinstance(merged, Merged) and p.tip() == merged.commit
    assert p.show("%P|%B", merged.commit) == f"{p.base} {p.head}|Fix it\n\nHonk-Task: t1"
    there = await p.forge.find(p.repository, T1)
    assert there is not None and there.state is PullRequestState.MERGED
    assert (await p.world.repositories.base(p.repository, "main")).commit == merged.commit


async def test_a_squash_has_one_parent_and_keeps_every_trailer_once(at_bare: Proposed) -> None:
    merged = await at_bare.merge(MergeMethod.SQUASH)
    assert isinstance(merged, Merged)
    assert at_bare.show("%P", merged.commit) == at_bare.base
    assert at_bare.show("%(trailers:only)", merged.commit).splitlines() == [
        "Honk-Task: t1",
        "Requested-by: Ada",
        "Assisted-by: Claude Code",
    ]


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_merging_again_gives_the_same_answer(at_bare: Proposed, method: MergeMethod) -> None:
    first = await at_bare.merge(method)
    at_bare.world.git(at_bare.target, "branch", "-D", BRANCH, check=False)
    assert await at_bare.merge(method) == first


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_a_crash_after_the_push_is_found_out(at_bare: Proposed, method: MergeMethod) -> None:
    p = at_bare
    before = dict(p.store.pull_requests)
    first = await p.merge(method)
    p.store.pull_requests = before
    p.world.commit_to_bare(p.target, {"meanwhile": "1"})
    tip = p.tip()
    assert await p.merge(method) == first
    assert p.tip() == tip and p.store.pull_requests[T1].state is PullRequestState.MERGED


async def test_a_base_that_moved_is_merged_with(at_bare: Proposed) -> None:
    p = at_bare
    theirs = p.world.commit_to_bare(p.target, {"theirs": "1\n"})
    merged = await p.merge()
    assert isinstance(merged, Merged)
    assert p.show("%P", merged.commit) == f"{theirs} {p.head}"
    assert set(await p.world.repositories.files(p.repository, merged.commit)) == {"README.md", "src/play.py", "theirs"}


@pytest.mark.parametrize("method", list(MergeMethod))
async def test_a_conflict_names_the_files_and_changes_nothing(at_bare: Proposed, method: MergeMethod) -> None:
    p = at_bare
    theirs = p.world.commit_to_bare(p.target, {"README.md": "Noise\n"})
    refused = await p.merge(method)
    assert isinstance(refused, Refused) and "conflicts" in refused.reason and refused.remedy
    assert not p.embedded or "README.md" in refused.reason
    assert p.tip() == theirs


async def test_a_branch_that_moved_is_not_merged(at_bare: Proposed) -> None:
    p = at_bare
    theirs = p.world.commit_to_bare(p.target, {"unverified": "1\n"}, BRANCH)
    refused = await p.merge()
    assert isinstance(refused, Refused) and theirs[:12] in refused.reason
    assert not p.embedded or isinstance(await p.merge(head=theirs), Refused)
    assert p.tip() == p.base


async def test_a_lost_lease_is_tried_once_more(world: GitWorld) -> None:
    bare = world.make_bare()
    p = await proposed(world, bare)
    racing = Racing(world, bare, times=1)
    p.forge = EmbeddedForge(racing, p.store, lambda: NOON)
    merged = await p.merge()
    assert isinstance(merged, Merged) and p.tip() == merged.commit
    assert {"README.md", "race-1"} <= set(await world.repositories.files(p.repository, merged.commit))


async def test_a_base_that_always_moves_is_refused(world: GitWorld) -> None:
    bare = world.make_bare()
    p = await proposed(world, bare)
    p.forge = EmbeddedForge(Racing(world, bare, times=9), p.store, lambda: NOON)
    refused = await p.merge()
    assert isinstance(refused, Refused) and "faster" in refused.reason


async def test_a_protected_base_gives_the_targets_reason(embedded: Proposed) -> None:
    p = embedded
    hook = p.target / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ntest "$1" != refs/heads/main || { echo protected >&2; exit 1; }\n')
    hook.chmod(0o755)
    refused = await p.merge()
    assert isinstance(refused, Refused) and "protected" in refused.reason and p.tip() == p.base


@pytest.mark.parametrize("method", list(MergeMethod))
@pytest.mark.parametrize("publish", [True, False])
async def test_a_checked_out_base_is_never_pushed_but_the_remedy_works(
    world: GitWorld, method: MergeMethod, publish: bool
) -> None:
    p = await proposed(world, world.make("my music"), publish=publish)
    refused = await p.merge(method)
    assert isinstance(refused, Refused) and "checked out" in refused.reason
    assert p.tip() == p.base and (p.target / "README.md").read_text() == "Music\n"
    assert p.tip(BRANCH) == (p.head if publish else "")
    environment = {**world.environment, "GIT_EDITOR": "true"}
    subprocess.run(["sh", "-c", refused.remedy], env=environment, check=True, capture_output=True)
    assert (p.target / "README.md").read_text() == "Music!\n"
    merged = await p.merge(method)
    assert merged == Merged(commit=Sha(p.tip()))


async def test_the_simple_remedy_is_the_command_that_people_know(world: GitWorld) -> None:
    p = await proposed(world, world.make())
    refused = await p.merge()
    assert isinstance(refused, Refused)
    assert refused.remedy == f"git -C {shlex.quote(str(p.target))} merge --no-ff {BRANCH}"


async def test_a_base_in_a_linked_worktree_is_checked_out_too(world: GitWorld) -> None:
    music = world.make()
    p = await proposed(world, music)
    world.git(music, "checkout", "-q", "-b", "elsewhere")
    linked = world.root / "linked"
    world.git(music, "worktree", "add", "-q", str(linked), "main")
    refused = await p.merge()
    assert isinstance(refused, Refused) and refused.remedy.startswith(f"git -C {linked} merge")
    assert p.tip() == p.base
    world.git(music, "worktree", "remove", str(linked))
    assert isinstance(await p.merge(), Merged)


async def test_a_fast_forward_by_a_person_counts_as_merged(world: GitWorld) -> None:
    p = await proposed(world, world.make())
    world.git(p.target, "merge", "-q", "--ff-only", BRANCH)
    assert await p.merge() == Merged(commit=p.head)


class Racing(GitTargets):
    """Somebody else pushes to the base just before each of the first pushes."""

    def __init__(self, world: GitWorld, bare: Path, times: int) -> None:
        super().__init__(world.repositories)
        self._world = world
        self._bare = bare
        self._left = times

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        if self._left:
            self._left -= 1
            self._world.commit_to_bare(self._bare, {f"race-{self._left + 1}": "1\n"})
        return await super().push(repository, branch, commit, over=over)


async def tree_of(p: Proposed) -> Sha:
    return await p.world.repositories.tree(p.repository, p.head)
