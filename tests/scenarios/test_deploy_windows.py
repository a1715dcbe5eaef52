"""Deployments that wait: for a window, for a thaw, for whoever is before them; and begin by themselves."""

from datetime import UTC, datetime, timedelta

import anyio
import pytest

from honk.domain.deploy_line import Stand
from honk.domain.deployment import DeploymentState
from honk.domain.event import DeploymentStarted, TaskNoted
from honk.domain.landing import Consent
from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.errors import NotAllowed, NotNow, Unknown, Usage
from honk.testing.fake_work import Edit
from honk.testing.world import ADDRESS, CONFIG, Trap, World
from honk.views import next_steps
from honk.views.shown import card, merging

pytestmark = pytest.mark.anyio
OFFICE = b"""windows = ["mon-fri 09:00-16:00"]
timezone = "Europe/Stockholm"
"""
SATURDAY = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


async def _proposed(here: World, text: str = "fix the crash", path: str = "") -> Task:
    if path:
        here.agent.habits[text] = Edit(files={path: b"fixed"})
    return await here.settled(await here.ask(text))


async def _merged(here: World, task: Task, *, now: bool = False, by: str = "Ada", act: str = "") -> Task:
    person = await here.person(by)
    consent = Consent(now=now, accept_unsure=True)
    await here.app.merge(person, task, method=here.method, consent=consent, act=act)
    return await here.settled(task)


async def _looked(here: World, *tasks: Task) -> list[Task]:
    await here.app.begin_waiting()
    return [await here.settled(task) for task in tasks]


async def _weekend(here: World, more: bytes = OFFICE) -> None:
    here.somebody_commits("main", {".honk.toml": CONFIG + more})
    here.clock.now = SATURDAY  # type: ignore[attr-defined]


def _set(here: World, moment: datetime) -> None:
    here.clock.now = moment  # type: ignore[attr-defined]


async def _stands(here: World) -> dict[str, Stand]:
    return {one.task: one.stand for one in await here.store.deploys.places()}


async def _deployed(here: World, task: Task) -> list[DeploymentState]:
    return [one.state for one in await here.store.records.deployments(task.repository.key, "production")]


# ── windows ────────────────────────────────────────────────────────────────────────────────────
async def test_a_merge_outside_the_window_is_merged_and_deployed_when_it_opens(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _proposed(here)
        shown = await merging(task, await here.person(), ports=here.app.ports)
        why = "waits for Mon 09:00 CET: deploys to production are open mon-fri 09:00-16:00"
        assert (shown.deploying.waits, shown.allowed, shown.refusal) == (why, True, "")
        task = await _merged(here, task)
        assert (task.state, task.reason, here.production()) == (State.MERGED, why, None)
        assert here.file("main") == b"fixed"
        steps = next_steps(await card(task, ports=here.app.ports))
        assert steps[0].command == f"honk merge {task.id} --now"
        _set(here, MONDAY - timedelta(minutes=5))
        [task] = await _looked(here, task)
        assert (task.state, here.production()) == (State.MERGED, None)
        _set(here, MONDAY)
        [task] = await _looked(here, task)
        assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
        [task] = await _looked(here, task)
    assert await _deployed(here, task) == [DeploymentState.LIVE]
    assert await _stands(here) == {}
    moves = [one.data for one in await here.log(task) if isinstance(one.data, DeploymentStarted)]
    assert len(moves) == 1


async def test_a_server_that_was_down_when_it_opened_begins_it_when_it_comes_back(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _merged(here, await _proposed(here))
    _set(here, MONDAY + timedelta(hours=2))
    async with here.working():
        await here.app.begin_waiting()
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")


@pytest.mark.parametrize("place", ["deploys.enter", "deploys.hold"])
async def test_killed_while_it_comes_to_wait_or_begins_it_is_deployed_once(here: World, place: str) -> None:
    await _weekend(here)
    async with here.working():
        task = await _proposed(here)

    async def press() -> object:
        return await here.app.merge(await here.person(), task, method=here.method, act="press")

    await here.killed_at(Trap(place=place), press, task)
    async with here.working():
        await here.app.merge(await here.person(), task, method=here.method, act="press")
        await here.app.resume(task)
        assert (await here.settled(task)).state is State.MERGED
    _set(here, MONDAY)

    async def begin() -> None:
        await here.app.begin_waiting()
        await here.app.resume(task)

    for place in ("journal.start", "deploys.take", "records.save_deployment", "deploys.leave"):
        await here.killed_at(Trap(place=place), begin, task)
    async with here.working():
        await begin()
        task = await here.settled(task)
        [task] = await _looked(here, task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert await _deployed(here, task) == [DeploymentState.LIVE] and await _stands(here) == {}


async def test_a_clock_that_jumps_changes_only_when_it_begins(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _merged(here, await _proposed(here))
        for moment in (SATURDAY - timedelta(days=364), SATURDAY, MONDAY + timedelta(hours=9)):
            _set(here, moment)
            [task] = await _looked(here, task)
            assert task.state is State.MERGED, moment
        _set(here, MONDAY + timedelta(days=1))
        [task] = await _looked(here, task)
    assert await _deployed(here, task) == [DeploymentState.LIVE]


async def test_of_several_that_wait_only_the_newest_is_deployed(here: World) -> None:
    await _weekend(here)
    async with here.working():
        older = await _proposed(here, "add one", "one.py")
        newer = await _proposed(here, "fix the crash")
        older, newer = await _merged(here, older), await _merged(here, newer)
        assert {older.state, newer.state} == {State.MERGED}
        _set(here, MONDAY)
        older, newer = await _looked(here, older, newer)
        older, newer = await _looked(here, older, newer)
    assert (newer.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert (older.state, older.reason) == (
        State.MERGED,
        f"it is within the deployment of task {newer.id}, which was merged later",
    )
    assert await _deployed(here, newer) == [DeploymentState.LIVE] and await _stands(here) == {}


async def test_who_may_deploys_now_in_spite_of_it_and_it_is_said_and_audited(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _merged(here, await _proposed(here))
        assert (await _merged(here, task)).state is State.MERGED, "a press without a word waits as well"
        stranger = await here.person("Eve")
        here.policy.refused.add((stranger.id, Act.DEPLOY))
        with pytest.raises(NotAllowed):
            await _merged(here, task, now=True, by="Eve")
        task = await _merged(here, task, now=True, by="Bo")
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    bo = await here.person("Bo")
    said = [(one.actor, one.data.text) for one in await here.log(task) if isinstance(one.data, TaskNoted)]
    [(actor, text)] = said
    assert actor == bo.id and text.startswith("Bo has it deployed in spite of this: waits for Mon 09:00 CET")
    [entry, *_] = [one for one in await here.store.audit.read(person=bo.id) if "in spite" in one.reason]
    assert entry.act is Act.DEPLOY and entry.allowed and "Mon 09:00 CET" in entry.reason
    assert await _stands(here) == {}


async def test_a_newer_one_deployed_now_takes_the_waiting_ones_along(here: World) -> None:
    await _weekend(here)
    async with here.working():
        older = await _merged(here, await _proposed(here, "add one", "one.py"))
        newer = await _merged(here, await _proposed(here), now=True)
        assert newer.state is State.DEPLOYED
        _set(here, MONDAY)
        [older] = await _looked(here, older)
    assert older.state is State.MERGED and newer.id in older.reason
    assert len(await _deployed(here, newer)) == 1


async def test_a_right_that_is_gone_when_it_opens_deploys_nothing(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _merged(here, await _proposed(here))
        here.policy.refused.add(((await here.person()).id, Act.DEPLOY))
        _set(here, MONDAY)
        [task] = await _looked(here, task)
        [task] = await _looked(here, task)
    assert (task.state, here.production()) == (State.MERGED, None)
    assert "may not deploy" in task.reason and await _stands(here) == {}


async def test_what_waits_can_be_stopped(here: World) -> None:
    await _weekend(here)
    async with here.working():
        task = await _merged(here, await _proposed(here))
        task = await here.app.stop(await here.person("Bo"), task, working=True)
        assert (task.state, task.reason) == (State.MERGED, "stopped by Bo, before it was deployed")
        _set(here, MONDAY)
        [task] = await _looked(here, task)
        assert here.production() is None and await _stands(here) == {}
        with pytest.raises(NotNow):
            await here.app.stop(await here.person(), task, working=True)
        task = await _merged(here, task)
    assert task.state is State.DEPLOYED


# ── freezes ────────────────────────────────────────────────────────────────────────────────────
async def test_a_freeze_holds_until_it_is_thawed(here: World) -> None:
    ada = await here.person()
    async with here.working():
        await here.app.freeze(ada, ADDRESS, "the  release\nis cut", environment="production")
        task = await _merged(here, await _proposed(here), by="Bo")
        assert (task.state, task.reason) == (State.MERGED, "production is frozen by Ada: the release is cut")
        [task] = await _looked(here, task)
        assert here.production() is None
        with pytest.raises(Unknown, match="as a whole"):
            await here.app.thaw(ada, ADDRESS)
        await here.app.thaw(ada, ADDRESS, environment="production")
        [task] = await _looked(here, task)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    acts = [one.act for one in await here.store.audit.read() if one.act in {Act.FREEZE, Act.THAW}]
    assert acts == [Act.THAW, Act.THAW, Act.FREEZE]


async def test_a_freeze_runs_out_and_the_window_counts_again(here: World) -> None:
    await _weekend(here)
    async with here.working():
        await here.app.freeze(await here.person(), ADDRESS, "migration", until=MONDAY + timedelta(hours=1))
        task = await _merged(here, await _proposed(here))
        assert task.reason == "production is frozen by Ada until Mon 10:00 CET: migration"
        _set(here, MONDAY)
        [task] = await _looked(here, task)
        assert task.state is State.MERGED
        _set(here, MONDAY + timedelta(hours=1))
        [task] = await _looked(here, task)
    assert task.state is State.DEPLOYED


async def test_another_environments_freeze_holds_nothing(here: World) -> None:
    async with here.working():
        await here.app.freeze(await here.person(), ADDRESS, "no", environment="staging")
        task = await _merged(here, await _proposed(here))
    assert task.state is State.DEPLOYED


async def test_who_may_not_deploy_freezes_and_thaws_nothing(here: World) -> None:
    eve = await here.person("Eve")
    here.policy.refused |= {(eve.id, Act.FREEZE), (eve.id, Act.THAW)}
    await here.app.freeze(await here.person(), ADDRESS, "no")
    for act in (here.app.freeze(eve, ADDRESS, "mine"), here.app.thaw(eve, ADDRESS)):
        with pytest.raises(NotAllowed):
            await act
    assert [one.why for one in await here.app.freezes(ADDRESS)] == ["no"]
    refused = [one.allowed for one in await here.store.audit.read(person=eve.id)]
    assert refused == [False, False]


@pytest.mark.parametrize(
    ("why", "environment", "hours"),
    [
        ("", "", None),
        ("x" * 301, "", None),
        ("a\0b", "", None),
        ("no", "../x", None),
        ("no", "a b", None),
        ("no", "", -1),
    ],
)
async def test_a_freeze_that_makes_no_sense_is_refused(
    here: World, why: str, environment: str, hours: int | None
) -> None:
    until = None if hours is None else here.clock() + timedelta(hours=hours)
    with pytest.raises(Usage):
        await here.app.freeze(await here.person(), ADDRESS, why, environment=environment, until=until)
    assert await here.app.freezes(ADDRESS) == ()


# ── one at a time ──────────────────────────────────────────────────────────────────────────────
async def _two(here: World) -> tuple[Task, Task]:
    return await _proposed(here, "add one", "one.py"), await _proposed(here, "fix the crash")


async def test_two_that_land_at_once_are_deployed_one_after_the_other(here: World) -> None:
    async with here.working():
        first, second = await _two(here)
        # the first is held while it deploys
        here.trap = Trap(place="records.save_deployment", goes_on=anyio.Event())
        await here.app.merge(await here.person(), first, method=here.method, consent=Consent(accept_unsure=True))
        await here.trap.reached.wait()
        second = await _merged(here, second)
        assert second.state is State.MERGED
        assert second.reason == f"waits for the deployment of task {first.id} to production, which is under way"
        [second] = await _looked(here, second)
        assert here.production() is None, "it does not overtake"
        shown = await merging(second, await here.person(), ports=here.app.ports)
        assert first.id in shown.deploying.waits
        with_now = await _merged(here, second, now=True)
        assert with_now.state is State.MERGED, "one at a time, whoever asks"
        assert here.trap.goes_on is not None
        here.trap.goes_on.set()
        first = await here.settled(first)
        first, second = await _looked(here, first, second)
    assert {first.state, second.state} == {State.DEPLOYED} and here.production() == b"fixed"
    log = await here.store.records.deployments(first.repository.key, "production")
    assert [one.task for one in log] == [second.id, first.id] and log[0].previous == log[1].id
    assert await _stands(here) == {}


async def test_one_that_is_killed_in_the_middle_keeps_its_place(here: World) -> None:
    async with here.working():
        first, second = await _two(here)

    async def press() -> object:
        return await here.app.merge(await here.person(), first, method=here.method, consent=Consent(accept_unsure=True))

    assert await here.killed_at(Trap(place="records.save_deployment"), press, first)
    assert await _stands(here) == {first.id: Stand.GOING}
    await here.app.merge(await here.person(), second, method=here.method)
    async with here.working():
        second = await here.settled(second)
        assert second.state is State.MERGED and first.id in second.reason
        await here.app.resume(first)
        first = await here.settled(first)
        first, second = await _looked(here, first, second)
    assert {first.state, second.state} == {State.DEPLOYED}
    log = await here.store.records.deployments(first.repository.key, "production")
    assert [(one.task, one.state) for one in log] == [
        (second.id, DeploymentState.LIVE),
        (first.id, DeploymentState.LIVE),
    ]


async def test_who_was_merged_first_goes_first_even_if_its_build_takes_longer(here: World) -> None:
    async with here.working():
        first, second = await _two(here)
        here.trap = Trap(place="deploys.enter", goes_on=anyio.Event())  # merged, and not yet built
        await here.app.merge(await here.person(), first, method=here.method, consent=Consent(accept_unsure=True))
        await here.trap.reached.wait()
        second = await _merged(here, second)
        assert second.reason == (
            f"waits for task {first.id}, which was merged before it and is deployed to production first"
        )
        assert here.trap.goes_on is not None
        here.trap.goes_on.set()
        first = await here.settled(first)
        first, second = await _looked(here, first, second)
    log = await here.store.records.deployments(first.repository.key, "production")
    assert [one.task for one in log] == [second.id, first.id]


async def test_one_whose_deployment_fails_lets_the_next_one_go(here: World) -> None:
    here.agent.habits["break it"] = Edit(files={"app.py": b"fixed, does not start"})
    async with here.working():
        task = await _merged(here, await _proposed(here, "break it"))
        assert task.state is State.MERGED and await _stands(here) == {}
        other = await _merged(here, await _proposed(here, "friendlier"))
    assert other.state is State.DEPLOYED


async def test_a_place_on_which_nobody_is_at_work_blocks_nobody(here: World) -> None:
    """As after a backup, which has the store and not what was under way."""
    await _weekend(here)
    async with here.working():
        first, second = await _two(here)
        first, second = await _merged(here, first), await _merged(here, second)
        [place, *_] = await here.store.deploys.places()
        await here.store.deploys.enter(place)
        assert await here.store.deploys.take(place.task, first=True) is None
        _set(here, MONDAY)
        await here.store.deploys.enter(place)
        for _ in range(2):
            first, second = await _looked(here, first, second)
    assert second.state is State.DEPLOYED and await _stands(here) == {}


async def test_no_undo_while_another_is_deployed(here: World) -> None:
    async with here.working():
        first, second = await _two(here)
        first = await _merged(here, first)
        second = await _merged(here, second)
        third = await _proposed(here, "bump")
        here.trap = Trap(place="records.save_deployment", goes_on=anyio.Event())
        await here.app.merge(await here.person(), third, method=here.method)
        await here.trap.reached.wait()
        await here.app.undo(await here.person(), second)
        second = await here.settled(second)
        assert second.state is State.DEPLOYED and f"task {third.id}" in second.reason
        assert here.trap.goes_on is not None
        here.trap.goes_on.set()
        third = await here.settled(third)
        assert third.state is State.DEPLOYED
        await here.app.undo(await here.person(), third)
        third = await here.settled(third)
    assert (third.state, here.production()) == (State.MERGED, b"fixed") and await _stands(here) == {}
