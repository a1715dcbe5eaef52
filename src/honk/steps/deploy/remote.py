"""A deployment that the forge, a webhook's target or a worker carries out: begun there, and asked about later, for it
may wait for people for days.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from honk.domain.deploy_line import Stand
from honk.domain.deploy_webhook import TargetSays, WebhookCall, host_of
from honk.domain.deployment import Deployment, DeploymentState, Release, RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.event import DeploymentProgressed, DeploymentWaits, Event
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.errors import ForgeRefused, NotNow
from honk.ports import Deployer, Ports
from honk.ports.stamping import stamp
from honk.steps.deploy import labelled
from honk.steps.deploy.carrying_out import begin, tell_finished
from honk.steps.deploy.config import deploy_config, environments, rests_as
from honk.steps.deploy.watch import begin_watch

#: In place of a workflow's name: a deployment of the forge's own kind, for whoever listens there.
_OWN = "deployment"
#: A target that tells more of one deployment than that is not listened to any more, but for how it ends.
_PROGRESS = 100
_ENDED = frozenset({RemoteState.LIVE, RemoteState.FAILED})


@dataclass(frozen=True, kw_only=True, slots=True)
class UnderWay:
    """A deployment of the task that whoever carries it out has not been known to end."""

    deployment: Deployment
    remote: RemoteDeployment

    @property
    def ended(self) -> bool:
        """Whether it has, by now."""
        return self.remote.state in _ENDED


async def hand_over(
    task: Task, config: DeployConfig, wanted: Deployment, release: Release, *, ports: Ports
) -> Deployment:
    """Has the forge, the webhook's target or a worker begin it; what it says at once is told at once."""
    if config.labels:
        wanted = await labelled.as_begun(wanted, ports=ports)
    await begin(task, config, wanted, ports=ports)
    try:
        remote = await _start(task, config, wanted, release.base, ports=ports)
    except ForgeRefused as error:
        if config.webhook is not None:  # nothing was told, and nothing will be
            made = replace(wanted, state=DeploymentState.FAILED)
            await ports.records.save_deployment(made)
            await tell_finished(task, made, str(error).encode(), ports=ports)
        raise
    made = replace(wanted, remote=remote.id, url=remote.url or config.url)
    await ports.records.save_deployment(made)
    await _say(task, made, remote, ports=ports)
    return await _ended(task, made, remote, ports=ports) if remote.state in _ENDED else made


async def under_way(task: Task, base: Sha, *, ports: Ports) -> UnderWay | None:
    """The task's deployment elsewhere as it is now, told where it waits; None where there is none."""
    found = await _begun(task, base, ports=ports)
    if found is None:
        return None
    config, begun = found
    asked = await _asked(task, config, begun, Base(branch="", commit=base), ports=ports)
    # Without an id, whoever began it was cut off, and the forge is asked whether it knows of it.
    if config.labels:
        remote = await labelled.look(begun, ports=ports)
    elif begun.remote:
        remote = await _of(config, ports).look(task.repository, asked, begun.remote)
    else:
        branch = next((one.base for one in [await ports.records.pull_request(task.id)] if one is not None), "")
        remote = await _of(config, ports).start(task.repository, replace(asked, ref=branch))
    if remote.id != begun.remote:  # a forge may come to know only later which run it is
        begun = replace(begun, remote=remote.id)
        await ports.records.save_deployment(begun)
    await _say(task, begun, remote, ports=ports)
    return UnderWay(deployment=begun, remote=remote)


async def _begun(task: Task, base: Sha, *, ports: Ports) -> tuple[DeployConfig, Deployment] | None:
    """What somebody else carries out for the task. An undo is a deployment of the task before, in the task's place."""
    places = [one for one in await ports.deploys.places() if one.task == task.id and one.stand is Stand.GOING]
    found = []
    for config in await environments(task, base, ports=ports):
        if config.elsewhere and all(one.environment == config.environment for one in places):
            history = await ports.records.deployments(task.repository.key, config.environment)
            found += [(config, one) for one in history if one.state is DeploymentState.STARTED][:1]
    own = [one for one in found if one[1].task == task.id]
    return next(iter(own or found), None)


async def told_ending(task: Task, base: Sha, live: bool, by: str, *, ports: Ports) -> None:
    """A person says how a deployment by webhook ended, of which nobody else does. Raises NotNow where there is none."""
    under_way = (await ports.tasks.get(task.id)).state is State.DEPLOYING
    found = await _begun(task, base, ports=ports) if under_way else None
    if found is None or found[0].webhook is None:
        raise NotNow(f"no deployment of task {task.id} by webhook is under way", f"honk show {task.id}")
    config, begun = found
    now, state = ports.clock(), RemoteState.LIVE if live else RemoteState.FAILED
    call = WebhookCall(deployment=begun.id, task=task.id, host=host_of(config.webhook or ""), asked_at=begun.at)
    await ports.webhook_calls.begin(call)
    await ports.webhook_calls.answered(begun.id, "", now)
    await ports.webhook_calls.say(begun.id, TargetSays(state=state, detail=f"{by} says so"), now)


async def ship(task: Task, *, base: Base, ports: Ports) -> Deployment | None:
    """The forge has ended it: the version is live, or the one before still is. None where it has not."""
    found = await under_way(task, base.commit, ports=ports)
    if found is None or not found.ended:
        return None
    made = await _ended(task, found.deployment, found.remote, ports=ports)
    history = await ports.records.deployments(task.repository.key, made.environment)
    own = made.task == task.id
    config = await deploy_config(task, base.commit, made.environment, ports=ports)
    if made.state is not DeploymentState.LIVE:
        where = _where(config, made)
        reason = f"the deployment failed {where}: {found.remote.detail}".rstrip(": ")
        still = "the version before is still live" if own else "this version is still live"
        state = State.DEPLOYED if not own else (await rests_as(task, base.commit, ports=ports))[0]
        await ports.tasks.move(task.id, state, f"{reason}; {still}")
    elif own:
        await ports.tasks.move(task.id, State.DEPLOYED)
        if config is not None:
            await begin_watch(task, made, config, ports=ports)
    else:
        await undone(task, made, history, base.commit, ports=ports)
    return made


async def undone(
    task: Task, made: Deployment, history: tuple[Deployment, ...], base: Sha, *, ports: Ports
) -> Deployment:
    """`made` is live in place of the task's own deployment."""
    own = (one for one in history if one.task == task.id and one.id != made.id)
    replaced = next((one for one in own if one.state is DeploymentState.LIVE), None)
    if replaced is not None:
        await ports.records.save_deployment(replace(replaced, state=DeploymentState.UNDONE))
    state, there = await rests_as(task, base, ports=ports)
    still = f"; still live in {there}" if there else ""
    await ports.tasks.move(task.id, state, f"undone: {made.environment} is at {made.commit[:12]} again{still}")
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
    await _tell_progress(task, made, remote, log, ports=ports)
    said = [one.data for one in log if isinstance(one.data, DeploymentWaits) and one.data.deployment == made.id]
    reason = remote.detail if remote.state is RemoteState.WAITING else ""
    if (said[-1].reason if said else "") == reason:
        return
    waits = DeploymentWaits(deployment=made.id, environment=made.environment, reason=reason, url=remote.log_url)
    await ports.events.record(task.id, task.turn, waits, key=f"waits/{made.id}/{len(said)}")


async def _tell_progress(
    task: Task, made: Deployment, remote: RemoteDeployment, log: Sequence[Event], *, ports: Ports
) -> None:
    """What a webhook's target does, in its own words, each time that it does something else."""
    told = [one.data for one in log if isinstance(one.data, DeploymentProgressed) and one.data.deployment == made.id]
    if remote.state is not RemoteState.RUNNING or not made.remote.startswith("webhook-") or len(told) >= _PROGRESS:
        return
    if remote.detail and (not told or told[-1].detail != remote.detail):
        data = DeploymentProgressed(
            deployment=made.id, environment=made.environment, detail=remote.detail, url=remote.log_url
        )
        await ports.events.record(task.id, task.turn, data, key=f"progress/{made.id}/{len(told)}")


async def _start(task: Task, config: DeployConfig, wanted: Deployment, base: Base, *, ports: Ports) -> RemoteDeployment:
    if config.labels:
        return await labelled.start(task, config, wanted, base, ports=ports)
    return await _of(config, ports).start(task.repository, await _asked(task, config, wanted, base, ports=ports))


def _where(config: DeployConfig | None, made: Deployment) -> str:
    if config is not None and config.labels:
        return "at the worker"
    return "at the forge" if config is None or config.webhook is None else f"in {made.environment}"


def _of(config: DeployConfig, ports: Ports) -> Deployer:
    return ports.deployer if config.webhook is None else ports.webhooks


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
        task=task.id,
        webhook=config.webhook or "",
        status=_filled(config.webhook_status or "", {"deployment": wanted.id}),
        digest=wanted.digest,
        inputs=tuple((name, _filled(value, filled)) for name, value in config.inputs.items()),
    )


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace("{" + name + "}", value)
    return text
