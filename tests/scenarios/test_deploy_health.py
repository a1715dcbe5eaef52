"""The health of what went live, over time."""

from datetime import datetime, timedelta

import pytest

from honk.domain.event import DeploymentWatched, Event
from honk.domain.landing import Consent
from honk.domain.policy import Act
from honk.domain.repository_config import parse
from honk.domain.task import State, Task
from honk.errors import SettingsWrong
from honk.testing.world import CONFIG, Trap, World
from honk.views import next_steps, sentence
from honk.views.shown import card

pytestmark = pytest.mark.anyio
MINUTE = timedelta(minutes=1)
WATCH = b'watch = "10m"\nhealth_url = "https://app.example.com/healthz"\n'
COMMAND = b'watch = "3m"\nhealth = "health"\n'
ITSELF = b'undo_when = "unhealthy"\n'


async def _configured(here: World, more: bytes) -> None:
    here.somebody_commits("main", {".honk.toml": CONFIG + more})


async def _deployed(here: World, text: str = "fix the crash") -> Task:
    task = await here.settled(await here.ask(text))
    person = await here.person("Bo")
    await here.app.merge(person, task, method=here.method, consent=Consent(accept_unsure=True))
    return await here.settled(task)


async def _minutes(here: World, task: Task, number: int) -> Task:
    for _ in range(number):
        here.clock.now += MINUTE  # type: ignore[attr-defined]
        await here.app.look_at_health()
        await here.settled(task)
    return await here.settled(task)


async def _said(here: World, task: Task) -> list[str]:
    log: tuple[Event, ...] = await here.log(task)
    return [str(sentence(one)) for one in log if isinstance(one.data, DeploymentWatched)]


async def test_a_healthy_version_says_so_when_its_time_is_over(here: World) -> None:
    await _configured(here, WATCH)
    async with here.working():
        task = await _deployed(here)
        assert await _said(here, task) == ["production: live, watching for 10 min"]
        task = await _minutes(here, task, 8)
        assert len(await _said(here, task)) == 1
        task = await _minutes(here, task, 4)
        assert (await _said(here, task))[1:] == ["production: healthy after 10 min"]
        looked = len(here.looker.looked)
        assert 9 <= looked <= 12 and set(here.looker.looked) == {"https://app.example.com/healthz"}
        task = await _minutes(here, task, 2)
    assert len(here.looker.looked) == looked and (task.state, task.reason) == (State.DEPLOYED, "")
    assert await here.store.deploys.watches() == ()


async def test_one_hiccup_is_none(here: World) -> None:
    await _configured(here, WATCH)
    async with here.working():
        task = await _deployed(here)
        for trouble in ("it answered 500", "it answered 500", ""):
            here.looker.trouble = trouble
            task = await _minutes(here, task, 1)
        task = await _minutes(here, task, 9)
    assert (await _said(here, task))[-1] == "production: healthy after 10 min"


async def test_three_bad_looks_in_a_row_are_unhealthy_and_undo_is_offered(here: World) -> None:
    await _configured(here, WATCH)
    async with here.working():
        await _deployed(here, "bump")
        task = await _deployed(here)
        here.looker.trouble = "it answered 503"
        task = await _minutes(here, task, 5)
        assert task.state is State.DEPLOYED
        assert task.reason.startswith("unhealthy since 2026-11-20 08:") and task.reason.endswith(": it answered 503")
        [_, said] = await _said(here, task)
        assert said.startswith("production: unhealthy since 2026-11-20 08:") and f"honk undo {task.id}" in said
        steps = next_steps(await card(task, ports=here.app.ports))
        assert steps[0].command == f"honk undo {task.id}"
        await here.app.undo(await here.person(), task)
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.MERGED, b"fixed, bumped")


async def test_it_is_undone_by_itself_where_that_is_set(here: World) -> None:
    await _configured(here, WATCH + ITSELF)
    async with here.working():
        await _deployed(here, "bump")
        task = await _deployed(here, "friendlier")
        here.looker.trouble = "it answered 503"
        task = await _minutes(here, task, 4)
    assert (task.state, here.production()) == (State.MERGED, b"fixed, bumped")
    assert (await _said(here, task))[-1].endswith("it is undone by itself")


async def test_where_undo_is_not_possible_nothing_is_done_and_it_is_said(here: World) -> None:
    await _configured(here, WATCH + ITSELF)
    async with here.working():
        task = await _deployed(here)
        here.looker.trouble = "it answered 503"
        task = await _minutes(here, task, 4)
    assert (task.state, here.production()) == (State.DEPLOYED, b"fixed")
    assert (await _said(here, task))[-1].endswith("nothing older to go back to")


async def test_who_may_not_undo_any_more_has_nothing_undone_by_itself(here: World) -> None:
    await _configured(here, WATCH + ITSELF)
    async with here.working():
        await _deployed(here, "bump")
        task = await _deployed(here)
        here.policy.refused.add(((await here.person("Bo")).id, Act.UNDO))
        here.looker.trouble = "it answered 503"
        task = await _minutes(here, task, 4)
    assert task.state is State.DEPLOYED
    assert "may not undo" in task.reason


@pytest.mark.parametrize("place", ["deploys.watch", "journal.start", "deploys.unwatch", "tasks.move"])
async def test_killed_anywhere_it_is_undone_once(here: World, place: str) -> None:
    await _configured(here, WATCH + ITSELF)
    async with here.working():
        await _deployed(here, "bump")
        task = await _deployed(here)
        task = await _minutes(here, task, 1)
    here.looker.trouble = "it answered 503"

    async def on() -> None:
        here.clock.now += MINUTE  # type: ignore[attr-defined]
        await here.app.look_at_health()
        await here.app.resume(task)

    for number in (1, 2, 3):
        await here.killed_at(Trap(place=place, number=number), on, task)
    async with here.working():
        for _ in range(5):
            await on()
            await here.settled(task)
        task = await here.settled(task)
    assert (task.state, here.production()) == (State.MERGED, b"fixed, bumped")
    assert len(await _said(here, task)) == 2 and await here.store.deploys.watches() == ()
    history = await here.store.records.deployments(task.repository.key, "production")
    assert len(history) == 3


async def test_the_health_command_runs_again_every_minute(here: World) -> None:
    await _configured(here, COMMAND)
    async with here.working():
        task = await _deployed(here)
        task = await _minutes(here, task, 5)
        assert (await _said(here, task))[-1] == "production: healthy after 3 min"
        # what is live goes bad
        other = await _deployed(here, "friendlier")
        [live, *_] = await here.store.records.deployments(task.repository.key, "production")
        here.app.ports.artifacts.path(live.digest).write_bytes(b"is sick")
        other = await _minutes(here, other, 4)
    assert other.reason.endswith("the health command ended with 1: it answers 500")


async def test_a_version_that_is_not_live_any_more_is_not_looked_at(here: World) -> None:
    await _configured(here, WATCH)
    async with here.working():
        task = await _deployed(here, "bump")
        other = await _deployed(here)
        here.looker.trouble = "it answered 503"
        for _ in range(5):
            task = await _minutes(here, task, 1)
            other = await here.settled(other)
    assert len(await _said(here, task)) == 1 and task.reason == ""
    assert other.reason.startswith("unhealthy since")


async def test_a_server_that_was_down_goes_on_looking_and_a_clock_put_back_does_not_stop_it(here: World) -> None:
    await _configured(here, WATCH)
    async with here.working():
        task = await _deployed(here)
    here.clock.now += timedelta(hours=5)  # type: ignore[attr-defined]
    async with here.working():
        task = await _minutes(here, task, 1)
        assert (await _said(here, task))[-1] == "production: healthy after 10 min"
        task = await _deployed(here, "bump")
        before: datetime = here.clock.now  # type: ignore[attr-defined]
        here.clock.now = before - timedelta(days=1)  # type: ignore[attr-defined]
        here.looker.trouble = "it answered 503"
        task = await _minutes(here, task, 4)
    assert task.reason.startswith("unhealthy since")


@pytest.mark.parametrize(
    "lines",
    [
        'watch = "10m"',
        'health_url = "https://a.example"',
        'undo_when = "unhealthy"',
        'watch = "10 parsecs"\nhealth = "h"',
        'watch = "5s"\nhealth = "h"',
        'watch = "99h"\nhealth = "h"',
        'watch = "10m"\nhealth_url = "file:///etc/passwd"',
        'watch = "10m"\nhealth_url = "https://user:pw@a.example/"',
        'watch = "10m"\nhealth_url = "https:///nowhere"',
        'watch = "10m"\nhealth_url = "https://a.example:99999/"',
    ],
)
def test_settings_that_make_no_sense_are_refused(lines: str) -> None:
    with pytest.raises(SettingsWrong, match="line"):
        parse(CONFIG + lines.encode())


def test_a_workflow_is_watched_by_an_address() -> None:
    config = parse(b'[deploy]\nworkflow = "deploy.yml"\nwatch = "1h"\nhealth_url = "https://a.example/up"').deploy
    assert config[0].watch == 3600
