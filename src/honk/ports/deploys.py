"""Environments: the line before each, and what people froze."""

from typing import Protocol

from honk.domain.deploy_line import Freeze, Place, Stand
from honk.domain.task import TaskId


class Deploys(Protocol):
    """One deployment an environment at a time, in the order of merging. Every method is one transaction."""

    async def enter(self, place: Place) -> Place:
        """A place in the line, as it comes. One that is there keeps its order, and is what it was if it is going."""

    async def take(self, task: TaskId, *, first: bool = False) -> Place | None:
        """The task is the one that deploys from now on: None. Otherwise which place is before it.

        `first` waits for nobody but for who deploys already. Places of the same branch that are closed are before
        nobody: whoever comes later takes them along. Taken already: None.
        """

    async def hold(self, task: TaskId, stand: Stand) -> Place | None:
        """It waits, closed or behind another. None where it is not in the line."""

    async def leave(self, task: TaskId, *, waiting: bool = False) -> bool:
        """Its landing has ended. With `waiting`, also where it waits; without, a place that waits stays."""

    async def places(self) -> tuple[Place, ...]:
        """Everybody's, in order."""

    async def freeze(self, freeze: Freeze) -> None:
        """In place of a former one of that repository and environment."""

    async def thaw(self, repository: str, environment: str) -> Freeze | None:
        """None where there was none."""

    async def freezes(self, repository: str) -> tuple[Freeze, ...]:
        """Those of the repository, whether they have run out or not."""
