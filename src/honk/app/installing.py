"""The links to a build are ended because a person wants it."""

from honk.app.turns import Turns
from honk.domain.build import Build
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import Task


class Installing(Turns):
    """End links."""

    async def end_links(self, person: Person, task: Task, build: Build) -> None:
        """No link that was given out to the build opens anything any more; a new one does."""
        await self.allow(person, Act.STEER, task)
        await self.ports.records.end_links(build.id)
