"""Environments in order: what is live and healthy in one is taken to the next."""

from datetime import timedelta

import anyio
import pytest

from honk.domain.audit import Entry
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import DeploymentPromoted, DeploymentStarted
from honk.domain.landing import Consent
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.repository_config import parse
from honk.domain.task import State, Task
from honk.errors import NotAllowed, NotNow, SettingsWrong
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS, CONFIG, Trap, World
from honk.views import sentence
from honk.views.shown import card

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)


def _two(staging: bytes = b"", production: bytes = b"") -> bytes:
    build = CONFIG.partition(b"[deploy]")[0]
    first = b'[[deploy]]\nenvironment = "staging"\ncommand = "deploy"\n' + staging
    return build + first + b'[[deploy]]\nenvironment = "production"\ncommand = "deploy"\n' + production


WATCH = b'watch = "3m"\nhealth_url = "https://staging.example.com/up"\n'
ITSELF = b'promote_when = "healthy"\n'


async def _configured(here: World, content: bytes) -> None:
    here.somebody_commits("main", {".honk.toml": content})


async def _merged(here: World, text: str = "fix the crash") -> Task:
    task = await here.settled(await here.ask(text))
    person = await here.person("Bo")
    await here.app.merge(person, task, method=here.method, consent=Consent(accept_unsure=True))
    return await here.settled(task)


async def _promoted(here: World, task: Task, by: str = "Cy") -> Task:
    await here.app.promote(await here.person(by), await here.now(task))
    return await here.settled(task)


async def _history(here: World, task: Task, environment: str) -> tuple[Deployment, ...]:
    return await here.store.records.deployments(task.repository.key, environment)


def _live(here: World, environment: str) -> bytes | None:
    found = [path.read_bytes() for path in here.home.glob(f"production/*/{environment}/current/{APP}")]
    return found[0] if found else None


async def _minutes(here: World, task: Task, number: int) -> Task:
    for _ in range(number):
        here.clock.now += MINUTE  # type: ignore[attr-defined]
        await here.app.look_at_health()
        await here.settled(task)
    return await here.settled(task)


async def test_a_merge_goes_to_the_first_and_a_promotion_takes_the_same_artifact_to_the_next(here: World) -> None:
    await _configured(here, _two())
    async with here.working():
        task = await _merged(here)
        assert (task.state, _live(here, "production")) == (State.DEPLOYED, None)
        assert _live(here, "staging") is not None
        builds = len([one for one in await here.log(task) if one.type == "build.ready"])
        task = await _promoted(here, task)
    assert (task.state, task.reason) == (State.DEPLOYED, "")
    assert _live(here, "production") == _live(here, "staging")
    (first,), (second,) = await _history(here, task, "staging"), await _history(here, task, "production")
    assert (first.commit, first.digest) == (second.commit, second.digest) and first.id != second.id
    log = await here.log(task)
    assert len([one for one in log if one.type == "build.ready"]) == builds
    told = next(one for one in log if isinstance(one.data, DeploymentPromoted))
    assert told.actor == (await here.person("Cy")).id
    assert sentence(told) == f"promoted: {first.commit[:12]} goes from staging to production"
    with pytest.raises(NotNow, match="no environment after that"):
        await here.app.promote(await here.person(), task)


async def test_what_is_not_healthy_in_staging_goes_nowhere(here: World) -> None:
    await _configured(here, _two(WATCH, ITSELF))
    async with here.working():
        task = await _merged(here)
        with pytest.raises(NotNow, match="its health in staging is looked at until"):
            await here.app.promote(await here.person(), task)
        here.looker.trouble = "it answered 500"
        task = await _minutes(here, task, 5)
        assert task.reason.startswith("unhealthy since")
        with pytest.raises(NotNow, match="it is unhealthy in staging: it answered 500"):
            await here.app.promote(await here.person(), task)
    assert _live(here, "production") is None and await _history(here, task, "production") == ()


async def test_what_was_healthy_for_its_time_goes_on_by_itself(here: World) -> None:
    await _configured(here, _two(WATCH, ITSELF))
    async with here.working():
        task = await _merged(here)
        task = await _minutes(here, task, 2)
        assert _live(here, "production") is None
        task = await _minutes(here, task, 3)
    assert _live(here, "production") == _live(here, "staging") is not None
    told = [one for one in await here.log(task) if isinstance(one.data, DeploymentPromoted)]
    assert [one.actor for one in told] == [(await here.person("Bo")).id]


async def test_who_may_not_promote_does_not_even_by_waiting(here: World) -> None:
    await _configured(here, _two(WATCH, ITSELF))
    here.policy.refused |= {((await here.person("Bo")).id, Act.PROMOTE), ((await here.person("Eve")).id, Act.PROMOTE)}
    async with here.working():
        task = await _merged(here)
        task = await _minutes(here, task, 5)
        with pytest.raises(NotAllowed):
            await here.app.promote(await here.person("Eve"), task)
    assert _live(here, "production") is None
    notes = [one.data for one in await here.log(task) if one.type == "task.noted"]
    assert any("not promoted by itself" in str(note) for note in notes)
    audit: tuple[Entry, ...] = await here.store.audit.read(act=Act.PROMOTE)
    assert len(audit) == 2 and not any(one.allowed for one in audit)


async def test_the_same_press_again_and_two_presses_that_meet_are_one(here: World) -> None:
    await _configured(here, _two())
    async with here.working():
        task = await _merged(here)
        ada, cy = await here.person(), await here.person("Cy")
        acts = {}

        async def press(person: Person, id: str) -> None:
            acts[id] = await here.app.promote(person, task, id=id, to="production")

        async with anyio.create_task_group() as group:
            group.start_soon(press, ada, "one")
            group.start_soon(press, cy, "two")
        task = await here.settled(task)
        assert len(set(acts.values())) == 1
        assert await here.app.promote(ada, task, id="one") == acts["one"]  # delivered again
        task = await here.settled(task)
    assert len(await _history(here, task, "production")) == 1
    assert len([one for one in await here.log(task) if isinstance(one.data, DeploymentStarted)]) == 2


async def test_a_freeze_of_one_environment_holds_that_one_alone(here: World) -> None:
    await _configured(here, _two())
    async with here.working():
        ada = await here.person()
        await here.app.freeze(ada, ADDRESS, "launch day", environment="production")
        task = await _merged(here)
        assert task.state is State.DEPLOYED and _live(here, "staging") is not None
        task = await _promoted(here, task)
        assert (task.state, task.reason) == (State.DEPLOYED, "production is frozen by Ada: launch day")
        assert (await card(task, ports=here.ports())).waits_to_deploy and _live(here, "production") is None
        await here.app.begin_waiting()
        assert _live(here, "production") is None
        await here.app.thaw(ada, ADDRESS, environment="production")
        await here.app.begin_waiting()
        task = await here.settled(task)
    assert (task.state, task.reason) == (State.DEPLOYED, "")
    assert _live(here, "production") is not None and await here.store.deploys.places() == ()


async def test_a_promotion_that_waits_begins_now_or_is_given_up(here: World) -> None:
    await _configured(here, _two())
    async with here.working():
        ada = await here.person()
        await here.app.freeze(ada, ADDRESS, "launch day", environment="production")
        task = await _promoted(here, await _merged(here))
        task = await here.app.stop(ada, task, working=True)
        assert (task.state, task.reason) == (State.DEPLOYED, "stopped by Ada, before it was promoted")
        task = await _promoted(here, task)
        assert task.reason.startswith("production is frozen")
        await here.app.merge(ada, task, method=here.method, consent=Consent(now=True))
        task = await here.settled(task)
    assert task.state is State.DEPLOYED and _live(here, "production") is not None
    audit = await here.store.audit.read(act=Act.PROMOTE)
    assert any("in spite of this: production is frozen" in one.reason for one in audit)


async def test_undo_takes_back_the_furthest_first(here: World) -> None:
    await _configured(here, _two())
    async with here.working():
        first = await _promoted(here, await _merged(here))
        before = _live(here, "production")
        second = await _promoted(here, await _merged(here, "bump"))
        assert _live(here, "production") != before
        ada = await here.person()
        with pytest.raises(NotNow, match="no version of task"):
            await here.app.promote(ada, first)
        await here.app.undo(ada, second)
        second = await here.settled(second)
        assert second.state is State.DEPLOYED and second.reason.endswith("again; still live in staging")
        assert _live(here, "production") == before != _live(here, "staging")
        second = await _promoted(here, second)  # once more
        assert _live(here, "production") == _live(here, "staging")
        for _ in range(2):
            await here.app.undo(ada, await here.now(second))
            second = await here.settled(second)
    assert second.state is State.MERGED and _live(here, "staging") == _live(here, "production") == before


async def test_a_failed_promotion_leaves_staging_live_and_can_be_pressed_again(here: World) -> None:
    await _configured(here, _two(b"", b'health = "health"\n'))
    here.agent.habits["fix the crash"] = Edit(files={APP: b"fixed, is sick"})
    async with here.working():
        task = await _promoted(here, await _merged(here))
        assert task.state is State.DEPLOYED and task.reason.startswith("not promoted to production: ")
        task = await _promoted(here, task)
    states = [one.state for one in await _history(here, task, "production")]
    assert states == [DeploymentState.FAILED] * 2


@pytest.mark.parametrize("place", ["records.save_deployment", "events.record", "tasks.move", "deploys.take"])
async def test_killed_in_the_middle_it_is_promoted_once(here: World, place: str) -> None:
    await _configured(here, _two())
    async with here.working():
        task = await _merged(here)
    press = await here.person("Cy")

    async def act() -> object:
        return await here.app.promote(press, task, id="press")

    await here.killed_at(Trap(place=place), act, task)
    async with here.working():
        await here.app.promote(press, task, id="press")
        await here.app.resume(task)
        task = await here.settled(task)
    assert (task.state, task.reason) == (State.DEPLOYED, "")
    assert [one.state for one in await _history(here, task, "production")] == [DeploymentState.LIVE]


def test_environments_are_told_apart_in_the_file() -> None:
    found = parse(_two(WATCH, ITSELF)).deploy
    assert [(one.environment, one.promote_when) for one in found] == [("staging", "asked"), ("production", "healthy")]
    assert [one.environment for one in parse(CONFIG).deploy] == ["production"]
    twice = _two().replace(b'"staging"', b'"production"')
    for wrong, why in (
        (twice, "two environments are called 'production'"),
        (_two(b"", ITSELF), "needs an environment before it that has a watch"),
        (_two(b"", b'branches = ["main"]\n'), "branches are for the first environment"),
    ):
        with pytest.raises(SettingsWrong, match=why):
            parse(wrong)
    with pytest.raises(SettingsWrong, match=r"line 7: deploy.1.comand"):
        parse(b'[build]\ncommand = "b"\noutput = "d"\n[[deploy]]\ncommand = "x"\n[[deploy]]\ncomand = "y"\n')
    with pytest.raises(SettingsWrong, match=r"line 2: deploy.comand"):
        parse(b'[deploy]\ncomand = "y"\n')
