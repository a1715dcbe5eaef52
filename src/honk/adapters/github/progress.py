"""How far a workflow's run, or a deployment, has come.

https://docs.github.com/en/rest/actions/workflow-runs, https://docs.github.com/en/rest/deployments/statuses
"""

from typing import Annotated

from pydantic import Field

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import WorkflowRun
from honk.adapters.github.logs import Job
from honk.adapters.github.reading import OrNone, Shape, Text, every, read
from honk.adapters.github.trouble import GithubRefused
from honk.domain.deployment import RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.text import shortened

#: A run can be waiting for several environments; GitHub says so by these.
_WAITING = frozenset({"waiting", "action_required"})
_DEPLOYMENTS = 30
_STATES = {
    "success": RemoteState.LIVE,
    "failure": RemoteState.FAILED,
    "error": RemoteState.FAILED,
    "waiting": RemoteState.WAITING,
}


class _Environment(Shape):
    name: Text = ""


class _Someone(Shape):
    """A user, or a team."""

    login: Text = ""
    slug: Text = ""
    html_url: Text = ""


class _Reviewer(Shape):
    type: Text = ""
    #: null for an account that is gone
    reviewer: _Someone | None = None

    def word(self, owner: str) -> str:
        who = self.reviewer or _Someone(login="ghost")
        return f"@{owner}/{who.slug}" if self.type == "Team" else f"@{who.login}"


class _Pending(Shape):
    environment: _Environment = _Environment()
    wait_timer: int | None = 0
    reviewers: Annotated[list[_Reviewer], OrNone] = Field(default_factory=list)

    def sentence(self, owner: str) -> str:
        if self.reviewers:
            return f"approval of {self.environment.name} by {', '.join(one.word(owner) for one in self.reviewers)}"
        if self.wait_timer:
            return f"the timer of {self.environment.name} ({self.wait_timer} minutes)"
        return f"the rules of {self.environment.name}"


class _Status(Shape):
    state: Text = ""
    description: Text = ""
    environment_url: Text = ""
    log_url: Text = ""
    target_url: Text = ""


class _Deployment(Shape):
    id: int


class Progress:
    """Asks how far they are. Raises Unreachable, ForgeRefused."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def of_run(self, of: str, release: RemoteRelease, id: int) -> RemoteDeployment:
        answer = await self._api.get(f"/repos/{of}/actions/runs/{id}", of=of)
        run = read(WorkflowRun, answer.json, f"run {id}")
        state, detail = await self._state(of, run)
        url = await self._version(of, release, run) if state is RemoteState.LIVE else ""
        return RemoteDeployment(id=f"run/{id}", state=state, detail=detail, log_url=run.html_url, url=url)

    async def of_deployment(self, of: str, id: int) -> RemoteDeployment:
        """By its statuses, of which the newest counts; "inactive" is one that a later deployment replaced."""
        statuses = await self._statuses(of, id)
        newest = statuses[0] if statuses else _Status()
        state = _STATES.get(newest.state, RemoteState.RUNNING)
        detail = shortened(newest.description, 300)
        if newest.state == "inactive":
            lived = any(one.state == "success" for one in statuses)
            state = RemoteState.LIVE if lived else RemoteState.FAILED
            detail = detail or ("a later deployment replaced it" if lived else "it was called off")
        elif not statuses:
            detail = "nobody has taken it up yet"
        elif state is RemoteState.FAILED:
            detail = detail or f"it ended as {newest.state}"
        return RemoteDeployment(
            id=f"deployment/{id}",
            state=state,
            detail=detail,
            log_url=next((one.log_url or one.target_url for one in statuses if one.log_url or one.target_url), ""),
            url=next((one.environment_url for one in statuses if one.environment_url), ""),
        )

    async def _state(self, of: str, run: WorkflowRun) -> tuple[RemoteState, str]:
        if run.status in _WAITING:
            return RemoteState.WAITING, await self._awaited(of, run.id)
        if run.status != "completed":
            return RemoteState.RUNNING, f"the run is {run.status.replace('_', ' ')}"
        if run.conclusion == "success":
            return RemoteState.LIVE, ""
        if run.conclusion == "action_required":
            return RemoteState.WAITING, "a person has to approve that the workflow runs"
        return RemoteState.FAILED, await self._reason(of, run)

    async def _awaited(self, of: str, run: int) -> str:
        answer = await self._api.get(f"/repos/{of}/actions/runs/{run}/pending_deployments", of=of)
        listed = answer.json if isinstance(answer.json, list) else []
        owner = of.partition("/")[0]
        waits = [one.sentence(owner) for one in every(_Pending, listed, "what the run waits for")]
        return f"waits for {', and for '.join(waits)}" if waits else "waits"

    async def _reason(self, of: str, run: WorkflowRun) -> str:
        """Such as "the run ended as failure: job deploy, step Upload"."""
        ended = f"the run ended as {run.conclusion.replace('_', ' ') or 'unknown'}"
        try:
            listed = await self._api.pages(f"/repos/{of}/actions/runs/{run.id}/jobs", of=of, key="jobs")
        except GithubRefused:
            return ended
        for job in every(Job, listed, "the jobs of a run"):
            for step in job.failed():
                return f"{ended}: job {shortened(job.name, 100)}, step {shortened(step.name, 100)}"
        return ended

    async def _version(self, of: str, release: RemoteRelease, run: WorkflowRun) -> str:
        """Where the version is: a run's job with an environment makes a deployment, whose statuses name the run."""
        try:
            listed = await self._api.pages(
                f"/repos/{of}/deployments",
                of=of,
                params={"sha": run.head_sha, "environment": release.environment},
                limit=_DEPLOYMENTS,
            )
            for one in every(_Deployment, listed, "the deployments of a run"):
                statuses = await self._statuses(of, one.id)
                if any(f"/actions/runs/{run.id}/" in f"{status.log_url}/ {status.target_url}/" for status in statuses):
                    return next((status.environment_url for status in statuses if status.environment_url), "")
        except GithubRefused:
            return ""
        return ""

    async def _statuses(self, of: str, deployment: int) -> list[_Status]:
        """Newest first."""
        listed = await self._api.pages(f"/repos/{of}/deployments/{deployment}/statuses", of=of)
        return every(_Status, listed, "the statuses of a deployment")
