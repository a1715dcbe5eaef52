"""How a repository is deployed, and what is live."""

from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.repository import Sha
from honk.domain.repository_config import DeployConfig
from honk.domain.task import Task
from honk.domain.text import one_line
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


async def deploy_config(task: Task, commit: Sha, *, ports: Ports) -> DeployConfig | None:
    """How that commit of the repository is deployed; None where it is not. Raises SettingsWrong."""
    return (await configuration(ports.repositories, task.repository, commit)).deploy


async def live_deployment(task: Task, config: DeployConfig, *, ports: Ports) -> Deployment | None:
    """What is live in that environment of the repository."""
    history = await ports.records.deployments(task.repository.key, config.environment)
    return next((one for one in history if one.state is DeploymentState.LIVE), None)
