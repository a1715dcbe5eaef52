"""Stories of one turn: from an instruction to something that can be looked at."""

from pathlib import Path

import anyio
import pytest

from honk.domain.event import ChangeRefused, ChangeTaken, LimitHit, MessageReceived, TaskNoted, VerdictGiven
from honk.domain.limits import Limits
from honk.domain.message import Handling
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.task import Options, State, Task
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer
from honk.errors import ModelRefused, RepositoryUnusable, Usage
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS, World, world
from honk.views import EXITS

pytestmark = pytest.mark.anyio


async def _one_turn(here: World, **options: object) -> Task:
    async with here.working():
        return await here.settled(await here.ask("fix the crash", **options))


async def _outcome(here: World, task: Task) -> Outcome | None:
    return (await here.store.tasks.turn(task.id, task.turn)).outcome


async def _no_pull_request(here: World, task: Task) -> bool:
    return await here.store.records.pull_request(task.id) is None and task.branch not in here.code.branches


# ── what the gate says ─────────────────────────────────────────────────────────────────────────
async def test_a_proven_change_becomes_an_open_pull_request_with_a_build(here: World) -> None:
    task = await _one_turn(here)
    pull_request = await here.pull_request(task)
    assert (task.state, await _outcome(here, task)) == (State.PROPOSED, Outcome.PASS)
    assert (pull_request.state, pull_request.base) == (PullRequestState.OPEN, "main")
    assert here.code.branches[task.branch] == pull_request.head
    assert (here.file(task.branch), here.file("main"), here.production()) == (b"fixed", b"crash", None)
    build = await here.store.records.build(task.id)
    assert build is not None and build.commit == pull_request.head and build.preview_url
    commit = here.code.commits[pull_request.head]
    assert f"Honk-Task: {task.id}" in commit.message
    assert "Requested-by: Ada" in commit.message
    assert "Assisted-by: Claude Code fake" in commit.message
    assert "fix the crash" in pull_request.body


async def test_a_refused_change_is_corrected_with_the_findings_in_hand(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"a bug"})
    task = await _one_turn(here)
    assert task.state is State.PROPOSED
    assert here.file(task.branch) == b"fixed"
    given = [e.data.answer for e in await here.log(task) if isinstance(e.data, VerdictGiven)]
    assert given == [Answer.FAIL, Answer.PASS]
    [told] = here.agent.memory.values()
    assert [("the app has a bug" in words) for words in told] == [False, True]
    head = here.code.commits[(await here.pull_request(task)).head]
    assert head.parents == (here.code.branches["main"],), "one commit a turn"


async def test_refused_three_times_it_is_a_draft_with_the_findings(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"a bug"})}
    task = await _one_turn(here)
    pull_request = await here.pull_request(task)
    assert (task.state, pull_request.state) == (State.DRAFT, PullRequestState.DRAFT)
    assert await _outcome(here, task) is Outcome.FAIL
    assert "the app has a bug" in pull_request.body
    given = [e.data.answer for e in await here.log(task) if isinstance(e.data, VerdictGiven)]
    assert given == [Answer.FAIL] * 3
    assert await here.store.records.build(task.id) is None


async def test_what_cannot_be_proven_is_a_draft_that_says_so(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"maybe"})}
    task = await _one_turn(here)
    pull_request = await here.pull_request(task)
    assert (task.state, pull_request.state) == (State.DRAFT, PullRequestState.DRAFT)
    assert await _outcome(here, task) is Outcome.UNSURE
    assert "## Not proven\n\n- no test ran" in pull_request.body


async def test_an_agent_that_cannot_correct_itself_is_sent_out_once(here: World) -> None:
    here.agent.corrects = False
    here.agent.habits = {"": Edit(files={APP: b"a bug"})}
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.DRAFT, Outcome.FAIL)
    [told] = here.agent.memory.values()
    assert told == ["fix the crash"]


async def test_a_broken_base_waits_for_a_person_before_any_money_is_spent(here: World) -> None:
    here.somebody_commits("main", {APP: b"broken"})
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.WAITING, Outcome.QUESTION)
    assert "every test fails on the base" in task.reason
    assert here.agent.memory == {}
    assert (await here.store.records.spent(task.id)).calls == 0
    async with here.working():
        await here.app.reply(await here.person(), task, "fix the crash all the same")
        task = await here.settled(task)
    assert task.state is State.PROPOSED


# ── nothing, too much, too little ──────────────────────────────────────────────────────────────
async def test_no_change_is_no_pull_request(here: World) -> None:
    here.agent.habits = {"": Edit(summary="it is right as it is")}
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.FAILED, Outcome.NO_CHANGE)
    assert "it is right as it is" in task.reason
    assert await _no_pull_request(here, task)


@pytest.mark.parametrize(
    ("limits", "kind"),
    [
        (Limits(usd=1.0, calls=None, seconds=None), "money"),
        (Limits(usd=None, calls=1, seconds=None), "calls"),
        (Limits(usd=None, calls=None, seconds=0.02), "time"),
    ],
)
async def test_a_limit_ends_in_a_draft_with_what_was_done(here: World, limits: Limits, kind: str) -> None:
    here.agent.habits = {"": Edit(files={APP: b"half of it"}, calls=1 if kind == "time" else 2, endless=kind == "time")}
    task = await _one_turn(here, limits=limits)
    pull_request = await here.pull_request(task)
    assert (task.state, pull_request.state) == (State.DRAFT, PullRequestState.DRAFT)
    assert await _outcome(here, task) is Outcome.LIMIT
    assert here.file(task.branch) == b"half of it"
    assert f"Ended early ({kind})" in pull_request.body
    assert [e.data.kind for e in await here.log(task) if isinstance(e.data, LimitHit)] == [kind]


@pytest.mark.parametrize("limits", [Limits(usd=0.0), Limits(calls=0)])
async def test_a_limit_before_anything_was_done_is_a_draft_without_a_pull_request(here: World, limits: Limits) -> None:
    task = await _one_turn(here, limits=limits)
    assert (task.state, await _outcome(here, task)) == (State.DRAFT, Outcome.LIMIT)
    assert task.reason
    assert await _no_pull_request(here, task)


async def test_after_a_limit_a_failing_change_is_not_sent_back(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"a bug"}, calls=2)}
    task = await _one_turn(here, limits=Limits(usd=1.0))
    assert (task.state, await _outcome(here, task)) == (State.DRAFT, Outcome.LIMIT)
    assert (await here.store.records.spent(task.id)).usd == 1.0
    verdict = await here.store.records.verdict(task.id)
    assert verdict is not None and verdict.answer is Answer.FAIL


async def test_a_later_turn_out_of_money_leaves_the_proven_pull_request_open(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash", limits=Limits(usd=1.0)))
        head = (await here.pull_request(task)).head
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    pull_request = await here.pull_request(task)
    assert await _outcome(here, task) is Outcome.LIMIT
    assert (task.state, pull_request.state, pull_request.head) == (State.PROPOSED, PullRequestState.OPEN, head)


# ── taking the work over ───────────────────────────────────────────────────────────────────────
async def test_a_refused_hand_back_is_corrected(here: World) -> None:
    here.agent.habits = {
        "link leads out": Edit(files={"link": None, APP: b"fixed"}),
        "fix the crash": Edit(files={"link": b"/etc/passwd", APP: b"fixed"}),
    }
    task = await _one_turn(here)
    assert task.state is State.PROPOSED
    assert here.file(task.branch, "link") is None
    log = await here.log(task)
    assert [type(e.data) for e in log if isinstance(e.data, ChangeRefused | ChangeTaken)] == [
        ChangeRefused,
        ChangeTaken,
    ]


async def test_a_hand_back_refused_to_the_end_shows_nothing_and_keeps_the_workspace(here: World) -> None:
    here.agent.habits = {"": Edit(files={"link": b"/etc/passwd"})}
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.FAILED, Outcome.ERROR)
    assert "link leads out" in task.reason
    assert await _no_pull_request(here, task)
    assert here.kept(task.id, "link") == b"/etc/passwd"


async def test_a_target_that_refuses_the_push_is_said_and_the_work_is_kept(here: World) -> None:
    here.forge.refuses = "protected branch"
    task = await _one_turn(here)
    pull_request = await here.pull_request(task)
    assert task.state is State.PROPOSED
    assert here.code.files(pull_request.head)[APP] == b"fixed"
    notes = [e.data.text for e in await here.log(task) if isinstance(e.data, TaskNoted)]
    assert any("protected branch" in note and task.branch in note for note in notes)


async def test_a_commit_of_a_person_on_the_branch_is_never_pushed_over(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        by_hand = here.somebody_commits(task.branch, {"notes.txt": b"mine"})
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    assert here.code.branches[task.branch] == by_hand
    assert any("somebody moved" in e.data.text for e in await here.log(task) if isinstance(e.data, TaskNoted))


async def test_a_build_that_fails_is_told_and_the_pull_request_stands(here: World) -> None:
    here.agent.habits = {"": Edit(files={APP: b"cannot be built"})}
    task = await _one_turn(here)
    assert (task.state, (await here.pull_request(task)).state) == (State.PROPOSED, PullRequestState.OPEN)
    assert await here.store.records.build(task.id) is None
    assert "build.failed" in [event.type for event in await here.log(task)]


# ── what goes wrong around it ──────────────────────────────────────────────────────────────────
async def test_without_a_working_key_nothing_is_begun(here: World) -> None:
    here.agent.key_works = False
    with pytest.raises(ModelRefused, match="refused the key"):
        await here.ask("fix the crash")
    assert await here.latest() is None


async def test_a_model_that_refuses_the_key_later_says_what_to_do(here: World) -> None:
    refused = Edit(files={APP: b"half"}, cut_short="model", reason="the model's server refused the key")
    here.agent.habits = {"": refused}
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.DRAFT, Outcome.ERROR)
    assert "refused the key" in task.reason
    assert here.kept(task.id) == b"half"
    here.agent.habits = {"": Edit(files={APP: b"fixed"})}
    async with here.working():
        await here.app.retry(await here.person(), task)
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.PROPOSED, 2)


@pytest.mark.parametrize("error", [RuntimeError("out of script"), ModelRefused("no such model")])
async def test_whatever_the_agent_raises_the_task_comes_to_rest_with_the_reason(here: World, error: Exception) -> None:
    here.agent.habits = {"": Edit(files={APP: b"half"}, error=error)}
    task = await _one_turn(here)
    assert (task.state, await _outcome(here, task)) == (State.FAILED, Outcome.ERROR)
    assert str(error) in task.reason
    assert here.kept(task.id) == b"half"
    assert [e.type for e in await here.log(task)][-1] == "task.settled"


async def test_a_repository_that_is_not_there_is_said(here: World) -> None:
    async with here.working():
        task = await here.app.submit(await here.person(), "/missing", "fix the crash", Options())
        task = await here.settled(task)
    assert (task.state, await _outcome(here, task)) == (State.FAILED, Outcome.ERROR)
    assert "there is no repository at /missing" in task.reason


async def test_an_unknown_base_branch_is_said(here: World) -> None:
    task = await _one_turn(here, base="develop")
    assert (task.state, await _outcome(here, task)) == (State.FAILED, Outcome.ERROR)
    assert RepositoryUnusable.__name__ not in task.reason
    assert "has no branch develop" in task.reason


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 1_000_001])
async def test_an_instruction_without_sense_begins_nothing(here: World, text: str) -> None:
    with pytest.raises(Usage):
        await here.ask(text)
    assert await here.latest() is None


async def test_a_long_instruction_is_carried_out(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash " + "a" * 100_000))
    assert task.state is State.PROPOSED
    assert len((await here.pull_request(task)).title) <= 100


# ── replies ────────────────────────────────────────────────────────────────────────────────────
async def test_a_reply_is_a_new_turn_of_the_same_task(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        first = await here.pull_request(task)
        turn = await here.app.reply(await here.person("Bo"), task, "make it friendlier")
        task = await here.settled(task)
    second = await here.pull_request(task)
    assert turn is not None and turn.number == task.turn == 2
    assert (second.number, second.branch) == (first.number, first.branch)
    assert here.file(task.branch) == b"fixed, friendly"
    assert here.code.commits[second.head].parents == (first.head,)
    assert "Requested-by: Bo" in here.code.commits[second.head].message
    assert "make it friendlier" in second.body and "fix the crash" in second.body
    assert len(here.agent.memory) == 1, "the same session"
    builds = [e.data for e in await here.log(task) if e.type == "build.ready"]
    assert len(builds) == 2
    assert [path.name for path in (here.home / "tasks").iterdir()] == [task.id], "the same workspace"


async def test_a_reply_that_breaks_the_change_makes_the_pull_request_a_draft(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        here.agent.habits = {"": Edit(files={APP: b"a bug"})}
        await here.app.reply(await here.person(), task, "friendlier")
        task = await here.settled(task)
    assert (task.state, (await here.pull_request(task)).state) == (State.DRAFT, PullRequestState.DRAFT)


async def test_a_reply_that_changes_nothing_leaves_the_pull_request_open(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash"))
        here.agent.habits = {"": Edit(summary="nothing to do")}
        before: PullRequest = await here.pull_request(task)
        await here.app.reply(await here.person(), task, "thanks")
        task = await here.settled(task)
    assert (task.state, await _outcome(here, task)) == (State.PROPOSED, Outcome.NO_CHANGE)
    assert await here.pull_request(task) == before
    assert "nothing to do" in task.reason


async def test_messages_during_a_turn_become_the_next_turns_in_order(here: World) -> None:
    may_end = anyio.Event()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=may_end)
    person = await here.person()
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
        for text in ("make it friendlier", "bump it", "make it friendlier"):
            assert await here.app.reply(person, task, text, id=text, handling=Handling.QUEUED) is None
        may_end.set()
        task = await here.settled(task)
    turns = [await here.store.tasks.turn(task.id, number) for number in range(1, task.turn + 1)]
    assert [turn.message.text for turn in turns] == ["fix the crash", "make it friendlier", "bump it"]
    assert here.file(task.branch) == b"fixed, bumped"
    received = [e.data.handling for e in await here.log(task) if isinstance(e.data, MessageReceived)]
    assert received == ["queued", "queued"]


async def test_a_message_delivered_twice_is_one_turn_and_one_task(here: World) -> None:
    person = await here.person()
    async with here.working():
        first = await here.app.submit(person, ADDRESS, "fix the crash", Options(), id="one")
        again = await here.app.submit(person, ADDRESS, "fix the crash", Options(), id="one")
        task = await here.settled(first)
        await here.app.reply(person, task, "friendlier", id="two")
        await here.app.reply(person, task, "friendlier", id="two")
        task = await here.settled(task)
        await here.app.reply(person, task, "friendlier", id="two")
    assert again.id == first.id
    assert (await here.now(task)).turn == 2
    assert len(await here.store.tasks.list()) == 1


async def test_a_reply_to_a_task_cut_off_by_a_crash_goes_on_with_both(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, endless=True)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
    may_end = anyio.Event()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=may_end)
    person = await here.person()
    async with here.working():
        assert await here.app.reply(person, task, "make it friendlier", handling=Handling.QUEUED) is None
        may_end.set()
        task = await here.settled(task)
    assert (task.state, task.turn) == (State.PROPOSED, 2)
    assert here.file(task.branch) == b"fixed, friendly"


async def test_an_attempt_cut_off_by_a_crash_goes_on_in_the_same_session(here: World) -> None:
    here.agent.habits["fix the crash"] = Edit(files={APP: b"half"}, endless=True)
    async with here.working():
        task = await here.ask("fix the crash")
        await here.agent.busy.wait()
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"})
    async with here.working():
        twin = await here.app.unfinished_twin(await here.person(), ADDRESS, "fix the crash", Options())
        assert twin is not None and twin.id == task.id
        assert await here.app.resume(twin)
        task = await here.settled(task)
    assert task.state is State.PROPOSED
    [told] = here.agent.memory.values()
    assert ["You were interrupted" in words for words in told] == [False, True]


# ── every outcome ──────────────────────────────────────────────────────────────────────────────
def test_exit_codes_are_as_settled() -> None:
    assert EXITS == {
        Outcome.PASS: 0,
        Outcome.FAIL: 3,
        Outcome.LIMIT: 3,
        Outcome.UNSURE: 4,
        Outcome.QUESTION: 4,
        Outcome.NO_CHANGE: 1,
        Outcome.STOPPED: 1,
        Outcome.ERROR: 1,
    }


async def test_submodules_are_said_not_to_be_there(tmp_path: Path) -> None:
    modules = b'[submodule "player"]\n\tpath = vendor/player\n\turl = git@example.com:player.git\n'
    async with world(tmp_path, {".gitmodules": modules}) as there, there.working():
        task = await there.settled(await there.ask())
        notes = [one.data.text for one in await there.log(task) if isinstance(one.data, TaskNoted)]
    assert [one for one in notes if "vendor/player" in one and "not fetched" in one]


async def test_what_is_asked_closes_no_issue_by_its_words(here: World) -> None:
    async with here.working():
        task = await here.settled(await here.ask("fix the crash, closes #7"))
        there = await here.pull_request(task)
        made = here.code.commits[there.head].message
    for text in (there.title, there.body, made):
        assert "closes issue #7" in text and "closes #7" not in text
