"""A merge queue waits for Honk's own check at what it made: a webhook or a poll has it answered there, once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from github_world import NAME, SILENT, GithubWorld, github_world, until

from honk.domain.discussion import Hint, HintKind
from honk.domain.merge_queue import Grouped, QueueEntry, group_answer
from honk.domain.repository import Repository, Sha
from honk.domain.task import Task
from honk.domain.verdict import Answer

pytestmark = pytest.mark.anyio
FIRST, SECOND, THIRD = Sha("1" * 40), Sha("2" * 40), Sha("3" * 40)
THEIRS = QueueEntry(number=90, branch="theirs", head=Sha("a" * 40), commit=SECOND)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path) as made:
        made.world.ci.on = True
        yield made


async def waiting(here: GithubWorld, commit: Sha | None = FIRST) -> tuple[Task, QueueEntry]:
    """A task whose pull request is the first in the queue of main."""
    await here.ask()
    task, number = await here.proposed()
    head = (await here.world.pull_request(task)).head
    entry = QueueEntry(number=number, branch=task.branch, head=head, commit=commit)
    here.world.ci.waiting["main"] = [entry]
    return task, entry


async def told(here: GithubWorld, commit: Sha, base: str = "main") -> None:
    """GitHub tells of a merge group, and that is worked on."""
    await here.webhook(Hint(kind=HintKind.QUEUE, repository=NAME, id=f"{commit}/{base}"))
    await here.settled()


async def test_a_group_with_a_change_of_honks_has_its_verdict(here: GithubWorld) -> None:
    _, entry = await waiting(here)
    await told(here, FIRST)
    [held] = here.world.ci.grouped[FIRST]
    assert (held.number, held.head, group_answer([held])) == (entry.number, entry.head, Answer.PASS)


async def test_each_group_holds_those_before_it_and_of_others_nothing_is_said(here: GithubWorld) -> None:
    _, entry = await waiting(here, SECOND)
    first = replace(THEIRS, commit=FIRST)
    named_like_ours = replace(entry, number=91, foreign=True, commit=THIRD)
    here.world.ci.waiting["main"] = [first, entry, named_like_ours]
    await told(here, FIRST)
    held = here.world.ci.grouped
    assert {commit: [one.number for one in ours] for commit, ours in held.items()} == {
        FIRST: [],
        SECOND: [entry.number],
        THIRD: [entry.number],
    }
    assert group_answer(held[FIRST]) is None


async def test_a_head_that_nobody_verified_is_not_accepted(here: GithubWorld) -> None:
    _, entry = await waiting(here)
    here.world.ci.waiting["main"] = [replace(entry, head=Sha("b" * 40))]
    await told(here, FIRST)
    assert group_answer(here.world.ci.grouped[FIRST]) is Answer.FAIL


async def test_the_worst_of_a_group_counts(here: GithubWorld) -> None:
    task, entry = await waiting(here)
    verdict = await here.world.store.records.verdict(task.id, entry.head)
    assert verdict is not None
    passes = Grouped(number=1, head=FIRST, verdict=verdict)
    unsure = replace(passes, verdict=replace(verdict, answer=Answer.UNSURE))
    assert group_answer([passes, unsure, passes]) is Answer.UNSURE
    assert group_answer([unsure, replace(passes, verdict=None)]) is Answer.FAIL
    assert group_answer([]) is None


async def test_the_payload_is_not_believed(here: GithubWorld) -> None:
    await waiting(here)
    await told(here, THIRD)
    assert list(here.world.ci.grouped) == [FIRST], "what GitHub shows is answered, and nothing else"
    await told(here, FIRST, base="release/8")
    here.world.ci.grouped.clear()
    here.world.ci.waiting.clear()
    await told(here, FIRST)
    assert here.world.ci.grouped == {}, "it is gone"


async def test_what_github_does_not_show_yet_is_looked_for_again(here: GithubWorld) -> None:
    _, entry = await waiting(here, None)
    asked, queue = 0, here.world.ci.queue

    async def slow(repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        nonlocal asked
        asked += 1
        if asked == 3:
            here.world.ci.waiting["main"] = [replace(entry, commit=FIRST)]
        return await queue(repository, base)

    here.world.ci.queue = slow  # type: ignore[method-assign]
    await told(here, FIRST)
    assert asked == 3 and list(here.world.ci.grouped) == [FIRST]


async def test_what_was_taken_apart_again_is_nobodys_hint(here: GithubWorld) -> None:
    await waiting(here)
    group = {"head_sha": FIRST, "base_ref": "refs/heads/main"}
    gone = {"action": "destroyed", "repository": {"full_name": NAME}, "merge_group": group, "reason": "merged"}
    assert (await here.post("merge_group", gone, "gone")).status_code == 202
    assert await here.world.store.chats.deliveries.get("github/gone/0") is None


async def test_without_webhooks_a_pull_request_that_changed_has_its_queue_answered(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=replace(SILENT, poll=0.02)) as here:
        here.world.ci.on = True
        _, entry = await waiting(here)
        await here.webhook(Hint(kind=HintKind.PULL_REQUEST, repository=NAME, number=entry.number))

        async def answered() -> bool | None:
            return FIRST in here.world.ci.grouped or None

        with anyio.fail_after(20):
            await until(answered)
