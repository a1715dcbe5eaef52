"""What the pool needs of whoever makes checkouts."""

from pathlib import Path
from typing import Protocol

from honk.domain.repository import Base, Repository
from honk.domain.task import TaskId


class Spare(Protocol):
    """A checkout in which nobody has worked."""

    @property
    def folder(self) -> Path: ...

    @property
    def repository(self) -> Repository: ...

    @property
    def base(self) -> Base: ...

    @property
    def workspace(self) -> Path: ...

    @property
    def home(self) -> Path: ...


class Spares(Protocol):
    """Makes spares, and gives them away."""

    async def make(self, repository: Repository, base: Base) -> Spare: ...

    def give(self, spare: Spare, task: TaskId) -> bool: ...

    async def remove(self, spare: Spare) -> None: ...

    async def sweep(self) -> None: ...
