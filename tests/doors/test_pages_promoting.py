"""A version on its way through the environments, by the pages: what it says first, once, and by nobody else."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pages_forms import done, form, forms, led_to, press, send, settled, signed_in, words
from pages_world import Site, site_of

from honk.domain.access import Scope
from honk.domain.deployment import Deployment, RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.policy import Act
from honk.domain.repository import Repository
from honk.domain.task import State, Task
from honk.testing.fake_ci import FakeDeployer
from honk.testing.world import ADDRESS, CONFIG

pytestmark = pytest.mark.anyio
HOSTILE = "</title><script>alert(1)</script>"
TWO = (
    CONFIG.partition(b"[deploy]")[0]
    + b"""[[deploy]]
environment = "staging"
command = "deploy"
[[deploy]]
environment = "production"
command = "deploy"
undo = "none"
"""
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        made.world.somebody_commits("main", {".honk.toml": TWO})
        await signed_in(made)
        yield made


async def _in_staging(site: Site) -> Task:
    task = await done(site)
    page = words(await site.browser.get(f"/tasks/{task.id}/merge"))
    assert "Then it is deployed to staging." in page and "a person may promote it to production" in page
    assert "Undo there: this environment cannot undo" in page
    led_to(await press(site, task, "merge", page="/merge"))
    return await settled(site, task)


async def _live(site: Site, task: Task) -> tuple[Deployment, ...]:
    return await site.world.store.records.deployments(task.repository.key, "production")


async def test_it_says_what_goes_where_and_goes_once(site: Site) -> None:
    task = await _in_staging(site)
    assert "Promote to production…" in await site.text(f"/tasks/{task.id}")
    (staged,) = await site.world.store.records.deployments(task.repository.key, "staging")
    filled = form(await site.text(f"/tasks/{task.id}/promote"), f"/tasks/{task.id}/promote")
    page = words(await site.browser.get(f"/tasks/{task.id}/promote"))
    assert f"{staged.commit[:12]} goes from staging to production" in page
    assert "Nothing is live there yet" in page and "this environment cannot undo" in page
    for _ in range(2):
        assert led_to(await send(site, filled)) == f"/tasks/{task.id}"
        task = await settled(site, task)
    assert [(one.commit, one.digest) for one in await _live(site, task)] == [(staged.commit, staged.digest)]
    live = await site.text("/deployments")
    assert live.index("· staging</h2>") < live.index("· production</h2>")
    assert "there is no environment after that" in words(await site.browser.get(f"/tasks/{task.id}/promote"))


async def test_live_shows_what_goes_on_and_what_a_promotion_waits_for(site: Site) -> None:
    task = await _in_staging(site)
    assert f'href="/tasks/{task.id}/promote"' in await site.text("/deployments")
    ada = await site.world.person()
    await site.world.app.freeze(ada, ADDRESS, HOSTILE, environment="production")
    page = words(await site.browser.get(f"/tasks/{task.id}/promote"))
    assert "production is frozen by Ada" in page and "Deploy now" in page
    led_to(await press(site, task, "promote", page="/promote"))
    task = await settled(site, task)
    assert task.state is State.DEPLOYED and await _live(site, task) == ()
    text = await site.text("/deployments")
    assert "Its promotion is pressed, to production: production is frozen by Ada" in text and HOSTILE not in text
    text = await site.text(f"/tasks/{task.id}/merge")
    assert HOSTILE not in text
    led_to(await send(site, form(text, f"/tasks/{task.id}/merge"), now="yes"))
    await settled(site, task)
    assert len(await _live(site, task)) == 1


async def test_nobody_promotes_without_the_right_the_scope_the_form_or_the_version(site: Site) -> None:
    task = await _in_staging(site)
    path = f"/tasks/{task.id}/promote"
    filled = form(await site.text(path), path)
    other = await send(site, filled, environment="elsewhere")
    assert other.status_code == 409 and "elsewhere is not next" in words(other)
    assert (await send(site, filled, head="0" * 40)).status_code == 409
    assert (await send(site, filled, nonce="0" * 32)).status_code == 403
    assert (await send(site, filled, environment="")).status_code == 400
    site.world.policy.refused.add(((await site.world.person()).id, Act.PROMOTE))
    assert (await send(site, filled)).status_code == 403
    assert path not in forms(await site.text(path))
    assert "by somebody who may promote" in words(await site.browser.get("/deployments"))
    site.world.policy.refused.clear()
    await signed_in(site, *(set(Scope) - {Scope.DEPLOY}))
    filled = form(await site.text(f"/tasks/{task.id}"), "/sign-out")
    answer = await site.browser.post(path, data={**filled.fields, "environment": "production", "head": "0" * 40})
    assert answer.status_code in {400, 403}
    assert await _live(site, await settled(site, task)) == ()


async def test_a_person_says_how_a_webhook_ended_of_which_nobody_else_does(site: Site) -> None:
    site.world.somebody_commits(
        "main", {".honk.toml": TWO.partition(b"[[deploy]]")[0] + b'[deploy]\nwebhook = "https://deploy.example.com/"\n'}
    )
    site.world.deployer = InDoubt()
    site.world.app = replace(site.world.app, ports=replace(site.world.app.ports, webhooks=site.world.deployer))
    task = await done(site)
    led_to(await press(site, task, "merge", page="/merge"))
    task = await settled(site, task)
    assert task.state is State.DEPLOYING
    text = await site.text("/deployments")
    path = f"/tasks/{task.id}/deployed"
    assert "It waits: nobody knows" in words(await site.browser.get("/deployments")) and path in forms(text)
    assert (await send(site, form(text, path), live="perhaps")).status_code == 400
    site.world.policy.refused.add(((await site.world.person()).id, Act.DEPLOY))
    assert (await send(site, form(text, path))).status_code == 403
    site.world.policy.refused.clear()
    led_to(await send(site, form(text, path, live="yes")))
    call = await site.world.store.webhook_calls.find((await _live(site, task))[0].id)
    assert call is not None and call.said.state is RemoteState.LIVE and call.said.detail == "Ada says so"
    await signed_in(site, Scope.READ)
    assert path not in forms(await site.text("/deployments"))


class InDoubt(FakeDeployer):
    """A target that cannot be asked."""

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        return RemoteDeployment(id=f"webhook-{release.id}", state=RemoteState.WAITING, detail="nobody knows")

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        return await self.start(repository, release)
