"""A deployment that the forge carries out: begun there, and asked about later, for it may wait for people for days."""

from dataclasses import dataclass, replace

from honk.domain.deployment import Deployment, DeploymentState, Release, RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.event import DeploymentWaits
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.ports import Ports
from honk.ports.stamping import stamp
from honk.steps.deploy.carrying_out import begin, tell_finished
from honk.steps.deploy.config import deploy_config
from honk.steps.deploy.watch import begin_watch

#: In place of a workflow's name: a deployment of the forge's own kind, for whoever listens there.
_OWN = "deployment"
_ENDED = frozenset({RemoteState.LIVE, RemoteState.FAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class UnderWay:
    """A deployment of the task that the forge has not been known to end."""

    deployment: Deployment
    remote: RemoteDeployment

    @property
    def ended(self) -> bool:
        """Whether it has, by now."""
        return self.remote.state in _ENDED


async def hand_over(
    task: Task, config: DeployConfig, wanted: Deployment, release: Release, *, ports: Ports
) -> Deployment:
    """Has the forge begin it; what it says at once is told at once."""
    await begin(task, config, wanted, ports=ports)
    asked = await _asked(task, config, wanted, release.base, ports=ports)
    remote = await ports.deployer.start(task.repository, asked)
    made = replace(wanted, remote=remote.id, url=remote.url or config.url)
    await ports.records.save_deployment(made)
    await _say(task, made, remote, ports=ports)
    return await _ended(task, made, remote, ports=ports) if remote.state in _ENDED else made


async def under_way(task: Task, base: Sha, *, ports: Ports) -> UnderWay | None:
    """The task's deployment at the forge as it is now, told where it waits; None where there is none."""
    config = await deploy_config(task, base, ports=ports)
    if config is None or config.workflow is None:
        return None
    history = await ports.records.deployments(task.repository.key, config.environment)
    begun = next((one for one in history if one.state is DeploymentState.STARTED), None)
    if begun is None:
        return None
    asked = await _asked(task, config, begun, Base(branch="", commit=base), ports=ports)
    # Without an id, whoever began it was cut off, and the forge is asked whether it knows of it.
    if begun.remote:
        remote = await ports.deployer.look(task.repository, asked, begun.remote)
    else:
        branch = next((one.base for one in [await ports.records.pull_request(task.id)] if one is not None), "")
        remote = await ports.deployer.start(task.repository, replace(asked, ref=branch))
    if remote.id != begun.remote:  # a forge may come to know only later which run it is
        begun = replace(begun, remote=remote.id)
        await ports.records.save_deployment(begun)
    await _say(task, begun, remote, ports=ports)
    return UnderWay(deployment=begun, remote=remote)


async def ship(task: Task, *, base: Base, ports: Ports) -> Deployment | None:
    """The forge has ended it: the version is live, or the one before still is. None where it has not."""
    found = await under_way(task, base.commit, ports=ports)
    if found is None or not found.ended:
        return None
    made = await _ended(task, found.deployment, found.remote, ports=ports)
    history = await ports.records.deployments(task.repository.key, made.environment)
    own = made.task == task.id
    if made.state is not DeploymentState.LIVE:
        reason = f"the deployment failed at the forge: {found.remote.detail}".rstrip(": ")
        still = "the version before is still live" if own else "this version is still live"
        await ports.tasks.move(task.id, State.MERGED if own else State.DEPLOYED, f"{reason}; {still}")
    elif own:
        await ports.tasks.move(task.id, State.DEPLOYED)
        if (config := await deploy_config(task, base.commit, ports=ports)) is not None:
            await begin_watch(task, made, config, ports=ports)
    else:
        await undone(task, made, history, ports=ports)
    return made


async def undone(task: Task, made: Deployment, history: tuple[Deployment, ...], *, ports: Ports) -> Deployment:
    """`made` is live in place of the task's own deployment."""
    own = (one for one in history if one.task == task.id and one.id != made.id)
    replaced = next((one for one in own if one.state is DeploymentState.LIVE), None)
    if replaced is not None:
        await ports.records.save_deployment(replace(replaced, state=DeploymentState.UNDONE))
    await ports.tasks.move(task.id, State.MERGED, f"undone: {made.environment} is at {made.commit[:12]} again")
    return made


async def _ended(task: Task, begun: Deployment, remote: RemoteDeployment, *, ports: Ports) -> Deployment:
    state = DeploymentState.LIVE if remote.state is RemoteState.LIVE else DeploymentState.FAILED
    made = replace(begun, state=state, url=remote.url or begun.url)
    await ports.records.save_deployment(made)
    await tell_finished(task, made, remote.detail.encode("utf-8", "replace"), ports=ports)
    return made


async def _say(task: Task, made: Deployment, remote: RemoteDeployment, *, ports: Ports) -> None:
    """What it waits for, and that it goes on, each told once."""
    log = await ports.events.read(task.id)
    said = [one.data for one in log if isinstance(one.data, DeploymentWaits) and one.data.deployment == made.id]
    reason = remote.detail if remote.state is RemoteState.WAITING else ""
    if (said[-1].reason if said else "") == reason:
        return
    waits = DeploymentWaits(deployment=made.id, environment=made.environment, reason=reason, url=remote.log_url)
    await ports.events.record(task.id, task.turn, waits, key=f"waits/{made.id}/{len(said)}")


async def _asked(task: Task, config: DeployConfig, wanted: Deployment, base: Base, *, ports: Ports) -> RemoteRelease:
    filled = {"commit": wanted.commit, "environment": wanted.environment, "deployment": wanted.id}
    if any(name in value for value in config.inputs.values() for name in ("{number}", "{version}")):
        given = await stamp(task, base.commit, wanted.commit, ports=ports)
        filled |= {"number": str(given.number), "version": given.version}
    return RemoteRelease(
        id=wanted.id,
        environment=wanted.environment,
        ref=base.branch,
        commit=wanted.commit,
        workflow="" if config.workflow == _OWN else config.workflow or "",
        inputs=tuple((name, _filled(value, filled)) for name, value in config.inputs.items()),
    )


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
