"""live and healthy in one environment → the next: the same commit and the same artifact, never built again."""

from dataclasses import dataclass
from itertools import pairwise

from honk.domain.deploy_windows import moment_shown, zone
from honk.domain.deployment import Deployment, DeploymentState, Release
from honk.domain.event import DeploymentWatched
from honk.domain.landing import Landing
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import CONFIG_PATH, DeployConfig
from honk.domain.task import Task
from honk.domain.text import one_line
from honk.errors import NeedsHuman, NotNow
from honk.ports import Ports
from honk.steps.deploy.config import environments, live_in


@dataclass(frozen=True, kw_only=True, slots=True)
class Promotion:
    """A version that may go on."""

    #: what is live now, and where
    source: Deployment
    before: DeployConfig
    #: to where it goes
    target: DeployConfig


async def promotion(task: Task, base: Sha, *, ports: Ports) -> Promotion:
    """What of the task may be promoted now, from the furthest environment in which it is live.

    Raises NotNow where nothing may, with why.
    """
    every = await environments(task, base, ports=ports)
    there = await live_in(task, base, ports=ports)
    if len(every) < 2:
        raise NotNow(f"there is one environment, so nothing is promoted ([[deploy]] in {CONFIG_PATH} names more)")
    if not there:
        raise NotNow(f"no version of task {task.id} is live anywhere", f"honk show {task.id}")
    before, source = there[-1]
    target = next((after for one, after in pairwise(every) if one.environment == before.environment), None)
    if target is None:
        raise NotNow(f"it is live in {before.environment}, and there is no environment after that")
    if why := await why_unproven(task, source, before, ports=ports):
        raise NotNow(f"not promoted to {target.environment}: {why}", f"honk log {task.id}")
    if target.command is not None and source.digest and not ports.artifacts.path(source.digest).is_file():
        raise NotNow(f"the artifact that is live in {before.environment} was deleted", "ask for the change again")
    return Promotion(source=source, before=before, target=target)


async def why_unproven(task: Task, source: Deployment, where: DeployConfig, *, ports: Ports) -> str:
    """Why that version does not count as healthy in its environment; "" where it does."""
    if where.watch is None:
        return ""
    log = await ports.events.read(task.id)
    watched = [one.data for one in log if isinstance(one.data, DeploymentWatched)]
    said = [one for one in watched if one.environment == where.environment]
    state = said[-1].state if said else ""
    if state == "healthy":
        return ""
    if state == "unhealthy":
        return f"it is unhealthy in {where.environment}: {one_line(said[-1].detail)[:200]}"
    watch = next((one for one in await ports.deploys.watches() if one.deployment == source.id), None)
    if watch is None:
        return f"its health in {where.environment} was not looked at to the end"
    until = moment_shown(watch.until, zone(where.timezone), ports.clock())
    return f"its health in {where.environment} is looked at until {until}"


async def promoted(task: Task, base: Base, landing: Landing, *, ports: Ports) -> Release:
    """What the landing takes to its environment. Raises NeedsHuman where that is not good enough any more."""
    every = await environments(task, base.commit, ports=ports)
    found = None
    for config in every:
        history = await ports.records.deployments(task.repository.key, config.environment)
        found = found or next(((config, one) for one in history if one.id == landing.source), None)
    if found is None or all(one.environment != landing.environment for one in every):
        raise NeedsHuman(f"not promoted: {landing.environment} and what was to go there are not known any more")
    where, source = found
    if source.state is not DeploymentState.LIVE:
        undone = f"not promoted to {landing.environment}: that version was undone in {where.environment}"
        raise NeedsHuman(undone, f"honk show {task.id}")
    if why := await why_unproven(task, source, where, ports=ports):
        raise NeedsHuman(f"not promoted to {landing.environment}: {why}", f"honk log {task.id}")
    return Release(base=base, commit=source.commit, digest=source.digest)
