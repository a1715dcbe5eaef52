"""The forge at GitHub: merges, what stands in their way, merge queues and auto-merge."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from github_forge_world import BRANCH, DRAFT, T1, Placed, placed

from honk.domain.pull_request import Merged, MergeMethod, PullRequestState, Queued, Refused
from honk.domain.repository import Sha
from honk.errors import Unreachable

pytestmark = [pytest.mark.anyio, pytest.mark.seconds(60)]
METHODS = list(MergeMethod)


@pytest.fixture
async def p(tmp_path: Path) -> AsyncIterator[Placed]:
    async with placed(tmp_path) as made:
        await made.opened()
        yield made


async def refused(p: Placed, *words: str) -> Refused:
    """A merge is refused in these words, and the base stays where it is."""
    tip = p.tip("main")
    result = await p.merge()
    assert isinstance(result, Refused) and p.tip("main") == tip, result
    for word in words:
        assert word in result.reason, result
    assert result.remedy and "\n" not in result.reason
    return result


@pytest.mark.parametrize("method", METHODS)
async def test_merged_once_and_the_same_answer_again(p: Placed, method: MergeMethod) -> None:
    first = await p.merge(method)
    assert isinstance(first, Merged) and first.commit == p.tip("main") and p.tip() is None
    there = p.store.pull_requests[T1]
    assert (there.state, there.merged_as) == (PullRequestState.MERGED, first.commit)
    assert (await p.git.repositories.base(p.repository, "main")).commit == first.commit
    assert await p.merge(method) == first
    assert await p.forge.update(p.repository, replace(there, title="No")) == there
    assert (await p.forge.close(p.repository, there)).state is PullRequestState.MERGED
    commit = p.repo.bare.read_commit(first.commit)
    if method is MergeMethod.MERGE:
        assert commit.parents == (p.base, p.head) and commit.message.strip() == "Fix it\n\nHonk-Task: t1"
    if method is MergeMethod.SQUASH:
        trailers = "Honk-Task: t1\nRequested-by: Ada\nAssisted-by: Claude Code"
        assert commit.parents == (p.base,) and commit.message.strip() == f"Fix it\n\n{trailers}"


async def test_a_crash_after_the_merge_is_found_out(p: Placed) -> None:
    p.world.limits.break_connection(after=True, method="PUT", path="/merge")
    with pytest.raises(Unreachable):
        await p.merge()
    assert await p.merge() == Merged(commit=Sha(p.tip("main") or "")) and p.tip() is None


async def test_a_branch_that_moved_is_not_merged(p: Placed) -> None:
    theirs = p.world.commit(p.repo, {"unverified": "1"}, branch=BRANCH)
    await refused(p, theirs[:12], f"not at the verified {p.head[:12]}")
    found = await p.obstacle()
    assert found is not None and theirs[:12] in found.reason


async def test_a_branch_that_moves_at_that_moment_is_not_merged(p: Placed) -> None:
    def push() -> None:
        p.world.commit(p.repo, {"unverified": "1"}, branch=BRANCH)

    p.world.limits.trouble(0, method="PUT", path="/merge", act=push)
    await refused(p, "not at the verified")


async def test_a_conflict(p: Placed) -> None:
    p.world.commit(p.repo, {"README.md": "Noise\n"})
    result = await refused(p, "conflicts")
    assert await p.obstacle() == result and "up to date" in result.remedy
    there = await p.find()
    assert there is not None and there.conflicts


async def test_a_base_that_moved_on_is_merged_with(p: Placed) -> None:
    theirs = p.world.commit(p.repo, {"theirs": "1\n"})
    merged = await p.merge()
    assert isinstance(merged, Merged) and p.repo.bare.read_commit(merged.commit).parents == (theirs, p.head)


async def test_a_base_that_takes_only_what_is_up_to_date(p: Placed) -> None:
    p.world.protect(p.repo, checks=["ci"], strict=True)
    p.check("ci", "success")
    p.world.commit(p.repo, {"theirs": "1\n"})
    result = await refused(p, "checked on top of it")
    assert await p.obstacle() == result


@pytest.mark.parametrize("how", ["protect", "ruleset"])
async def test_what_is_missing_is_named(p: Placed, how: str) -> None:
    getattr(p.world, how)(p.repo, checks=["ci", "lint"])
    p.check("ci", None)
    result = await refused(p, "ci, lint not finished")
    assert await p.obstacle() == result
    p.check("lint", "failure")
    result = await refused(p, "check lint failed", "check ci not finished")
    assert "make the checks pass" in result.remedy
    p.check("ci", "success")
    p.check("lint", "success")
    assert await p.obstacle() is None
    assert isinstance(await p.merge(), Merged)


async def test_of_a_check_and_a_status_with_one_name_the_worse_one_counts(p: Placed) -> None:
    p.world.protect(p.repo, checks=["ci"])
    p.hub.people.check(p.repo, p.head, "ci", "failure")
    p.check("ci", "success")
    await refused(p, "check ci failed")


async def test_missing_reviews_are_named(p: Placed) -> None:
    p.world.ruleset(p.repo, reviews=1, pull_request=True)
    result = await refused(p, "1 approving review missing")
    assert await p.obstacle() == result
    p.hub.people.review("bo", p.repo, p.issue, "CHANGES_REQUESTED", "no")
    await refused(p, "bo asked for changes")
    p.hub.people.review("bo", p.repo, p.issue, "APPROVED", "yes")
    assert isinstance(await p.merge(), Merged)


async def test_reviews_that_only_classic_protection_demands(p: Placed) -> None:
    p.world.protect(p.repo, reviews=2)
    result = await refused(p, "2 approving reviews")
    assert p.issue.number and "then merge again" in result.remedy


async def test_the_nearest_method_is_taken_and_said(p: Placed) -> None:
    p.repo.allow_merge_commit = False
    merged = await p.merge(MergeMethod.MERGE)
    assert isinstance(merged, Merged) and p.repo.bare.read_commit(merged.commit).parents == (p.base,)
    [comment] = p.repo.comments.values()
    assert comment.body.startswith("acme/app takes no merge commits into main: merged by squash.")


async def test_linear_history_counts_too(p: Placed) -> None:
    p.world.protect(p.repo, linear=True)
    merged = await p.merge(MergeMethod.MERGE)
    assert isinstance(merged, Merged) and len(p.repo.bare.read_commit(merged.commit).parents) == 1


async def test_no_method_at_all(p: Placed) -> None:
    p.repo.allow_merge_commit = p.repo.allow_squash_merge = p.repo.allow_rebase_merge = False
    await refused(p, "no way of merging")


async def test_a_draft_is_made_ready_by_who_merges_it(p: Placed) -> None:
    await p.forge.update(p.repository, p.wanted(DRAFT))
    assert p.pull.draft and await p.obstacle() is None
    assert isinstance(await p.merge(), Merged) and not p.pull.draft


async def test_closed_and_archived(p: Placed) -> None:
    p.world.archive(p.repo)
    await refused(p, "archived")
    found = await p.obstacle()
    assert found is not None and "archived" in found.reason
    p.repo.archived = False
    await p.forge.close(p.repository, p.store.pull_requests[T1])
    await refused(p, "closed")


async def test_without_the_right_to_merge(p: Placed) -> None:
    words = {"message": "Resource not accessible by integration"}
    p.world.limits.trouble(403, method="PUT", path="/merge", body=words, times=3)
    await refused(p, "does not let Honk merge")


async def test_the_merge_queue(p: Placed) -> None:
    p.world.ruleset(p.repo, queue="MERGE")
    assert await p.merge() == Queued(position=1)
    assert await p.merge() == Queued(position=1), "it waits there already"
    there = await p.find()
    assert there is not None and there.waits_to_merge
    commit = p.hub.people.advance_queue(p.repo)
    assert await p.merge() == Merged(commit=Sha(commit or "")) and p.tip() is None


async def test_what_was_taken_out_of_the_merge_queue_waits_no_more(p: Placed) -> None:
    p.world.ruleset(p.repo, queue="MERGE")
    assert await p.merge() == Queued(position=1)
    p.pull.queued = None
    there = await p.find()
    assert there is not None and not there.waits_to_merge


async def test_the_merge_queue_takes_nothing_unfinished(p: Placed) -> None:
    p.world.ruleset(p.repo, queue="MERGE", checks=["ci"])
    p.check("ci", "failure")
    await refused(p, "check ci failed")


@pytest.mark.parametrize("auto", [True, False])
async def test_auto_merge_where_it_is_wanted(p: Placed, auto: bool) -> None:
    p.forge = replace(p.forge, auto=auto)
    p.world.protect(p.repo, checks=["ci"])
    p.check("ci", None)
    if not auto:
        await refused(p, "check ci not finished")
        assert p.pull.auto_merge is None
        return
    assert await p.obstacle() is None
    assert await p.merge() == Queued() == await p.merge()
    assert p.pull.auto_merge is not None
    there = await p.find()
    assert there is not None and there.waits_to_merge and not there.conflicts
    p.check("ci", "success")
    merged = await p.merge()
    assert isinstance(merged, Merged) and merged.commit == p.tip("main")


async def test_what_is_pushed_later_is_not_merged_by_itself(p: Placed) -> None:
    p.forge = replace(p.forge, auto=True)
    p.world.protect(p.repo, checks=["ci"])
    assert await p.merge() == Queued() and p.pull.auto_merge is not None
    later = await p.changed({"later": "1"})
    assert (await p.publish(later, over=p.head)).refused == "" and p.pull.auto_merge is None
    assert await p.merge(head=later) == Queued() and p.pull.auto_merge is not None
    p.world.commit(p.repo, {"theirs": "1"}, branch=BRANCH)
    await refused(p, "not at the verified")
    assert p.pull.auto_merge is None


async def test_auto_merge_is_not_for_what_failed_or_where_it_is_off(p: Placed) -> None:
    p.forge = replace(p.forge, auto=True)
    p.world.protect(p.repo, checks=["ci"])
    p.repo.allow_auto_merge = False
    await refused(p, "check ci not finished")
    p.repo.allow_auto_merge = True
    p.check("ci", "failure")
    await refused(p, "check ci failed")


async def test_a_merged_branch_stays_where_somebody_needs_it(p: Placed) -> None:
    p.world.commit(p.repo, {"more": "1"}, branch="stacked")
    p.repo.bare.set_ref("refs/heads/stacked", p.world.commit(p.repo, {"on": "1"}, branch="stacked"))
    p.hub.people.pull("ada", p.repo, "stacked", title="On top", base=BRANCH)
    assert isinstance(
        await p.forge.merge(
            p.repository, p.store.pull_requests[T1], head=p.head, method=MergeMethod.MERGE, message="Fix it"
        ),
        Merged,
    )
    assert p.tip() == p.head


async def test_what_was_pushed_after_the_merge_is_kept(p: Placed) -> None:
    there = p.store.pull_requests[T1]
    p.hub.people.merge("ada", p.repo, p.issue)
    theirs = p.world.commit(p.repo, {"theirs": "1"}, branch=BRANCH)
    merged = await p.forge.merge(p.repository, there, head=p.head, method=MergeMethod.MERGE, message="Fix it")
    assert merged == Merged(commit=Sha(p.tip("main") or "")) and p.tip() == theirs


async def test_a_repository_that_deletes_branches_itself(p: Placed) -> None:
    p.repo.delete_branch_on_merge = True
    assert isinstance(await p.merge(), Merged)
    assert p.tip() is None and p.world.calls("DELETE", "/git/refs/") == []


async def test_what_github_is_still_working_out_is_no_obstacle(p: Placed) -> None:
    p.pull.unknown = 3
    assert await p.obstacle() is None


async def test_with_one_persons_token(tmp_path: Path) -> None:
    async with placed(tmp_path, personal=True) as p:
        made = await p.opened(DRAFT, labels=("honk",))
        for text in ("Hello", "Hello again"):
            await p.forge.comment(p.repository, made, text, "one")
        assert p.issue.user.login == "bo" and len(p.repo.comments) == 1
        assert isinstance(await p.merge(), Merged) and p.tip() is None
