"""Honk's own check in GitHub's merge queue: which pull requests wait, and what is said at the commits that it makes."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from github_forge_world import Placed, placed

from honk.adapters.github.checks import GithubCi
from honk.adapters.github.own import Own
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.pull_request import Queued
from honk.domain.repository import Sha
from honk.domain.verdict import Answer, Finding, Kind, Verdict
from honk.errors import ForgeRefused
from honk.testing.fake_github import records

pytestmark = [pytest.mark.anyio, pytest.mark.seconds(60)]


@pytest.fixture
async def p(tmp_path: Path) -> AsyncIterator[Placed]:
    async with placed(tmp_path) as made:
        await queued(made)
        yield made


async def queued(p: Placed) -> None:
    """Honk's pull request waits in a queue that demands Honk's check; its own head has it."""
    await p.opened()
    p.world.ruleset(p.repo, queue="MERGE", checks=["honk" if p.repo.collaborators.get("bo") == "admin" else "Honk"])
    await ci(p).report(p.repository, p.head, verdict(p), key="t1")
    assert await p.merge() == Queued(position=1)


def ci(p: Placed) -> GithubCi:
    return GithubCi(p.api, Own(p.api), web=p.hub.web)


def verdict(p: Placed, answer: Answer = Answer.PASS, pending: tuple[str, ...] = ()) -> Verdict:
    finding = Finding(verifier="pytest", kind=Kind.TEST, answer=answer, summary="12 passed")
    return Verdict(answer=answer, tree=p.head, commit=p.head, findings=(finding,), pending=pending)


def ours(p: Placed, answer: Answer | None = Answer.PASS, pending: tuple[str, ...] = ()) -> tuple[Grouped, ...]:
    said = None if answer is None else verdict(p, answer, pending)
    return (Grouped(number=p.repo.pulls()[0].number, head=p.head, verdict=said),)


async def entry(p: Placed, place: int = 0) -> QueueEntry:
    return (await ci(p).queue(p.repository, "main"))[place]


def checks(p: Placed, commit: str | None) -> list[records.CheckRun]:
    return [one for one in p.repo.checks.values() if one.head_sha == commit]


async def test_what_waits_in_a_queue(p: Placed) -> None:
    [there] = await ci(p).queue(p.repository, "main")
    assert (there.number, there.branch, there.head) == (p.issue.number, "honk/t1", p.head) and not there.foreign
    assert there.commit == p.repo.groups[there.number].head_sha != p.head
    assert await ci(p).queue(p.repository, "elsewhere") == ()


async def test_without_honks_check_the_queue_waits_and_with_it_it_merges(p: Placed) -> None:
    there = await entry(p)
    assert there.commit is not None
    assert p.hub.people.advance_queue(p.repo) is None, "it waits for Honk"
    await ci(p).report_group(p.repository, there.commit, ours(p))
    [check] = checks(p, there.commit)
    assert (check.name, check.conclusion, check.status) == ("Honk", "success", "completed")
    assert check.title == f"Verified: the head of #{there.number}"
    assert "is on the head of each" in str(check.summary) and "repository's own checks" in str(check.summary)
    assert p.head in str(check.summary)
    assert p.hub.people.advance_queue(p.repo) == there.commit == p.tip("main")
    assert await ci(p).queue(p.repository, "main") == ()


@pytest.mark.parametrize(("answer", "conclusion"), [(Answer.UNSURE, "neutral"), (Answer.FAIL, "failure")])
async def test_other_answers(p: Placed, answer: Answer, conclusion: str) -> None:
    there = await entry(p)
    assert there.commit is not None
    await ci(p).report_group(p.repository, there.commit, ours(p, answer))
    assert [one.conclusion for one in checks(p, there.commit)] == [conclusion]


async def test_a_head_that_nobody_verified_is_thrown_out(p: Placed) -> None:
    there = await entry(p)
    assert there.commit is not None
    await ci(p).report_group(p.repository, there.commit, ours(p, None))
    assert "nobody verified" in str(checks(p, there.commit)[0].summary)
    assert p.hub.people.advance_queue(p.repo) is None and p.pull.queued is None


async def test_the_same_again_asks_for_no_change_and_another_answer_changes_the_same_check(p: Placed) -> None:
    there = await entry(p)
    assert there.commit is not None
    await ci(p).report_group(p.repository, there.commit, ours(p, Answer.UNSURE, ("ci",)))
    assert [one.status for one in checks(p, there.commit)] == ["in_progress"]
    for _ in range(3):
        await ci(p).report_group(p.repository, there.commit, ours(p))
    assert [one.conclusion for one in checks(p, there.commit)] == ["success"]
    assert len(p.world.calls("PATCH", "/check-runs/")) == 1


async def test_of_what_is_not_honks_nothing_is_said_and_nothing_stopped(p: Placed) -> None:
    people, world = p.hub.people, p.world
    world.commit(p.repo, {"theirs": "1"}, branch="theirs")
    theirs = people.pull("ada", p.repo, "theirs", title="Theirs")
    people.check(p.repo, p.tip("theirs") or "", "Honk", "success", app=p.app)
    people.enqueue("ada", p.repo, theirs)
    first, second = await ci(p).queue(p.repository, "main")
    assert first.commit and second.commit and first.commit in p.repo.bare.between(p.base, second.commit), "stacked"
    assert (second.number, second.branch) == (theirs.number, "theirs")
    await ci(p).report_group(p.repository, first.commit, ours(p))
    await ci(p).report_group(p.repository, second.commit, ())
    [check] = checks(p, second.commit)
    assert (check.conclusion, check.title) == ("neutral", "Not a change of Honk's: nothing to say")
    assert people.advance_queue(p.repo) == first.commit
    assert people.advance_queue(p.repo) == second.commit == p.tip("main")


async def test_a_personal_token_says_it_by_a_commit_status(tmp_path: Path) -> None:
    async with placed(tmp_path, personal=True) as p:
        await queued(p)
        there = await entry(p)
        assert there.commit is not None
        for held in (ours(p, Answer.UNSURE, ("ci",)), (), ours(p), ours(p)):
            await ci(p).report_group(p.repository, there.commit, held)
        said = [(one.state, one.description) for one in p.repo.statuses if one.sha == there.commit]
        assert said == [
            ("pending", "Waiting for checks of the repository's own"),
            ("success", "Not a change of Honk's: nothing to say"),
            ("success", f"Verified: the head of #{there.number}"),
        ]
        assert p.hub.people.advance_queue(p.repo) == there.commit


async def test_what_is_gone_by_then_is_refused(p: Placed) -> None:
    with pytest.raises(ForgeRefused):
        await ci(p).report_group(p.repository, Sha("e" * 40), ours(p))


async def test_a_server_that_knows_no_queues_has_none(p: Placed) -> None:
    error = {"data": None, "errors": [{"message": "Field 'mergeQueue' doesn't exist on type 'Repository'"}]}
    p.world.limits.trouble(200, method="POST", path="/graphql", body=error)
    assert await ci(p).queue(p.repository, "main") == ()
