"""How a repository is deployed, and what is live."""

from fnmatch import fnmatchcase

from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import BaseChosen, TaskNoted
from honk.domain.repository import Base, Sha
from honk.domain.repository_config import DeployConfig
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.errors import RepositoryUnusable
from honk.ports import Ports
from honk.ports.configuration import configuration


def undo_sentence(config: DeployConfig, *, previous: bool) -> str:
    """What undoing will do, where there is a `previous` version or not; said before the merge."""
    if not config.undoes:
        return "this environment cannot undo"
    if not previous:
        return "nothing older to go back to"
    if config.undo == "redeploy":
        return "undo deploys the version before again"
    return f"undo runs the repository's own command: {one_line(config.undo)[:200]}"


async def environments(task: Task, commit: Sha, *, ports: Ports) -> tuple[DeployConfig, ...]:
    """To where that commit of the repository is deployed, in order. Raises SettingsWrong."""
    return (await configuration(ports.repositories, task.repository, commit)).deploy


async def deploy_config(task: Task, commit: Sha, environment: str = "", *, ports: Ports) -> DeployConfig | None:
    """How that commit is deployed to the environment, or to the first for ""; None where it is not.

    Raises SettingsWrong.
    """
    every = await environments(task, commit, ports=ports)
    return next((one for one in every if environment in {"", one.environment}), None)


async def deployed_from(task: Task, base: Base, *, ports: Ports) -> DeployConfig | None:
    """How a merge into that base is deployed; None where none is. Raises SettingsWrong."""
    config = await deploy_config(task, base.commit, ports=ports)
    if config is None:
        return None
    if config.branches is not None:
        return config if any(fnmatchcase(base.branch, one) for one in config.branches) else None
    return config if base.branch == await _default(task, base, ports=ports) else None


async def deploys(task: Task, base: Base, *, ports: Ports) -> DeployConfig | None:
    """The same; that a merge is not deployed although the repository has a way is told."""
    config = await deployed_from(task, base, ports=ports)
    if config is None and await deploy_config(task, base.commit, ports=ports) is not None:
        branches = "the default branch, or into those that `branches` below [deploy] in .honk.toml names"
        note = f"not deployed: that is done for merges into {branches}, and this went into {base.branch}"
        await ports.events.record(task.id, task.turn, TaskNoted(text=note), key=f"undeployed/{base.branch}")
    return config


async def _default(task: Task, base: Base, *, ports: Ports) -> str:
    """The default branch; of who named none, the one from which the work began, whatever is checked out by now.

    A repository that has none, such as a clone with a mere commit checked out, tells no branch from another: then it
    is the base.
    """
    if task.options.base is None:
        for event in await ports.events.read(task.id):
            if isinstance(event.data, BaseChosen):
                return event.data.branch
    try:
        return (await ports.repositories.base(task.repository, None)).branch
    except RepositoryUnusable:
        return base.branch


async def live_in(task: Task, commit: Sha, *, ports: Ports) -> tuple[tuple[DeployConfig, Deployment], ...]:
    """The environments in which the task's own version is live, in order."""
    found = []
    for config in await environments(task, commit, ports=ports):
        live = await live_deployment(task, config, ports=ports)
        if live is not None and live.task == task.id:
            found.append((config, live))
    return tuple(found)


async def rests_as(task: Task, commit: Sha, *, ports: Ports) -> tuple[State, str]:
    """Where the task rests by what is live of it, and in which environments that is, in words."""
    there = await live_in(task, commit, ports=ports)
    return (State.DEPLOYED if there else State.MERGED), ", ".join(one.environment for one, _ in there)


async def live_deployment(task: Task, config: DeployConfig, *, ports: Ports) -> Deployment | None:
    """What is live in that environment of the repository."""
    history = await ports.records.deployments(task.repository.key, config.environment)
    return next((one for one in history if one.state is DeploymentState.LIVE), None)
