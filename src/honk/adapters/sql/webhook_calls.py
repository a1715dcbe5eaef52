"""What targets of webhooks were told, and what they said, in the database."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.database import Database
from honk.adapters.sql.schema_deploys import deploy_calls
from honk.domain.codec import dump, load
from honk.domain.deploy_webhook import TargetSays, WebhookCall
from honk.domain.task import TaskId


class SqlWebhookCalls:
    """Implements honk.ports.WebhookCalls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, call: WebhookCall) -> None:
        row = {
            "deployment": call.deployment,
            "task": call.task,
            "host": call.host,
            "asked_at": call.asked_at,
            "said": dump(TargetSays, call.said),
        }

        def work(connection: sa.Connection) -> None:
            if _find(connection, call.deployment) is None:
                connection.execute(deploy_calls.insert().values(row))

        await self._database.write(work)

    async def forget(self, deployment: str) -> None:
        gone = deploy_calls.delete().where(deploy_calls.c.deployment == deployment)
        await self._database.write(lambda connection: connection.execute(gone))

    async def answered(self, deployment: str, status_url: str, at: datetime) -> None:
        own = sa.and_(deploy_calls.c.deployment == deployment, deploy_calls.c.answered_at.is_(None))
        changed = deploy_calls.update().where(own).values(answered_at=at, status_url=status_url)
        await self._database.write(lambda connection: connection.execute(changed))

    async def say(self, deployment: str, said: TargetSays, at: datetime) -> bool:
        def work(connection: sa.Connection) -> bool:
            call = _find(connection, deployment, lock=True)
            if call is None or call.ended:
                return False
            # two clocks may differ, so that only what may be overtaken is compared by them
            if not said.ended and call.said_at is not None and at < call.said_at:
                return False
            own = deploy_calls.update().where(deploy_calls.c.deployment == deployment)
            connection.execute(own.values(said=dump(TargetSays, said), said_at=at))
            return True

        return await self._database.write(work)

    async def find(self, deployment: str) -> WebhookCall | None:
        return await self._database.read(lambda connection: _find(connection, deployment))


def _find(connection: sa.Connection, deployment: str, *, lock: bool = False) -> WebhookCall | None:
    query = sa.select(deploy_calls).where(deploy_calls.c.deployment == deployment)
    row = connection.execute(query.with_for_update() if lock else query).first()
    return None if row is None else _call(row)


def _call(row: sa.Row[Any]) -> WebhookCall:
    return WebhookCall(
        deployment=row.deployment,
        task=TaskId(row.task),
        host=row.host,
        asked_at=row.asked_at,
        answered_at=row.answered_at,
        status_url=row.status_url,
        said=load(TargetSays, row.said),
        said_at=row.said_at,
    )
