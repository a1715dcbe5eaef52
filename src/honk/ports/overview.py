"""What pages ask that look over many tasks. A question costs what its page shows, not what is stored."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Protocol

from honk.domain.overview import Built, Channel, Cost, CostOf, Found, Place, Told
from honk.domain.person import PersonId
from honk.domain.search import Wanted
from honk.domain.task import TaskId


class Overview(Protocol):
    """Only looks; who may see what is decided before."""

    async def search(self, wanted: Wanted, *, limit: int, before: TaskId | None = None) -> tuple[Found, ...]:
        """Newest first; `before` asks for those older than that task."""

    async def count(self, wanted: Wanted, *, most: int) -> int:
        """How many fit; counting ends at `most`."""

    async def people(self, text: str) -> frozenset[PersonId]:
        """Those whom a key, an identity or a part of a name means; 100 at most."""

    async def builds(
        self, *, repository: str = "", channel: Channel | None = None, limit: int = 30, before: str = ""
    ) -> tuple[Built, ...]:
        """Newest first. `repository` is a key; `before` is the id of the last build of the page before."""

    async def places(self, *, repository: str = "", history: int = 20) -> tuple[Place, ...]:
        """Every environment into which something was deployed, by repository and name; 200 at most."""

    async def told(self, of: Collection[TaskId], deployments: Collection[str]) -> Mapping[str, Told]:
        """In the events of these tasks, by the deployments' ids; those of which nothing was told are left out."""

    async def costs(self, of: CostOf, *, since: date, limit: int = 50) -> tuple[Cost, ...]:
        """Of the turns that began since that day (UTC): the latest days first, of other kinds the dearest."""
