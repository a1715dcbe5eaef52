"""What a merge needs besides the right to it: the commit that was seen, something typed, a second person."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from honk.domain.event import MergeRefused, PullRequestApproved
from honk.domain.landing import Consent
from honk.domain.person import Identity, Person
from honk.domain.policy import Act, Confirmation
from honk.domain.pull_request import PullRequestState
from honk.domain.rules import Known, Rules
from honk.domain.task import State, Task
from honk.errors import HonkError, NeedsHuman, NotNow, RepositoryUnusable, Usage
from honk.testing.fake_work import APP, Edit
from honk.testing.world import CONFIG, Trap, World, world
from honk.views import Merging, Risk, next_steps, sentence
from honk.views.shown import branch, card, merging

pytestmark = pytest.mark.anyio


@pytest.fixture
async def working(here: World) -> AsyncIterator[World]:
    async with here.working():
        yield here


async def _proposed(here: World, text: str = "fix the crash") -> Task:
    return await here.settled(await here.ask(text))


async def _head(here: World, task: Task) -> str:
    return (await here.pull_request(task)).head


async def _approved(here: World, task: Task, name: str = "Bo") -> Person:
    person = await here.person(name)
    await here.app.approve(person, task, await _head(here, task), "tried it")
    return person


async def _merged(here: World, task: Task, name: str = "Ada", **consent: object) -> Task:
    await here.app.merge(await here.person(name), task, method=here.method, consent=Consent(**consent))  # type: ignore[arg-type]
    return await here.settled(task)


async def _shown(here: World, task: Task, name: str = "Ada") -> Merging:
    return await merging(await here.now(task), await here.person(name), ports=here.app.ports)


async def _refusals(here: World, task: Task) -> list[MergeRefused]:
    return [e.data for e in await here.log(task) if isinstance(e.data, MergeRefused)]


# ── approve ────────────────────────────────────────────────────────────────────────────────────
async def test_an_approval_is_of_one_commit_and_told_once(working: World) -> None:
    here = working
    task = await _proposed(here)
    bo = await _approved(here, task)
    await here.app.approve(bo, task, (await _head(here, task))[:7], "again")
    [told] = [event for event in await here.log(task) if isinstance(event.data, PullRequestApproved)]
    assert isinstance(told.data, PullRequestApproved)
    assert (told.actor, told.data.head, told.data.text) == (bo.id, await _head(here, task), "tried it")
    assert sentence(told) == f"approved: {told.data.head[:12]}, tried it"
    assert len([one for one in await here.store.records.comments(task.id) if "Bo approves" in one.text]) == 1
    assert (await card(task, ports=here.app.ports)).approved_by == ("Bo",)
    await here.app.reply(await here.person(), task, "friendlier")
    task = await here.settled(task)
    assert (await card(task, ports=here.app.ports)).approved_by == (), "of a later head it says nothing"
    with pytest.raises(NotNow, match="the branch moved: it is at"):
        await here.app.approve(bo, task, told.data.head)


async def test_an_approval_that_was_cut_off_is_made_once(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
    assert await here.killed_at(Trap(place="forge.approve"), lambda: _approved(here, task), task)
    await _approved(here, task)
    assert len([one for one in await here.store.records.comments(task.id) if "Bo approves" in one.text]) == 1
    assert len([e for e in await here.log(task) if isinstance(e.data, PullRequestApproved)]) == 1


async def test_who_may_not_merge_approves_nothing(working: World) -> None:
    here = working
    task = await _proposed(here)
    eve = await here.person("Eve")
    here.policy.refused = {(eve.id, Act.APPROVE)}
    with pytest.raises(NeedsHuman, match="Eve may not approve"):
        await _approved(here, task, "Eve")
    entries = await here.store.audit.read(task=task.id)
    assert [(one.act, one.allowed) for one in entries][:1] == [(Act.APPROVE, False)]
    assert (await card(task, ports=here.app.ports)).approved_by == ()


async def test_there_must_be_something_to_approve(working: World) -> None:
    here = working
    here.agent.habits = {"": Edit(files={})}
    nothing = await _proposed(here, "do nothing")
    with pytest.raises(NotNow, match="no pull request"):
        await here.app.approve(await here.person(), nothing, "a" * 40)
    here.agent.habits = {"": Edit(files={APP: b"fixed"})}
    task = await _proposed(here)
    for wrong in ("", (await _head(here, task))[:6], "b" * 40):
        with pytest.raises(NotNow, match="the branch moved"):
            await here.app.approve(await here.person(), task, wrong)
    with pytest.raises(Usage, match="plain text"):
        await here.app.approve(await here.person(), task, await _head(here, task), "x\0")
    await here.forge.close(task.repository, await here.pull_request(task))
    with pytest.raises(NotNow, match="is closed"):
        await _approved(here, task)
    assert (await here.pull_request(task)).state is PullRequestState.CLOSED


# ── the commit that was seen ───────────────────────────────────────────────────────────────────
async def test_what_was_seen_is_merged_or_nothing(working: World) -> None:
    here = working
    task = await _proposed(here)
    seen = await _head(here, task)
    await here.app.reply(await here.person(), task, "friendlier")
    task = await here.settled(task)
    before = len(await here.log(task))
    with pytest.raises(NotNow, match="the branch moved since: it is at") as refused:
        await _merged(here, task, head=seen)
    assert "honk diff" in refused.value.remedy
    assert (len(await here.log(task)), here.file("main")) == (before, b"crash")
    assert (await _merged(here, task, head=await _head(here, task))).state is State.DEPLOYED


# ── typed ──────────────────────────────────────────────────────────────────────────────────────
async def test_what_must_be_typed_is_the_beginning_of_the_commit(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.TYPED
    task = await _proposed(here)
    word = (await _shown(here, task)).word
    assert word == (await _head(here, task))[:7] == (await card(task, ports=here.app.ports)).to_type
    assert f"honk merge {task.id} --typed {word}" in [
        one.command for one in next_steps(await card(task, ports=here.app.ports))
    ]
    for typed, said in (("", "nothing was typed"), ("yes", "'yes' was typed")):
        with pytest.raises(NotNow, match=said) as refused:
            await _merged(here, task, typed=typed)
        assert refused.value.remedy.endswith(f"--typed {word}")
    task = await _merged(here, task, typed=f" {word.upper()} ")
    assert task.state is State.DEPLOYED
    assert (await _shown(here, task)).word == "", "what has landed needs nothing more"


async def test_nothing_merges_by_itself_where_something_must_be_typed(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.TYPED
    task = await here.settled(await here.ask("fix the crash", merge=True))
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    assert ["nothing was typed" in one.reason for one in await _refusals(here, task)] == [True]
    with pytest.raises(NotNow, match="nothing was typed"):
        await here.app.retry(await here.person(), task, point="merge")


# ── a second person ────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("approver", ["", "Ada"])
async def test_nobody_merges_alone_where_two_are_needed(working: World, approver: str) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    task = await _proposed(here)
    if approver:
        await _approved(here, task, approver)
    with pytest.raises(NotNow, match="somebody other than Ada who may merge must approve") as refused:
        await _merged(here, task)
    assert refused.value.remedy == f"honk approve {task.id}"
    assert (await here.now(task)).state is State.PROPOSED


async def test_two_people_merge_whoever_asked(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    assert (await _shown(here, await _proposed(here))).refusal.startswith("this repository merges with a second")
    first = await here.latest()
    assert first is not None
    await _approved(here, first)
    assert (await _shown(here, first)).refusal == ""
    assert (await _merged(here, first)).state is State.DEPLOYED
    second = await _proposed(here, "bump it")
    await _approved(here, second, "Ada")
    assert (await _merged(here, second, "Bo")).state is State.DEPLOYED, "the requester may be one of the two"


async def test_an_approval_of_an_older_head_does_not_count(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    task = await _proposed(here)
    await _approved(here, task)
    await here.app.reply(await here.person(), task, "friendlier")
    task = await here.settled(task)
    with pytest.raises(NotNow, match="second person"):
        await _merged(here, task)


async def test_an_approver_who_may_no_longer_merge_does_not_count(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    task = await _proposed(here)
    bo = await _approved(here, task)
    here.policy.refused = {(bo.id, Act.APPROVE)}
    with pytest.raises(NotNow, match="second person"):
        await _merged(here, task)


async def test_one_human_with_two_names_is_no_second_person(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    task = await _proposed(here)
    phone = await here.store.tasks.person(Identity.parse("slack:U1"), "ada on the phone")
    await here.app.approve(phone, task, await _head(here, task))
    identities = (Identity.parse("slack:U1"), Identity.parse("local:ada"))
    here.who_is_who = Rules(people=(Known(key="ada", name="Ada", identities=identities),), version="1")
    with pytest.raises(NotNow, match="second person"):
        await _merged(here, task)
    assert (await card(await here.now(task), ports=here.app.ports)).approved_by == ("Ada",)


async def test_two_are_asked_for_again_at_the_moment_of_the_merge(here: World) -> None:
    async with here.working():
        task = await _proposed(here)
        here.policy.asks = Confirmation.SECOND
        bo = await _approved(here, task)
        here.trap = Trap(place="tasks.move", after=False)
        await here.app.merge(await here.person(), task, method=here.method)
        await here.trap.reached.wait()
        here.policy.refused = {(bo.id, Act.APPROVE)}
    here.trap = Trap(place="nowhere")
    async with here.working():
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    assert ["second person" in one.reason for one in await _refusals(here, task)] == [True]


async def test_nothing_merges_by_itself_where_two_are_needed(working: World) -> None:
    here = working
    here.policy.asks = Confirmation.SECOND
    task = await here.settled(await here.ask("fix the crash", merge=True))
    assert (task.state, here.file("main")) == (State.PROPOSED, b"crash")
    [refused] = await _refusals(here, task)
    assert "second person" in refused.reason and refused.remedy == f"honk approve {task.id}"
    commands = [one.command for one in next_steps(await card(task, ports=here.app.ports))]
    assert f"honk approve {task.id}" in commands


# ── said before the merge ──────────────────────────────────────────────────────────────────────
async def test_what_there_is_to_know_before_a_merge(working: World) -> None:
    here = working
    task = await _proposed(here)
    await _approved(here, task)
    shown = await _shown(here, task, "Bo")
    assert (shown.head, shown.base, shown.branch) == (await _head(here, task), "main", task.branch)
    assert (shown.asked_by, shown.approved_by, shown.answer) == ("Ada", ("Bo",), "pass")
    assert shown.checks and (shown.allowed, shown.needs_accept, shown.refusal) == (True, False, "")
    assert [(one.path, one.risk) for one in shown.files] == [(APP, Risk.SOURCE)]
    assert (shown.deploying.environment, shown.deploying.undo) == ("production", "nothing older to go back to")
    await _merged(here, task)
    shown = await _shown(here, await _proposed(here, "bump it"))
    assert shown.deploying.undo == "undo deploys the version before again"
    assert shown.deploying.live == here.code.branches["main"]


@pytest.mark.parametrize(
    ("undo", "said"),
    [
        ('undo = "none"', "this environment cannot undo"),
        ('undo = "./back"', "undo runs the repository's own command: ./back"),
    ],
)
async def test_undo_is_said_as_the_environment_declares_it(tmp_path: Path, undo: str, said: str) -> None:
    async with world(tmp_path, {".honk.toml": CONFIG + undo.encode()}) as here, here.working():
        await _merged(here, await _proposed(here))
        assert (await _shown(here, await _proposed(here, "bump it"))).deploying.undo == said


async def test_who_may_not_merge_is_told_before_pressing(working: World) -> None:
    here = working
    task = await _proposed(here)
    ada = await here.person()
    here.policy.refused = {(ada.id, Act.MERGE)}
    shown = await _shown(here, task)
    assert (shown.allowed, shown.policy) == (False, "Ada may not merge here")
    assert await here.store.audit.read(task=task.id) == (), "a look is no act"


@pytest.mark.parametrize(
    ("app", "state", "needs_accept", "refusal"),
    [
        (b"maybe", State.DRAFT, True, ""),
        (b"a bug", State.DRAFT, False, "the gate has not passed this change"),
    ],
)
async def test_what_the_gate_has_against_it_is_said(
    working: World, app: bytes, state: State, needs_accept: bool, refusal: str
) -> None:
    here = working
    here.agent.habits = {"": Edit(files={APP: app})}
    task = await _proposed(here)
    shown = await _shown(here, task)
    assert (task.state, shown.needs_accept, shown.refusal) == (state, needs_accept, refusal)


async def test_what_would_refuse_the_merge_is_said_before_it(working: World) -> None:
    here = working
    task = await _proposed(here)
    here.troubles["forge.obstacle"] = [RepositoryUnusable("the repository is gone")]
    assert (await _shown(here, task)).refusal == "the repository is gone"
    here.somebody_commits(task.branch, {"backdoor.py": b"x"})
    assert "not at the verified" in (await _shown(here, task)).refusal
    await here.app.forget(await here.person(), task)
    assert "was deleted" in (await _shown(here, task)).refusal


async def test_a_look_never_fails(working: World) -> None:
    here = working
    here.agent.habits = {"": Edit(files={})}
    shown = await _shown(here, await _proposed(here, "do nothing"))
    assert (shown.head, shown.refusal, shown.files) == ("", "there is no pull request to merge", ())
    here.agent.habits = {"": Edit(files={APP: b"fixed"})}
    task = await _proposed(here)
    here.troubles["repositories.read"] = [RepositoryUnusable("the mirror is gone")]
    here.troubles["repositories.changes"] = [RepositoryUnusable("the mirror is gone")]
    shown = await _shown(here, task)
    assert (shown.deploying.undo, shown.files) == ("not known: the mirror is gone", ())


# ── after the merge, and by hand ───────────────────────────────────────────────────────────────
async def test_an_unhealthy_version_is_said_to_be_that_and_is_not_live(tmp_path: Path) -> None:
    async with world(tmp_path, {".honk.toml": CONFIG + b'health = "health"\n'}) as here, here.working():
        await _merged(here, await _proposed(here))
        here.agent.habits["bump"] = Edit(files={APP: b"fixed, is sick"})
        task = await _merged(here, await _proposed(here, "bump it"))
        assert (task.state, here.production()) == (State.MERGED, b"fixed")
        assert task.reason == "the new version is unhealthy; the version before is still live"
        [said] = [sentence(e) for e in await here.log(task) if e.type == "deployment.finished"]
        assert said == "production: unhealthy, so it did not go live\n  it answers 500"


async def test_the_branch_can_be_fetched_by_hand(working: World) -> None:
    here = working
    task = await _proposed(here)
    found = await branch(task, ports=here.app.ports)
    assert (found.branch, found.source, found.note) == (task.branch, task.repository.url, "")
    assert found.commands[0].startswith(f"git fetch {task.repository.url} +refs/heads/{task.branch}:")
    del here.code.branches[task.branch]
    with pytest.raises(HonkError, match="is gone from"):
        await branch(task, ports=here.app.ports)
