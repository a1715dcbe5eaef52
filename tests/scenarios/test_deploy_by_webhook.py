"""Deployments by webhook, to a real HTTP server that takes signed calls: told once, asked, and undone the same way."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette

from honk.adapters.broker import Calls, NetworkRules, WebhookDeployer
from honk.domain.deploy_webhook import TargetSays
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import DeploymentFinished, DeploymentProgressed, DeploymentWaits
from honk.domain.landing import Consent
from honk.domain.repository_config import parse
from honk.domain.task import State, Task
from honk.domain.text import Secret
from honk.doors.targets import TargetDoor
from honk.errors import NotNow, SettingsWrong
from honk.testing.deploy_target import SECRET, DeployTarget
from honk.testing.world import CONFIG, Trap, World

pytestmark = pytest.mark.anyio
OTHER = Secret("whsec_b3RoZXIgc2VjcmV0IHRoYXQgaXMgbG9uZw==")


@dataclass
class Place:
    """A world that deploys by webhook."""

    here: World
    target: DeployTarget
    #: what comes from outside to Honk's own address
    outside: httpx.AsyncClient

    async def merged(self, text: str = "fix the crash") -> Task:
        task = await self.here.settled(await self.here.ask(text))
        person = await self.here.person("Bo")
        await self.here.app.merge(person, task, method=self.here.method, consent=Consent(accept_unsure=True))
        return await self.here.settled(task)

    async def looked(self, task: Task) -> Task:
        await self.here.app.look(task.id)
        return await self.here.settled(task)

    async def history(self, task: Task) -> tuple[Deployment, ...]:
        return await self.here.store.records.deployments(task.repository.key, "production")


@asynccontextmanager
async def _place(here: World, more: str = "", *, networks: tuple[str, ...] = ("127.0.0.0/8",)) -> AsyncIterator[Place]:
    async with DeployTarget(clock=here.clock).serving() as target:
        build = CONFIG.partition(b"[deploy]")[0].decode()
        table = f'[deploy]\nwebhook = "{target.url}"\n{more}'.replace("PORT", str(target.port))
        here.somebody_commits("main", {".honk.toml": (build + table).encode()})

        def secret(host: str) -> Secret | None:
            return SECRET if host == f"127.0.0.1:{target.port}" else None

        addresses, known = here.previews, here.store.webhook_calls
        rules = NetworkRules(allow_networks=tuple(map(ip_network, networks)))
        sender = WebhookDeployer(Calls(rules), known, secret=secret, addresses=addresses, clock=here.clock)
        here.app = replace(here.app, ports=replace(here.app.ports, webhooks=sender))
        door = TargetDoor(known, here.clock, seal=addresses.seal, secret=secret, look=here.app.look)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=Starlette(routes=list(door.routes())), raise_app_exceptions=False)
        ) as outside:
            yield Place(here, target, outside)


async def test_it_is_told_asked_and_live(here: World) -> None:
    async with _place(here) as place, here.working():
        task = await place.merged()
        assert task.state is State.DEPLOYING
        (id,) = place.target.told
        body = place.target.taken[id]
        (begun,) = await place.history(task)
        assert (body["deployment"], body["commit"], body["environment"]) == (id, begun.commit, "production")
        assert body["digest"] == begun.digest
        place.target.says(id, "running", detail="rolling out 1 of 3")
        task = await place.looked(task)
        place.target.says(id, "live", url="https://app.example.com")
        task = await place.looked(task)
    assert task.state is State.DEPLOYED and place.target.told == [id]
    log = [one.data for one in await here.log(task)]
    assert [one.detail for one in log if isinstance(one, DeploymentProgressed)] == ["rolling out 1 of 3"]
    assert [one.url for one in log if isinstance(one, DeploymentFinished)] == ["https://app.example.com"]


async def test_it_calls_back_once_and_nothing_altered_is_believed(here: World) -> None:
    async with _place(here) as place, here.working():
        place.target.names_status = False
        task = await place.merged()
        (id,) = place.target.told
        back, outside = place.target.calls_back, place.outside
        assert (await back(id, outside, state="live", altered=b'{"state":"failed"}')).status_code == 401
        assert (await back(id, outside, state="live", key=OTHER)).status_code == 401
        old = here.clock() - timedelta(minutes=6)
        assert (await back(id, outside, state="live", at=old)).status_code == 401
        elsewhere = place.target.taken[id]["callback_url"]
        for to in (elsewhere + "0", elsewhere.replace(id, "0" * 16)):
            assert (await back(id, outside, state="live", to=to)).status_code == 404
        assert (await back(id, outside, state="exploded")).status_code == 400
        assert (await here.now(task)).state is State.DEPLOYING
        assert (await back(id, outside, state="live", url="javascript:alert(1)")).status_code == 200
        assert (await back(id, outside, state="live")).status_code == 200  # delivered again
        assert (await back(id, outside, state="failed")).status_code == 200  # and too late
        task = await here.settled(task)
    assert task.state is State.DEPLOYED
    finished = [one.data for one in await here.log(task) if isinstance(one.data, DeploymentFinished)]
    assert [(one.state, one.url) for one in finished] == [("live", "")] or finished[0].url is None


async def test_what_is_refused_has_failed_and_a_new_press_is_a_new_deployment(here: World) -> None:
    async with _place(here) as place, here.working():
        place.target.status = 422
        task = await place.merged()
        assert task.state is State.MERGED and task.reason.startswith("the deployment failed")
        place.target.status = 202
        await here.app.merge(await here.person("Bo"), task, method=here.method)
        task = await here.settled(task)
        first, second = place.target.told
        place.target.says(second, "live")
        task = await place.looked(task)
    assert first != second and task.state is State.DEPLOYED


async def test_undone_by_webhook_too(here: World) -> None:
    async with _place(here) as place, here.working():
        for text in ("fix the crash", "bump"):
            task = await place.merged(text)
            place.target.says(place.target.told[-1], "live")
            task = await place.looked(task)
        await here.app.undo(await here.person(), task)
        task = await here.settled(task)
        assert task.state is State.DEPLOYING and len(place.target.told) == 3
        first, _, undo = (place.target.taken[one] for one in place.target.told)
        assert undo["commit"] == first["commit"] and undo["digest"] == first["digest"]
        place.target.says(place.target.told[-1], "live")
        task = await place.looked(task)
    assert task.state is State.MERGED and task.reason.startswith("undone: production is at")


STATUS = 'webhook_status = "http://127.0.0.1:PORT/deployments/{deployment}"\n'


@pytest.mark.parametrize("place_of_death", ["webhooks.start", "records.save_deployment"])
async def test_killed_in_the_middle_it_is_asked_and_not_told_again(here: World, place_of_death: str) -> None:
    async with _place(here, STATUS) as place:
        passed = here._passed(here.app.ports.webhooks, "webhooks")
        here.app = replace(here.app, ports=replace(here.app.ports, webhooks=passed))
        async with here.working():
            task = await here.settled(await here.ask())
        number = 2 if place_of_death == "records.save_deployment" else 1
        person = await here.person("Bo")

        async def act() -> object:
            return await here.app.merge(person, task, method=here.method, consent=Consent(accept_unsure=True))

        assert await here.killed_at(Trap(place=place_of_death, number=number), act, task)
        (id,) = place.target.told
        async with here.working():
            await here.app.resume(task)
            task = await here.settled(task)
            place.target.says(id, "live")
            task = await place.looked(task)
    assert place.target.told == [id] and task.state is State.DEPLOYED


async def test_in_doubt_and_not_to_be_asked_a_person_is(here: World) -> None:
    async with _place(here) as place, here.working():
        place.target.breaks = True
        task = await place.merged()
        (id,) = place.target.told
        waits = [one.data for one in await here.log(task) if isinstance(one.data, DeploymentWaits)]
        assert "it is not known whether" in waits[-1].reason and "honk deployed" in waits[-1].reason
        for _ in range(3):
            task = await place.looked(task)
        assert place.target.told == [id] and task.state is State.DEPLOYING
        await here.app.deployed(await here.person("Bo"), task, live=True)
        task = await here.settled(task)
        assert task.state is State.DEPLOYED
        with pytest.raises(NotNow, match="no deployment of task"):
            await here.app.deployed(await here.person("Bo"), task, live=True)
    assert [one.state for one in await place.history(task)] == [DeploymentState.LIVE]


async def test_in_doubt_it_is_asked_where_that_is_known(here: World) -> None:
    async with _place(here, STATUS) as place, here.working():
        place.target.breaks = True
        task = await place.merged()
        assert task.state is State.DEPLOYING
        place.target.says(place.target.told[0], "live")
        task = await place.looked(task)
    assert task.state is State.DEPLOYED and len(place.target.told) == 1


async def test_silence_ends_with_a_person(here: World) -> None:
    async with _place(here) as place, here.working():
        place.target.names_status = False
        task = await place.merged()
        here.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
        task = await place.looked(task)
        waits = [one.data for one in await here.log(task) if isinstance(one.data, DeploymentWaits)]
    assert "has said nothing since" in waits[-1].reason


async def test_what_is_inside_is_not_called(here: World) -> None:
    async with _place(here, networks=()) as place, here.working():
        task = await place.merged()
    assert place.target.told == [] and task.state is State.MERGED
    assert "is not called" in task.reason


async def test_a_target_that_the_operator_does_not_name_is_not_told(here: World) -> None:
    async with _place(here) as place, here.working():
        elsewhere = place.target.url.replace("127.0.0.1", "localhost")
        config = CONFIG.partition(b"[deploy]")[0] + f'[deploy]\nwebhook = "{elsewhere}"\n'.encode()
        here.somebody_commits("main", {".honk.toml": config})
        task = await place.merged()
    assert place.target.told == [] and "are not allowed here" in task.reason
    assert [one.state for one in await place.history(task)] == [DeploymentState.FAILED]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ('webhook = "http://deploy.example.com/"', "must be an https address"),
        ('webhook = "https://user:word@deploy.example.com/"', "without a password"),
        ('webhook = "https://deploy.example.com/"\ncommand = "x"', "or a webhook"),
        ('webhook = "https://deploy.example.com/"\nhealth = "x"', "with a webhook, undo"),
        ('webhook = "https://deploy.example.com/"\nwebhook_status = "https://deploy.example.com/"', "webhook_status"),
    ],
    ids=["plain", "password", "two ways", "health", "status"],
)
def test_what_a_webhook_may_be(lines: str, why: str) -> None:
    with pytest.raises(SettingsWrong, match=why):
        parse(f"[deploy]\n{lines}\n".encode())


@pytest.mark.parametrize(
    "body",
    [b"no", b"[]", b"[" * 60_000, b'{"state":"odd"}', b'{"state":[]}', b'{"detail":{}}', b"\xff"],
    ids=["words", "list", "deep", "state", "no state", "detail", "bytes"],
)
def test_rubbish_is_no_word_of_a_target(body: bytes) -> None:
    with pytest.raises(ValueError):
        TargetSays.read(body)


def test_what_a_target_says_is_safe_to_show() -> None:
    said = TargetSays.read(
        b'{"state":"live","detail":"a\\ud800\\u0000b","url":"javascript:alert(1)","log_url":"http://u@h/"}'
    )
    assert (said.url, said.log_url) == ("", "") and "\ud800" not in said.detail
    assert "\0" not in said.of("1").detail
    assert TargetSays.read(b"") == TargetSays()


async def test_who_says_how_it_ended_says_so_of_that_task_alone(here: World) -> None:
    async with _place(here) as place, here.working():
        first = await place.merged("fix the crash")
        place.target.says(place.target.told[-1], "live")
        first = await place.looked(first)
        second = await place.merged("bump")
        with pytest.raises(NotNow):
            await here.app.deployed(await here.person(), first, live=False)
        assert (await place.looked(second)).state is State.DEPLOYING
