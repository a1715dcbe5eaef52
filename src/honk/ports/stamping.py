"""The stamp of a commit's build, for the steps and doors that hand it out."""

from honk.domain.address import canonical
from honk.domain.repository import Sha
from honk.domain.stamp import Stamp, stamp_of
from honk.domain.task import Task
from honk.ports import Ports
from honk.ports.configuration import configuration


async def stamp(task: Task, base: Sha, commit: Sha, *, ports: Ports) -> Stamp:
    """The one that the commit has, or a new one, as the repository wants it at its base. Raises SettingsWrong."""
    config = (await configuration(ports.repositories, task.repository, base)).build
    app = canonical(task.repository.url) or task.repository.key
    return await ports.offers.stamp(app, task.id, commit, stamp_of(config, task.id, commit))
