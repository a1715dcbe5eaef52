"""The contract of `Deployer`, on GitHub's adapter over HTTP: workflows, and deployments for whoever listens."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from github_people import APP, People, people

from honk.adapters.git.address import identify
from honk.adapters.github.api import Answer, Api
from honk.adapters.github.deployments import GithubDeployer
from honk.adapters.github.trouble import GithubRefused
from honk.domain.deployment import RemoteRelease, RemoteState
from honk.domain.repository import Sha
from honk.errors import ForgeRefused, HonkError, Unreachable
from honk.testing.fake_github.records import Environment

pytestmark = pytest.mark.anyio

WORKFLOW = """\
name: Deploy
run-name: Deploy ${{ inputs.release }}
on:
  workflow_dispatch:
    inputs:
      release:
        type: string
jobs: {}
"""


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as found:
        yield found


def deployer(there: People) -> GithubDeployer:
    return GithubDeployer(there.api, there.own, there.time, web=there.web)


def tip(there: People) -> Sha:
    return Sha(there.world.repo(APP).bare.branch("main"))


def release(there: People, id: str = "t1/deploy/1") -> RemoteRelease:
    return RemoteRelease(id=id, environment="production", ref="main", commit=tip(there))


async def says(there: People, deployment: str, state: str, **more: Any) -> None:
    """Whoever listens tells how far the deployment is."""
    number = deployment.partition("/")[2]
    await there.act("bob", "POST", f"/deployments/{number}/statuses", {"state": state, **more})


# ── deployments for whoever listens ────────────────────────────────────────────────────────────
async def test_a_deployment_is_begun_once_and_found_again(there: People) -> None:
    first = await deployer(there).start(there.repository, release(there))
    assert (first.state, first.detail) == (RemoteState.RUNNING, "nobody has taken it up yet")
    again = await deployer(there).start(there.repository, release(there))
    assert again.id == first.id
    other = await deployer(there).start(there.repository, release(there, "t1/deploy/2"))
    assert other.id != first.id
    made = await there.act("ada", "GET", "/deployments")
    assert {one["sha"] for one in made} == {tip(there)} and len(made) == 2
    assert {one["environment"] for one in made} == {"production"}


async def test_a_deployment_of_somebody_else_is_not_taken_for_honks(there: People) -> None:
    body = {"ref": "main", "environment": "production", "auto_merge": False, "required_contexts": []}
    for payload in ({}, {"honk": "another"}, "text", '{"honk": 3}'):
        await there.act("bob", "POST", "/deployments", {**body, "payload": payload})
    await deployer(there).start(there.repository, release(there))
    assert len(await there.act("ada", "GET", "/deployments")) == 5


async def test_a_deployment_says_how_far_it_is(there: People) -> None:
    begun = await deployer(there).start(there.repository, release(there))

    async def look() -> tuple[RemoteState, str, str, str]:
        found = await deployer(there).look(there.repository, release(there), begun.id)
        return found.state, found.detail, found.log_url, found.url

    await says(there, begun.id, "in_progress", log_url="https://ci.test/1")
    assert await look() == (RemoteState.RUNNING, "", "https://ci.test/1", "")
    await says(there, begun.id, "failure", description="no room")
    assert (await look())[:2] == (RemoteState.FAILED, "no room")
    await says(there, begun.id, "success", environment_url="https://app.test")
    state, _, log_url, url = await look()
    assert (state, log_url, url) == (RemoteState.LIVE, "https://ci.test/1", "https://app.test")
    await says(there, begun.id, "inactive")
    assert (await look())[:2] == (RemoteState.LIVE, "a later deployment replaced it")


async def test_a_repository_elsewhere_is_refused(there: People) -> None:
    with pytest.raises(ForgeRefused, match="no repository on"):
        await deployer(there).start(identify("https://elsewhere.example/acme/app.git"), release(there))


# ── workflows ──────────────────────────────────────────────────────────────────────────────────
def workflow(there: People, id: str = "t1/deploy/1", inputs: Mapping[str, str] | None = None) -> RemoteRelease:
    if ".github/workflows/deploy.yml" not in there.world.repo(APP).workflows:
        there.commit({".github/workflows/deploy.yml": WORKFLOW})
    given = tuple((inputs if inputs is not None else {"release": id}).items())
    return replace(release(there, id), workflow="deploy.yml", inputs=given)


def runs(there: People) -> list[Any]:
    return list(there.world.repo(APP).runs.values())


class Cutting:
    """Honk's Api, where the answer to a request that matches is lost; or, with `older`, an older server's."""

    def __init__(self, api: Api, *, loses: str = "", older: bool = False) -> None:
        self._api = api
        self.loses = loses
        self.older = older

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    async def send(self, method: str, path: str, body: Any = None, *, of: str = "") -> Any:
        if self.older and path.endswith("/dispatches"):
            if "return_run_details" in body:
                words = 'Invalid request. "return_run_details" is not a permitted key.'
                raise GithubRefused(422, words, (), words)
            await self._api.send(method, path, body, of=of)
            return Answer(status=204, json=None, headers={}, content=b"")
        answer = await self._api.send(method, path, body, of=of)
        if self.loses and path.endswith(self.loses):
            raise Unreachable("the connection was cut")
        return answer


def cut(there: People, **how: Any) -> GithubDeployer:
    return GithubDeployer(cast(Api, Cutting(there.api, **how)), there.own, there.time, web=there.web)


async def test_a_workflow_is_asked_for_once_and_found_again(there: People) -> None:
    asked = workflow(there)
    first = await deployer(there).start(there.repository, asked)
    assert first.id.startswith("run/") and first.state is RemoteState.RUNNING and "/actions/runs/" in first.log_url
    assert (await deployer(there).start(there.repository, asked)).id == first.id
    (run,) = runs(there)
    assert (run.event, run.head_branch, dict(run.inputs)) == ("workflow_dispatch", "main", {"release": "t1/deploy/1"})
    assert (await deployer(there).look(there.repository, asked, first.id)).id == first.id
    other = await deployer(there).start(there.repository, workflow(there, "t1/deploy/2"))
    assert other.id != first.id and len(runs(there)) == 2


async def test_a_run_says_how_far_it_is(there: People) -> None:
    asked = workflow(there)
    begun = await deployer(there).start(there.repository, asked)
    (run,) = runs(there)

    async def look() -> tuple[RemoteState, str]:
        found = await deployer(there).look(there.repository, asked, begun.id)
        return found.state, found.detail

    run.status = "in_progress"
    assert await look() == (RemoteState.RUNNING, "the run is in progress")
    repo = there.world.repo(APP)
    repo.environments["production"] = Environment(
        there.world.number(), "production", there.time(), reviewers=[there.world.account("ada")]
    )
    run.status, run.waits_for = "waiting", ["production"]
    assert await look() == (RemoteState.WAITING, "waits for approval of production by @ada")
    run.status, run.conclusion, run.waits_for = "completed", "failure", []
    assert await look() == (RemoteState.FAILED, "the run ended as failure")
    run.conclusion = "success"
    assert await look() == (RemoteState.LIVE, "")


async def test_where_the_version_is_comes_from_the_runs_own_deployment(there: People) -> None:
    asked = workflow(there)
    begun = await deployer(there).start(there.repository, asked)
    (run,) = runs(there)
    body = {"ref": run.head_sha, "environment": "production", "auto_merge": False, "required_contexts": []}
    for number, url in ((run.id, "https://app.test"), (run.id * 10, "https://other.test")):
        made = await there.act("bob", "POST", "/deployments", body)
        log = f"{there.web}/{APP}/actions/runs/{number}/job/1"
        await says(there, f"deployment/{made['id']}", "success", environment_url=url, log_url=log)
    run.status, run.conclusion = "completed", "success"
    found = await deployer(there).look(there.repository, asked, begun.id)
    assert (found.state, found.url) == (RemoteState.LIVE, "https://app.test")


async def test_an_answer_that_was_lost_is_looked_for_and_not_asked_again(there: People) -> None:
    asked = workflow(there)
    with pytest.raises(Unreachable):
        await cut(there, loses="/dispatches").start(there.repository, asked)
    found = await deployer(there).start(there.repository, asked)
    assert found.id == f"run/{runs(there)[0].id}" and len(runs(there)) == 1


async def test_a_request_that_never_arrived_is_repeated_once_that_is_certain(there: People) -> None:
    asked = workflow(there)
    with pytest.raises(Unreachable):
        await cut(there, loses="/check-runs").start(there.repository, asked)
    with pytest.raises(Unreachable, match="not known yet"):
        await deployer(there).start(there.repository, asked)
    there.time.pass_(minutes=6)
    assert (await deployer(there).start(there.repository, asked)).id.startswith("run/")
    assert len(runs(there)) == 1


async def test_where_several_runs_could_be_it_a_person_is_asked(there: People) -> None:
    asked = workflow(there, inputs={})
    with pytest.raises(Unreachable):
        await cut(there, loses="/dispatches").start(there.repository, asked)
    await deployer(there).start(there.repository, workflow(there, "t2/deploy/1", {}))
    with pytest.raises(ForgeRefused, match=r"2 runs of deploy\.yml could be the deployment to production"):
        await deployer(there).start(there.repository, asked)
    assert len(runs(there)) == 2


async def test_a_run_that_bears_the_releases_name_is_the_one(there: People) -> None:
    asked = workflow(there)
    with pytest.raises(Unreachable):
        await cut(there, loses="/dispatches").start(there.repository, asked)
    await deployer(there).start(there.repository, workflow(there, "t2/deploy/1"))
    mine, other = runs(there)
    mine.title, other.title = "Deploy t1/deploy/1", "Deploy t2/deploy/1"
    assert (await deployer(there).start(there.repository, asked)).id == f"run/{mine.id}"


async def test_the_runs_of_other_people_are_not_taken_for_honks(there: People) -> None:
    asked = workflow(there)
    with pytest.raises(Unreachable):
        await cut(there, loses="/check-runs").start(there.repository, asked)
    await there.act("bob", "POST", "/actions/workflows/deploy.yml/dispatches", {"ref": "main"})
    with pytest.raises(Unreachable):
        await deployer(there).start(there.repository, asked)


async def test_a_server_that_does_not_say_the_run_is_asked_for_it(there: People) -> None:
    asked = workflow(there)
    found = await cut(there, older=True).start(there.repository, asked)
    assert found.id == f"run/{runs(there)[0].id}"
    assert (await deployer(there).start(there.repository, asked)).id == found.id


async def test_a_run_that_does_not_show_yet_is_awaited_and_then_missed(there: People) -> None:
    asked = workflow(there)
    with pytest.raises(Unreachable):
        await cut(there, loses="/dispatches").start(there.repository, asked)
    hidden = runs(there)[0]
    del there.world.repo(APP).runs[hidden.id]
    waits = await deployer(there).look(there.repository, asked, f"asked/{asked.id}")
    assert (waits.state, waits.id) == (RemoteState.RUNNING, f"asked/{asked.id}")
    there.time.pass_(minutes=6)
    assert (await deployer(there).look(there.repository, asked, waits.id)).state is RemoteState.FAILED
    there.world.repo(APP).runs[hidden.id] = hidden
    assert (await deployer(there).look(there.repository, asked, waits.id)).id == f"run/{hidden.id}"


async def test_a_workflow_that_is_refused_can_be_asked_for_again_at_once(there: People) -> None:
    asked = replace(release(there), workflow="deploy.yml")
    with pytest.raises(ForgeRefused, match=r"no workflow deploy\.yml"):
        await deployer(there).start(there.repository, asked)
    workflow(there)
    assert (await deployer(there).start(there.repository, asked)).id.startswith("run/")


async def test_with_a_personal_token_a_workflow_is_asked_for_once_too(tmp_path: Path) -> None:
    async with people(tmp_path, personal=True) as there:
        asked = workflow(there)
        with pytest.raises(Unreachable):
            await cut(there, loses="/dispatches").start(there.repository, asked)
        first = await deployer(there).start(there.repository, asked)
        assert (await deployer(there).start(there.repository, asked)).id == first.id
        assert len(runs(there)) == 1


async def test_what_nobody_asked_for_is_an_error(there: People) -> None:
    for id in ("asked/x", "run/4711"):
        with pytest.raises(HonkError):
            await deployer(there).look(there.repository, workflow(there), id)
