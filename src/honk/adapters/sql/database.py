"""One database and the threads that talk to it: one for SQLite, a few for PostgreSQL.

Transactions are short and synchronous, on threads of their own, so that the event loop never waits
for a disk or a network. SQLite is opened in WAL mode; a transaction that writes begins with BEGIN
IMMEDIATE, because one that reads first and then writes could not wait for another process's lock.
Every commit is synced: an accepted task survives a power cut.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from honk.adapters.sql import postgresql
from honk.adapters.sql.migrate import migrate
from honk.domain.event import Event
from honk.errors import Defect, DiskFull, MachineInTrouble, StoreUnavailable

T = TypeVar("T")
#: what runs in one transaction; may run again when the transaction could not be committed
Work = Callable[[sa.Connection], T]
#: told of each event once it is committed, on the event loop, in the order of commits; must not block or raise
Listener = Callable[[Event], None]

#: seconds for which another process may hold the write lock before we give up
BUSY_SECONDS = 60.0
_WRITES = "honk_writes"
#: where a transaction collects the events that it appends
APPENDED = "honk_appended"


def _prepare_sqlite(connection: DBAPIConnection, patience: float) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin_sqlite
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _engine(url: sa.URL, patience: float) -> sa.Engine:
    if url.database in (None, "", ":memory:"):
        engine = sa.create_engine(url, poolclass=sa.StaticPool, connect_args={"check_same_thread": False})
    else:
        engine = sa.create_engine(url, poolclass=sa.QueuePool, pool_size=1)
    sa.event.listen(engine, "connect", lambda connection, _: _prepare_sqlite(connection, patience))
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _is_busy(error: DBAPIError) -> bool:
    """Whether the same again may do: nothing of the transaction is in the database."""
    words = str(error.orig)
    return (
        "database is locked" in words
        or "database table is locked" in words
        or postgresql.may_win_next_time(error)
        # the attempt itself says, by another error, when a commit is in doubt
        or (error.connection_invalidated and "sqlite" not in type(error.orig).__module__)
    )


def _patiently(attempt: Callable[[], T], seconds: float) -> T:
    """SQLite reports some locks (recovery, the change to WAL) at once, without waiting for them."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        try:
            return attempt()
        except DBAPIError as exc:
            if not _is_busy(exc):
                raise
            if time.monotonic() > deadline:
                raise StoreUnavailable("the database was locked by another process for too long") from exc
            pause.wait(0.02)


class Database:
    """Raises DiskFull or StoreUnavailable when the database is locked, full or down for longer than `patience` seconds.

    What was to be written then is not, save where the message says that it is not known.
    """

    def __init__(self, url: str, *, patience: float = BUSY_SECONDS) -> None:
        self._url = sa.make_url(url)
        self._patience = patience
        self._engine: sa.Engine | None = None
        #: writes go one after another, so that events are told in the order of their commits
        self._thread: ThreadPoolExecutor | None = None
        #: reads of PostgreSQL do not wait for them
        self._readers: ThreadPoolExecutor | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """From now on, until the database is closed, the listener is told of this process's events."""
        self._listeners.append(listener)

    async def open(self) -> None:
        """Connects and migrates. Raises SettingsWrong when a newer Honk wrote the database."""
        if self._thread is not None:
            raise Defect("the database is open already")
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="honk-store")
        try:
            await self._on_thread(self._open)
            if not self._sqlite:
                self._readers = ThreadPoolExecutor(postgresql.CONNECTIONS - 1, thread_name_prefix="honk-store-reads")
        except BaseException:
            self._thread.shutdown(wait=False)
            self._thread = None
            raise

    async def close(self) -> None:
        """Lets the transaction under way finish. Closed already: no effect."""
        (thread, self._thread), (readers, self._readers) = (self._thread, None), (self._readers, None)
        if thread is None:
            return
        if readers is not None:
            await asyncio.to_thread(readers.shutdown)
        try:
            await asyncio.wrap_future(thread.submit(self._close))
        finally:
            thread.shutdown(wait=False)

    async def read(self, work: Work[T]) -> T:
        return await self._on_thread(lambda: self._once(work, writes=False), self._readers)

    async def write(self, work: Work[T]) -> T:
        return await self._on_thread(lambda: self._write(work))

    async def _on_thread(self, job: Callable[[], T], threads: ThreadPoolExecutor | None = None) -> T:
        if self._thread is None:
            raise Defect("the store is not open")
        return await asyncio.wrap_future((threads or self._thread).submit(job))

    @property
    def _sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def stamp(self) -> tuple[int, int] | None:
        """Differs once any process has committed; None where that cannot be seen without asking. Cheap."""
        if not self._sqlite or self._url.database in (None, "", ":memory:"):
            return None
        try:
            log = Path(f"{self._url.database}-wal").stat()
        except FileNotFoundError:
            return (0, 0)
        except OSError:
            return None
        return (log.st_mtime_ns, log.st_size)

    def _open(self) -> None:
        if not self._sqlite:
            self._open_postgresql()
            return
        if self._url.database not in (None, "", ":memory:"):
            path = Path(self._url.database or "")
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # SQLite gives its side files the mode of this one
            path.touch(mode=0o600, exist_ok=True)
        self._engine = _engine(self._url, self._patience)
        _patiently(self._use_wal, self._patience)
        _patiently(lambda: self._once(migrate, writes=True), self._patience)

    def _open_postgresql(self) -> None:
        self._engine = postgresql.engine(self._url)
        try:
            postgresql.check(self._engine)
            self._once(_migrate_alone, writes=True)
        except BaseException as exc:
            self._close()
            if isinstance(exc, DBAPIError):
                raise postgresql.explained(exc, self._url) from exc
            raise

    def _use_wal(self) -> None:
        connection = self._connected().raw_connection()
        try:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.close()
        except Exception as exc:
            raise OperationalError("PRAGMA journal_mode=WAL", None, exc) from exc
        finally:
            connection.close()

    def _close(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.dispose()

    def _connected(self) -> sa.Engine:
        if self._engine is None:
            raise Defect("the store is not open")
        return self._engine

    def _write(self, work: Work[T]) -> T:
        try:
            return self._once(work, writes=True)
        except IntegrityError:
            # two processes of PostgreSQL inserted the same row at once: now it is there to be found
            try:
                return self._once(work, writes=True)
            except IntegrityError as exc:
                raise Defect(f"the store refuses the record: {exc.orig}") from exc

    def _once(self, work: Work[T], *, writes: bool) -> T:
        engine = self._connected().execution_options(**{_WRITES: writes})

        def attempt() -> tuple[T, list[Event]]:
            with engine.connect() as connection, connection.begin() as transaction:
                appended: list[Event] = []
                connection.info[APPENDED] = appended
                made = work(connection)
                _commit(transaction, writes=writes)
                return made, appended

        try:
            result, appended = _patiently(attempt, self._patience)
        except OperationalError as exc:
            raise unusable(exc) from exc
        if appended and self._listeners and self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody listens any more
                self._loop.call_soon_threadsafe(self._tell, appended)
        return result

    def _tell(self, appended: list[Event]) -> None:
        for event in appended:
            for listener in self._listeners:
                listener(event)


def _commit(transaction: sa.Transaction, *, writes: bool) -> None:
    try:
        transaction.commit()
    except DBAPIError as exc:
        if writes and exc.connection_invalidated:
            raise StoreUnavailable("the database went away during a commit: whether it holds is unknown") from exc
        raise


def unusable(error: OperationalError) -> MachineInTrouble:
    """The database cannot be used now: full, unreadable, or not there."""
    words = str(error.orig)
    if "disk is full" in words or "disk I/O error" in words:
        return DiskFull(f"the database could not write: {words}", "free some disk")
    return StoreUnavailable(f"the database cannot be used: {words}")


def _migrate_alone(connection: sa.Connection) -> None:
    """Of several processes that begin at once on PostgreSQL, one migrates."""
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": postgresql.MIGRATION_LOCK})
    migrate(connection)
