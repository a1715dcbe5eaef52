"""Deployments that GitHub carries out: a workflow of the repository, or a deployment for whoever listens to them.

A deployment is found again by its payload. A workflow's run bears no mark of ours, so an entry at the commit says
first that it was asked for, and then which run came of it (`ledger`). A crash between the two leaves it in doubt: then
the run is looked for, and where several could be it a person is asked. Nothing is asked for twice.

https://docs.github.com/en/rest/deployments, https://docs.github.com/en/rest/actions/workflows
"""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import WorkflowRun
from honk.adapters.github.ledger import Entry, Ledger
from honk.adapters.github.own import Own
from honk.adapters.github.places import Places
from honk.adapters.github.progress import Progress
from honk.adapters.github.reading import Shape, every, read, stamp
from honk.adapters.github.trouble import Absent, GithubRefused
from honk.domain.deployment import RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.repository import Repository
from honk.errors import ForgeRefused, Unreachable
from honk.ports import Clock

#: So long GitHub may take to show a run that it was asked for.
_SHOWN_WITHIN = timedelta(minutes=5)
_PAYLOAD = "honk"
_DETAILS = "return_run_details"


class _Dispatched(Shape):
    workflow_run_id: int


class _Deployment(Shape):
    id: int
    payload: dict[str, object] | str | None = None


class GithubDeployer:
    """See `Deployer`. Ids are "run/123", "deployment/123", or "asked/…" for a run that has not shown yet."""

    def __init__(self, api: Api, own: Own, clock: Clock, *, web: str) -> None:
        self._api = api
        self._own = own
        self._clock = clock
        self._places = Places(web)
        self._ledger = Ledger(api, own)
        self._progress = Progress(api)

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        of = self._places.of(repository)
        return await (self._workflow(of, release) if release.workflow else self._deployment(of, release))

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        of = self._places.of(repository)
        kind, _, number = id.partition("/")
        if kind == "run" and number.isdecimal():
            return await self._progress.of_run(of, release, int(number))
        if kind == "deployment" and number.isdecimal():
            return await self._progress.of_deployment(of, int(number))
        entry = await self._ledger.find(of, release)
        if entry is None:
            raise ForgeRefused(f"nothing at {of} says that {release.workflow} was asked for", "deploy again")
        return await self._shown(of, release, entry)

    async def _workflow(self, of: str, release: RemoteRelease) -> RemoteDeployment:
        entry = await self._ledger.find(of, release)
        if entry is not None and entry.run:
            return await self._progress.of_run(of, release, entry.run)
        if entry is not None and not entry.refused:
            if await self._candidates(of, release, entry.at):
                return await self._shown(of, release, entry)
            if self._clock() - entry.at < _SHOWN_WITHIN:
                raise Unreachable(
                    f"GitHub was asked to run {release.workflow} for {release.environment}; whether it took that is "
                    "not known yet",
                    "it is looked for again by itself",
                )
        entry = await self._ledger.begin(of, release, entry)
        try:
            run = await self._dispatch(of, release)
        except GithubRefused:
            await self._ledger.refuse(of, release, entry)
            raise
        if run is None:
            return await self._shown(of, release, entry)
        await self._ledger.started(of, release, entry, run)
        return await self._progress.of_run(of, release, run)

    async def _dispatch(self, of: str, release: RemoteRelease) -> int | None:
        """The run's number; None from a server that does not say it. Raises GithubRefused where nothing began."""
        path = f"/repos/{of}/actions/workflows/{quote(release.workflow, safe='')}/dispatches"
        body: dict[str, Any] = {"ref": release.ref}
        if release.inputs:
            body["inputs"] = dict(release.inputs)
        try:
            answer = await self._api.send("POST", path, {**body, _DETAILS: True}, of=of)
        except Absent as absent:
            raise GithubRefused(
                absent.status,
                absent.said,
                absent.errors,
                f"{of} has no workflow {release.workflow} on its default branch, or Honk may not run it",
                "it needs `on: workflow_dispatch`, and Honk the permission actions: write",
            ) from absent
        except GithubRefused as refused:
            if _DETAILS not in " ".join((refused.said, *refused.errors)):
                raise
            answer = await self._api.send("POST", path, body, of=of)
        if not isinstance(answer.json, dict) or "workflow_run_id" not in answer.json:
            return None
        return read(_Dispatched, answer.json, "the run").workflow_run_id

    async def _shown(self, of: str, release: RemoteRelease, entry: Entry) -> RemoteDeployment:
        """The run that came of an entry, once there is one. Raises ForgeRefused where several could be it."""
        if entry.run:
            return await self._progress.of_run(of, release, entry.run)
        found = await self._candidates(of, release, entry.at)
        if len(found) > 1:
            urls = ", ".join(one.html_url for one in found[:5])
            raise ForgeRefused(
                f"{len(found)} runs of {release.workflow} could be the deployment to {release.environment}: {urls}",
                "look which of them it was. A run-name with the input that holds {deployment} tells them apart",
            )
        if found:
            await self._ledger.started(of, release, entry, found[0].id)
            return await self._progress.of_run(of, release, found[0].id)
        late = self._clock() - entry.at >= _SHOWN_WITHIN
        return RemoteDeployment(
            id=f"asked/{release.id}",
            state=RemoteState.FAILED if late else RemoteState.RUNNING,
            detail=f"GitHub shows no run of {release.workflow}" if late else f"{release.workflow} was asked for",
        )

    async def _candidates(self, of: str, release: RemoteRelease, since: datetime) -> list[WorkflowRun]:
        """Runs that Honk asked for since then; the one that names the release alone, where it does."""
        login = await self._own.login()
        listed = await self._api.pages(
            f"/repos/{of}/actions/workflows/{quote(release.workflow, safe='')}/runs",
            of=of,
            params={"event": "workflow_dispatch", "actor": login, "created": f">={stamp(since)}"},
            key="workflow_runs",
        )
        runs = [
            one
            for one in every(WorkflowRun, listed, f"the runs of {release.workflow}")
            if one.created_at >= since.replace(microsecond=0)
            and one.head_branch == release.ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
            and one.actor is not None
            and one.actor.login.lower() == login.lower()
        ]
        named = [one for one in runs if release.id in f"{one.display_title} {one.name}"]
        return named if len(named) == 1 else runs

    async def _deployment(self, of: str, release: RemoteRelease) -> RemoteDeployment:
        """Of exactly that commit: nothing is merged into it, and the verdict has been given already."""
        listed = await self._api.pages(
            f"/repos/{of}/deployments", of=of, params={"sha": release.commit, "environment": release.environment}
        )
        for one in every(_Deployment, listed, "the deployments"):
            if _named(one.payload) == release.id:
                return await self._progress.of_deployment(of, one.id)
        body = {
            "ref": release.commit,
            "environment": release.environment,
            "auto_merge": False,
            "required_contexts": [],
            "payload": {_PAYLOAD: release.id},
            "description": "asked for by Honk",
        }
        answer = await self._api.send("POST", f"/repos/{of}/deployments", body, of=of)
        return await self._progress.of_deployment(of, read(_Deployment, answer.json, "the deployment").id)


def _named(payload: dict[str, object] | str | None) -> str:
    """The release that a payload names. GitHub gives some back as text."""
    if isinstance(payload, str):
        return _text(payload)
    return str(payload.get(_PAYLOAD, "")) if payload else ""


def _text(payload: str) -> str:
    try:
        value = json.loads(payload)
    except ValueError:
        return ""
    return str(value.get(_PAYLOAD, "")) if isinstance(value, dict) else ""
