"""Where a task's branch can be fetched, for a person who goes on by hand."""

from dataclasses import dataclass

from honk.domain.repository import Sha
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """The branch, and the commands that fetch it into a clone of the repository."""

    task: TaskId
    branch: str
    head: Sha
    base: str
    #: an address, or a folder of Honk's own machine while no other place has the branch
    source: str
    commands: tuple[str, ...]
    #: what else must be known; "" when nothing
    note: str = ""
