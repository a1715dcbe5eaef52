"""How many tasks are in which state, and for how long the queue has been waiting: for those who watch."""

from datetime import datetime

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema import events, tasks
from honk.domain.task import State

#: states of a task that waits for a free place
_QUEUED = (State.ACCEPTED, State.QUEUED)


class SqlStanding:
    """Counts in the database; cheap, and independent of how many events there are."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def states(self) -> dict[str, int]:
        """Number of tasks by state; states without a task are left out."""
        query = sa.select(tasks.c.state, sa.func.count()).group_by(tasks.c.state)
        rows = await self._database.read(lambda connection: connection.execute(query).all())
        return {str(state): int(count) for state, count in rows}

    async def waiting_since(self) -> datetime | None:
        """When the first event of the turn came in of the task that has waited longest; None when none waits."""
        query = (
            sa.select(sa.func.min(events.c.at))
            .join(tasks, sa.and_(tasks.c.id == events.c.task, tasks.c.turn == events.c.turn))
            .where(tasks.c.state.in_(_QUEUED))
        )
        since: datetime | None = await self._database.read(lambda connection: connection.execute(query).scalar())
        return since
