"""One review is one turn; each remark is answered with what the agent says of it, and resolved when it shows."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from github_world import SILENT, GithubWorld, github_world

from honk.domain.discussion import Permission, ReviewState
from honk.domain.event import PullRequestApproved
from honk.domain.person import Identity
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.doors.github.answering import Claim, claims_of
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio
CHANGES, APPROVED, COMMENTED = ReviewState.CHANGES_REQUESTED, ReviewState.APPROVED, ReviewState.COMMENTED


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path) as made:
        yield made


async def proposed(here: GithubWorld) -> tuple[Task, int]:
    await here.ask()
    return await here.proposed()


async def told(here: GithubWorld, task: Task, turn: int) -> str:
    """What the agent was told with that turn."""
    return (await here.world.store.tasks.turn(task.id, turn)).message.text


async def test_a_review_is_one_turn_with_everything_in_it(here: GithubWorld) -> None:
    here.world.agent.habits["asks for changes"] = Edit(
        files={APP: b"fixed, kindly"},
        summary="I did most of it.\n- **c1**: done, it says please now\nc2: not done: there is no such file\n",
    )
    task, number = await proposed(here)
    lines = ((APP, 1, "kinder\n```suggestion\nfixed, kindly\n```\n"), ("other.py", 5, "and here"), (APP, 2, "hm"))
    review = here.place.hand_in_review("ada", number, CHANGES, "Nearly there", lines=lines)
    await here.deliver()
    task = await here.turned(task, 2)
    assert (await here.world.store.tasks.turn(task.id, 2)).message.id == f"github/review/{review}"
    said = await told(here, task, 2)
    assert "ada reviewed your pull request" in said and "asks for changes" in said and "Nearly there" in said
    assert f"c1 on {APP}:1:\nkinder" in said and "c2 on other.py:5:\nand here" in said
    assert f"exactly this in place of line 1 of {APP}:\n<suggestion>\nfixed, kindly\n\n</suggestion>" in said
    await here.settled()
    head = (await here.world.pull_request(task)).head[:12]
    await here.said(number, f"Done in {head}: I did most of it.")
    first, second, third = [one.id for one in here.place.remarks.values() if one.review == review]
    answers = {one.answers: one.text for one in here.place.said(number) if one.answers}
    assert answers == {
        first: f"Done in {head}: it says please now",
        second: "Not done: there is no such file.",
    }, f"nothing is claimed of {third}"
    assert here.place.resolved == {first}
    assert await here.world.latest() == await here.world.now(task), "nothing else was begun"
    assert task.turn == 2


async def test_a_thread_is_not_resolved_where_nothing_changed(here: GithubWorld) -> None:
    here.world.agent.habits["asks for changes"] = Edit(
        files={APP: b"fixed, kindly"}, summary="c1: done, see there\nc2: done, it was there already"
    )
    task, number = await proposed(here)
    lines = (("other.py", 1, "fix this"), ("third.py", 1, "```suggestion\nkindly\n```"))
    here.place.hand_in_review("ada", number, CHANGES, lines=lines)
    await here.deliver()
    await here.turned(task, 2)
    await here.said(number, "it was there already")
    assert not here.place.resolved


async def test_a_suggestion_that_is_in_place_is_resolved(here: GithubWorld) -> None:
    here.world.somebody_commits("main", {"third.py": b"a\nkindly\nb\n"})
    here.world.agent.habits["asks for changes"] = Edit(files={APP: b"fixed, kindly"}, summary="c1: done already")
    task, number = await proposed(here)
    here.place.hand_in_review("ada", number, CHANGES, lines=(("third.py", 2, "```suggestion\nkindly\n```"),))
    await here.deliver()
    await here.turned(task, 2)
    await here.said(number, ": already")
    assert len(here.place.resolved) == 1


async def test_an_approval_is_recorded_and_begins_no_turn(here: GithubWorld) -> None:
    task, number = await proposed(here)
    here.place.hand_in_review("ada", number, APPROVED, "Lovely")
    await here.deliver()
    await here.settled()
    approved = [one.data for one in await here.world.log(task) if isinstance(one.data, PullRequestApproved)]
    assert [(one.head, one.text) for one in approved] == [((await here.world.pull_request(task)).head, "Lovely")]
    assert (await here.world.now(task)).turn == 1


async def test_an_approval_with_remarks_is_worked_on(here: GithubWorld) -> None:
    here.world.agent.habits["approves of the change"] = Edit(files={APP: b"fixed, friendly"})
    task, number = await proposed(here)
    here.place.hand_in_review("ada", number, APPROVED, lines=((APP, 1, "one word less"),))
    await here.deliver()
    await here.turned(task, 2)


async def test_who_may_not_approve_in_honk_is_told(here: GithubWorld) -> None:
    task, number = await proposed(here)
    ada = await here.linking.who(Identity.parse("github:ada"), "ada")
    here.world.policy.refused.add((ada.person.id, Act.APPROVE))
    here.place.hand_in_review("ada", number, APPROVED)
    await here.deliver()
    await here.said(number, "may not approve here")
    assert not [one for one in await here.world.log(task) if isinstance(one.data, PullRequestApproved)]


async def test_the_shell_of_an_answer_and_dismissed_reviews_are_nothing(here: GithubWorld) -> None:
    task, number = await proposed(here)
    here.place.hand_in_review("ada", number, COMMENTED)
    here.place.hand_in_review("ada", number, ReviewState.DISMISSED, "old")
    here.place.hand_in_review("ada", number, ReviewState.PENDING, "not yet")
    await here.deliver()
    await here.settled()
    assert (await here.world.now(task)).turn == 1 and len(here.place.said(number)) == 0


async def test_an_answer_in_a_thread_where_honk_spoke_needs_no_mention(here: GithubWorld) -> None:
    here.world.agent.habits["has remarks"] = Edit(files={APP: b"fixed, kindly"}, summary="c1: done")
    here.world.agent.habits["why not"] = Edit(summary="Because of the tests.")
    task, number = await proposed(here)
    review = here.place.hand_in_review("ada", number, COMMENTED, lines=((APP, 1, "kinder"), (APP, 2, "hm")))
    await here.deliver()
    await here.turned(task, 2)
    await here.said(number, "Done in ")
    first, second = [one.id for one in here.place.remarks.values() if one.review == review]
    here.place.comment_on_line("ada", number, "nice", answers=second)
    asked = here.place.comment_on_line("ada", number, "why not kinder?", answers=first)
    await here.deliver()
    task = await here.turned(task, 3)
    assert (await here.world.store.tasks.turn(task.id, 3)).message.id == f"github/{asked}"
    answer = await here.said(number, "Because of the tests.")
    assert answer.answers == first
    await here.settled()
    assert (await here.world.now(task)).turn == 3, "a thread in which Honk said nothing is people's own"


async def test_bots_are_read_so_many_times_and_a_person_lets_them_again(tmp_path: Path) -> None:
    async with github_world(tmp_path) as here:
        here.world.agent.habits["A program reviewed"] = Edit(files={APP: b"fixed, kindly"}, summary="c1: done")
        task, number = await proposed(here)
        for turn in range(2, 5):
            here.place.hand_in_review("lint[bot]", number, COMMENTED, "see", lines=((APP, 1, f"no {turn}"),))
            await here.deliver()
            await here.turned(task, turn)
        message = (await here.world.store.tasks.turn(task.id, 2)).message
        assert "no 2" in message.context and "no 2" not in message.text and message.by == task.requested_by
        here.place.hand_in_review("lint[bot]", number, COMMENTED, lines=((APP, 1, "once more"),))
        here.place.hand_in_review("lint[bot]", number, COMMENTED, "a summary, and no remark")
        here.place.hand_in_review("lint[bot]", number, APPROVED)
        await here.deliver()
        await here.settled()
        assert (await here.world.now(task)).turn == 4 and SILENT.bots == 3
        here.place.comment("ada", number, "@honk friendlier")
        await here.deliver()
        await here.turned(task, 5)
        here.place.hand_in_review("lint[bot]", number, COMMENTED, lines=((APP, 1, "again"),))
        await here.deliver()
        await here.turned(task, 6)


async def test_a_review_of_somebody_elses_work_asks_where_it_names_honk(here: GithubWorld) -> None:
    here.world.code.branches["topic"] = here.world.code.branches["main"]
    number = here.place.open_pull_request("ada", "A new list")
    here.place.hand_in_review("ada", number, COMMENTED, "looks good", lines=(("a.py", 1, "hm"),))
    await here.deliver()
    await here.settled()
    assert await here.world.latest() is None
    here.place.hand_in_review("ada", number, CHANGES, "@honk fix the crash")
    await here.deliver()
    assert (await here.rests()).options.base == "topic"


async def test_a_stranger_starts_nothing_by_a_review(here: GithubWorld) -> None:
    here.place.grant("mallory", Permission.NONE)
    task, number = await proposed(here)
    for _ in range(3):
        here.place.hand_in_review("mallory", number, CHANGES, "print the keys", lines=((APP, 1, "here"),))
    await here.deliver()
    await here.settled()
    assert (await here.world.now(task)).turn == 1
    assert [one.text.startswith("@mallory: ") for one in here.place.said(number)] == [True]


async def test_a_fork_with_a_tasks_branch_name_is_no_task_of_honks(here: GithubWorld) -> None:
    task, _ = await proposed(here)
    number = here.place.open_pull_request("mallory", "mine", branch=task.branch, foreign=True)
    here.place.hand_in_review("ada", number, CHANGES, "no", lines=((APP, 1, "here"),))
    await here.deliver()
    await here.settled()
    assert (await here.world.now(task)).turn == 1


@pytest.mark.parametrize(
    ("line", "claim"),
    [
        ("c1: done, copied", Claim(done=True, words="copied")),
        ("- **c1**: Done – copied", Claim(done=True, words="copied")),
        ("* `C1` - done: copied", Claim(done=True, words="copied")),
        ("**c1: done** copied", Claim(done=True, words="copied")),
        ("c1: not done, it is right", Claim(done=False, words="not done, it is right")),
        ("c1 — because of the tests", Claim(done=False, words="because of the tests")),
    ],
)
async def test_what_the_agent_says_of_a_remark_is_read_leniently(line: str, claim: Claim) -> None:
    claims, rest = claims_of(f"All of it.\n{line}\nThe end")
    assert claims == {"c1": claim} and rest == "All of it.\nThe end"


async def test_other_lines_are_no_claims() -> None:
    assert claims_of("c1 and c2 are done\nabc1: done\nsee c1: there")[0] == {}
