"""live → healthy, or unhealthy: looked at every minute for as long as the repository asks for.

One look is a short workflow of its own, which `app/deploying.py` begins when it is due.
"""

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from honk.domain.deploy_health import HealthWatch
from honk.domain.deployment import Deployment, Release
from honk.domain.event import DeploymentWatched
from honk.domain.person import PersonId
from honk.domain.repository import Base
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.domain.text import shortened
from honk.ports import Ports
from honk.steps.deploy.carrying_out import look_again
from honk.steps.deploy.config import deploy_config, environments, live_deployment, undo_sentence


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """What came of one look."""

    #: who deployed it, where it is to be undone by itself
    undo_by: PersonId | None = None
    #: who deployed it, where it goes on to the next environment by itself
    promote_by: PersonId | None = None
    #: where it was looked at
    environment: str = ""


async def begin_watch(task: Task, made: Deployment, config: DeployConfig, *, ports: Ports) -> None:
    """Its health is looked at from now on, where the repository asks for that. Begun already: no effect."""
    if config.watch is None:
        return
    log = await ports.events.read(task.id)
    said = [one.data for one in log if isinstance(one.data, DeploymentWatched)]
    known = {one.deployment: one for one in await ports.deploys.watches()}
    here = [one for one in said if one.deployment == made.id]
    if made.id in known or (here and here[-1].state != "watching"):
        return
    now = ports.clock()
    watch = HealthWatch(
        deployment=made.id,
        task=task.id,
        environment=made.environment,
        began=now,
        until=now + timedelta(seconds=config.watch),
        next=now,
    )
    await ports.deploys.watch(watch)
    await _tell(task, watch, "watching", ports=ports)


async def look(task: Task, deployment: str, *, base: Base, ports: Ports) -> Looked:
    """Looks once, and says what came of it when that is certain."""
    watch = next((one for one in await ports.deploys.watches() if one.deployment == deployment), None)
    environment = watch.environment if watch is not None else ""
    config = await deploy_config(task, base.commit, environment, ports=ports)
    if watch is None or config is None:
        return Looked()
    live = await live_deployment(task, config, ports=ports)
    now = await ports.tasks.get(task.id)
    if live is None or live.id != deployment or now.state is not State.DEPLOYED:
        if now.state is not State.DEPLOYING:  # replaced, or undone: another version's health says nothing of it
            await ports.deploys.unwatch(deployment)
        return Looked()
    trouble = await _trouble(task, live, config, base, ports=ports)
    at = ports.clock()
    watch = watch.looked(not trouble, at)
    if watch.unhealthy:
        return await _unhealthy(task, watch, live, config, trouble, ports=ports)
    if watch.healthy(at):
        await _tell(task, watch, "healthy", ports=ports)
        await ports.deploys.unwatch(deployment)
        onward = await _goes_on(task, config, base, ports=ports)
        return Looked(promote_by=await _deployer(task, ports=ports) if onward else None, environment=environment)
    await ports.deploys.watch(watch)
    return Looked()


async def _trouble(task: Task, live: Deployment, config: DeployConfig, base: Base, *, ports: Ports) -> str:
    if config.health_url is not None:
        return await ports.looker.look(config.health_url)
    release = Release(base=base, commit=live.commit, digest=live.digest)
    return await look_again(task, config, release, ports=ports)


async def _unhealthy(
    task: Task, watch: HealthWatch, live: Deployment, config: DeployConfig, trouble: str, *, ports: Ports
) -> Looked:
    possible = config.undoes and live.previous is not None
    itself = possible and config.undo_when == "unhealthy"
    if itself:
        undo = "it is undone by itself"
    elif possible:
        undo = f"honk undo {task.id}: {undo_sentence(config, previous=True)}"
    else:
        undo = undo_sentence(config, previous=live.previous is not None)
    await _tell(task, watch, "unhealthy", detail=trouble, undo=undo, ports=ports)
    await ports.tasks.move(task.id, State.DEPLOYED, f"unhealthy since {_since(watch)}: {shortened(trouble, 300)}")
    await ports.deploys.unwatch(watch.deployment)
    return Looked(undo_by=await _deployer(task, ports=ports) if itself else None, environment=live.environment)


async def _goes_on(task: Task, config: DeployConfig, base: Base, *, ports: Ports) -> bool:
    """Whether the next environment takes what is healthy here by itself."""
    every = await environments(task, base.commit, ports=ports)
    return any(after.promote_when == "healthy" for one, after in pairwise(every) if one == config)


async def _deployer(task: Task, *, ports: Ports) -> PersonId:
    """Who had it deployed."""
    log = await ports.events.read(task.id)
    return next((one.actor for one in reversed(log) if one.type == "task.moved" and one.actor), task.requested_by)


async def _tell(task: Task, watch: HealthWatch, state: str, *, detail: str = "", undo: str = "", ports: Ports) -> None:
    told = DeploymentWatched(
        deployment=watch.deployment,
        environment=watch.environment,
        state=state,
        seconds=(watch.until - watch.began).total_seconds(),
        since=_since(watch),
        detail=detail,
        undo=undo,
    )
    await ports.events.record(task.id, task.turn, told, key=f"health/{watch.deployment}/{state}")


def _since(watch: HealthWatch) -> str:
    return f"{watch.since:%Y-%m-%d %H:%M} UTC" if watch.since else ""
