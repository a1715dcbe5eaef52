"""A deployment by a worker on a machine of its own, which holds what it needs; handed out, and asked about later."""

from dataclasses import replace
from datetime import datetime

from honk.domain.deployment import Deployment, DeploymentState, RemoteDeployment, RemoteState
from honk.domain.remote_job import JobKind, JobState, RemoteJob, why_waits
from honk.domain.repository import Base
from honk.domain.repository_config import DeployConfig
from honk.domain.task import Task
from honk.ports import Ports

_DOUBT = "was cut off half-way, and nobody knows whether it is live; look, and say so: honk workers settle {id}"


async def as_begun(wanted: Deployment, *, ports: Ports) -> Deployment:
    """The same deployment as whoever was cut off had begun it, so that it is the same job; else as it is."""
    history = await ports.records.deployments(wanted.repository, wanted.environment)
    begun = next((one for one in history if one.id == wanted.id and one.state is DeploymentState.STARTED), None)
    return wanted if begun is None else replace(wanted, at=begun.at, remote=begun.remote)


async def start(task: Task, config: DeployConfig, wanted: Deployment, base: Base, *, ports: Ports) -> RemoteDeployment:
    """The job that deploys it; begun before: how far it has come. Never twice: it is named after the deployment."""
    job = RemoteJob(
        id=_name(wanted),
        kind=JobKind.DEPLOY,
        task=task.id,
        turn=task.turn,
        repository=task.repository,
        base=base,
        commit=wanted.commit,
        labels=config.labels,
        at=ports.clock(),
        command=config.command or "",
        timeout=config.timeout,
        digest=wanted.digest,
        environment=config.environment,
        query=config.query or "",
    )
    return _seen(await ports.jobs.add(job), await _why(job, ports=ports), ports.clock())


async def look(wanted: Deployment, *, ports: Ports) -> RemoteDeployment:
    """How far it has come. Raises Unknown."""
    job = await ports.jobs.get(wanted.remote or _name(wanted))
    return _seen(job, await _why(job, ports=ports), ports.clock())


def _name(wanted: Deployment) -> str:
    """A deployment that was begun anew, at another time, is another job."""
    return f"{wanted.id}-{int(wanted.at.timestamp())}"


async def _why(job: RemoteJob, *, ports: Ports) -> str:
    return why_waits(job, await ports.jobs.workers()) if job.state is JobState.WAITING else ""


def _seen(job: RemoteJob, why: str, now: datetime) -> RemoteDeployment:
    job = job.overdue(now)
    states = {
        JobState.WAITING: (RemoteState.WAITING, why),
        JobState.LEASED: (RemoteState.RUNNING, ""),
        JobState.DOUBT: (RemoteState.WAITING, f"{job.reason}: it {_DOUBT.format(id=job.id)}"),
        JobState.DONE: (RemoteState.LIVE, job.said[-4000:]),
        JobState.FAILED: (RemoteState.FAILED, f"{job.reason}\n{job.said[-3000:]}".strip()),
        JobState.GONE: (RemoteState.FAILED, job.reason),
    }
    state, detail = states[job.state]
    return RemoteDeployment(id=job.id, state=state, detail=detail)
