"""The contract of `Forge` about reviews, and what is known before a merge, as in test_forges."""

import subprocess
from dataclasses import replace

import pytest
from github_forge_world import BRANCH, T1
from test_forges import Proposed, at_bare, embedded, proposed, world

from honk.domain.person import Person, PersonId
from honk.domain.pull_request import MergeMethod, PullRequestState, Refused
from honk.domain.repository import Sha
from honk.errors import NotNow
from honk.testing.git_world import GitWorld

__all__ = ["at_bare", "embedded", "world"]
pytestmark = pytest.mark.anyio
BO = Person(id=PersonId("bo"), name="Bo\nBoss")


async def approve(p: Proposed, head: str = "", key: str = "approved/1") -> None:
    there = await p.store.pull_request(T1)
    assert there is not None
    await p.forge.approve(p.repository, there, head=Sha(head or p.head), by=BO, text="tried it", key=key)


async def obstacle(p: Proposed) -> Refused | None:
    there = await p.store.pull_request(T1)
    assert there is not None
    return await p.forge.obstacle(p.repository, there, method=MergeMethod.MERGE)


async def test_an_approval_is_kept_once(at_bare: Proposed) -> None:
    await approve(at_bare)
    await approve(at_bare)
    [kept] = at_bare.store.kept.values()
    assert kept.text == f"Bo Boss approves {at_bare.head}\n\ntried it"


async def test_another_commit_or_a_closed_pull_request_is_not_approved(at_bare: Proposed) -> None:
    p = at_bare
    with pytest.raises(NotNow, match="the branch moved: it is at") as refused:
        await approve(p, head=p.base)
    assert "look at it again" in refused.value.remedy
    await p.forge.close(p.repository, p.store.pull_requests[T1])
    with pytest.raises(NotNow, match="is closed"):
        await approve(p)
    assert p.store.kept == {}


async def test_what_is_merged_or_was_never_opened_is_not_approved(embedded: Proposed) -> None:
    p = embedded
    there = p.store.pull_requests[T1]
    p.store.pull_requests[T1] = replace(there, state=PullRequestState.MERGED)
    with pytest.raises(NotNow, match="is merged"):
        await approve(p)
    del p.store.pull_requests[T1]
    with pytest.raises(NotNow, match="no pull request"):
        await p.forge.approve(p.repository, there, head=p.head, by=BO, text="", key="k")
    assert p.store.kept == {}


async def test_what_would_refuse_a_merge_is_known_before(at_bare: Proposed) -> None:
    p = at_bare
    assert await obstacle(p) is None
    later = p.world.commit_to_bare(p.target, {"theirs": "1"}, BRANCH)
    moved = await obstacle(p)
    assert moved is not None and f"is at {later[:12]}, not at the verified {p.head[:12]}" in moved.reason
    await p.forge.close(p.repository, p.store.pull_requests[T1])
    closed = await obstacle(p)
    assert closed is not None and "closed" in closed.reason


async def test_a_checked_out_base_is_known_before(world: GitWorld) -> None:
    p = await proposed(world, world.make())
    found = await obstacle(p)
    assert found is not None and "is checked out in" in found.reason and found.remedy.startswith("git -C")
    assert found == await p.merge(), "the same words as at the merge"


async def test_a_target_that_is_gone_is_known_before(embedded: Proposed) -> None:
    embedded.target.rename(embedded.target.with_name("elsewhere"))
    found = await obstacle(embedded)
    assert found is not None and found.reason


@pytest.mark.parametrize("publish", [True, False])
async def test_the_branch_can_be_fetched_from_where_it_is(world: GitWorld, publish: bool) -> None:
    p = await proposed(world, world.make_bare(), publish=publish)
    source = await p.forge.source(p.repository, BRANCH)
    assert source == (p.repository.url if publish else str(world.mirror(p.repository)))
    shown = subprocess.run(["git", "ls-remote", source, BRANCH], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(p.head)
    assert await p.forge.source(p.repository, "honk/nowhere") is None
