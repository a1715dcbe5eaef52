"""The ports of the store over one database."""

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

from honk.adapters.sql.audit import SqlAudit
from honk.adapters.sql.budgets import SqlBudgets
from honk.adapters.sql.channels import SqlOffers
from honk.adapters.sql.database import Database, Listener
from honk.adapters.sql.deliveries import SqlDeliveries
from honk.adapters.sql.deploys import SqlDeploys
from honk.adapters.sql.entrance import SqlOnetime, SqlPasskeys, SqlVisits
from honk.adapters.sql.events import SqlEvents
from honk.adapters.sql.jobs import SqlJobs
from honk.adapters.sql.links import SqlLinks, SqlPreferences
from honk.adapters.sql.outbox import SqlOutbox
from honk.adapters.sql.overview import SqlOverview
from honk.adapters.sql.people import WhoIsWho
from honk.adapters.sql.records import SqlRecords
from honk.adapters.sql.standing import SqlStanding
from honk.adapters.sql.tasks import SqlTasks
from honk.adapters.sql.threads import SqlThreads
from honk.adapters.sql.tokens import SqlTokens
from honk.adapters.sql.webhook_calls import SqlWebhookCalls
from honk.domain.budget import Budget
from honk.domain.rules import Rules
from honk.ports import Chats, Clock, Entrance

if TYPE_CHECKING:
    from honk.adapters.sql.devices import SqlDevices
    from honk.adapters.sql.forge_tokens import SqlForgeTokens


def _now() -> datetime:
    return datetime.now(UTC)


def _new_id() -> str:
    return uuid4().hex


class SqlStore:
    """Opened by `async with` or `await open()`; several processes may have the same database open.

    `url` is SQLAlchemy's, such as `sqlite:////var/lib/honk/honk.db`; `sqlite://` is a database in memory.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock = _now,
        new_id: Callable[[], str] = _new_id,
        rules: WhoIsWho = Rules,
        budget: Callable[[], Budget] = Budget,
    ) -> None:
        """`rules` and `budget` give what honk.toml says now: who is who, and what may be spent."""
        self._database = Database(url)
        #: the store's own clock
        self.now = clock
        self.tasks = SqlTasks(self._database, clock, new_id, rules)
        self.events = SqlEvents(self._database, clock)
        self.records = SqlRecords(self._database, clock)
        self.standing = SqlStanding(self._database)
        self.overview = SqlOverview(self._database)
        self.tokens = SqlTokens(self._database, clock, new_id, rules)
        self.budgets = SqlBudgets(self._database, clock, budget)
        self.audit = SqlAudit(self._database)
        self.deploys = SqlDeploys(self._database)
        self.outbox = SqlOutbox(self._database, clock)
        self.webhook_calls = SqlWebhookCalls(self._database)
        self.jobs = SqlJobs(self._database, clock)
        self.offers = SqlOffers(self._database)
        self.chats = Chats(
            threads=SqlThreads(self._database, clock),
            deliveries=SqlDeliveries(self._database, clock),
            preferences=SqlPreferences(self._database),
            links=SqlLinks(self._database, clock),
        )
        self.entrance = Entrance(
            visits=SqlVisits(self._database, clock, rules),
            onetime=SqlOnetime(self._database, clock),
            passkeys=SqlPasskeys(self._database, clock),
        )

    def forge_tokens(self, key: bytes) -> "SqlForgeTokens":
        """What people let Honk have at forges. `key` is 32 bytes that are kept elsewhere."""
        from honk.adapters.sql.forge_tokens import SqlForgeTokens  # only who seals pays for cryptography

        return SqlForgeTokens(self._database, self.now, key)

    def devices(self, key: bytes) -> "SqlDevices":
        """The browsers that show notices. `key` is 32 bytes that are kept elsewhere."""
        from honk.adapters.sql.devices import SqlDevices  # only who seals pays for cryptography

        return SqlDevices(self._database, key)

    async def open(self) -> None:
        """Connects and brings the schema up to date. Raises SettingsWrong for a newer release's database."""
        await self._database.open()

    def listen(self, listener: Listener) -> None:
        """The listener is told of each event of this process once it is committed.

        On the event loop, in the order of commits; it must neither block nor raise.
        """
        self._database.listen(listener)

    def stamp(self) -> tuple[int, int] | None:
        """Differs once any process has stored something; None where that cannot be seen without asking. Cheap."""
        return self._database.stamp()

    async def close(self) -> None:
        """Lets the transaction under way finish."""
        await self._database.close()

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
