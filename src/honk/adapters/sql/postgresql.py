"""PostgreSQL as the store's database: how it is reached, what it must be, and what its refusals mean."""

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, OperationalError

from honk.errors import HonkError, SettingsWrong, Unreachable

#: threads that ask it, each with a connection of its own
CONNECTIONS = 4
#: seconds until a server that does not answer counts as down
CONNECT_SECONDS = 10
#: the oldest release that Honk is good for (server_version_num)
OLDEST = 130000
#: Locks by number, all of Honk's in this place: who migrates, who counts a budget, who works.
MIGRATION_LOCK, BUDGET_LOCK, WORKER_LOCK = 4711_0001, 4711_0002, 4711_0003
#: a transaction that lost against another one; the same again may win (SQLSTATE)
_TRY_AGAIN = frozenset({"40001", "40P01"})
#: a server that starts, ends, or has no connection left (SQLSTATE)
_PASSES = frozenset({"57P01", "57P02", "57P03", "53300"})


def engine(url: sa.URL) -> sa.Engine:
    """Connections that notice a peer which is gone, and are looked at before they are used again."""
    return sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=CONNECTIONS,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "honk",
            "keepalives_idle": 5,
            "keepalives_interval": 2,
            "keepalives_count": 3,
            "tcp_user_timeout": 15_000,
        },
    )


def check(engine: sa.Engine, *, oldest: int = OLDEST) -> None:
    """Raises SettingsWrong for a server that is too old, or a pooler that breaks locks of a session."""
    with engine.connect() as first:
        number = int(first.execute(sa.text("SHOW server_version_num")).scalar_one())
        if number < oldest:
            raise SettingsWrong(
                f"the PostgreSQL server is too old (version {number // 10000})",
                f"Honk needs {oldest // 10000} or newer",
            )
        first.commit()
        mine = _backend(first)
        if mine == _announced(first):
            return
        # A pooler is between. Another client's transaction must not take this session's server connection.
        first.commit()
        with engine.connect() as second:
            second.execute(sa.text("SELECT 1"))
            if _backend(first) != mine:
                raise SettingsWrong(
                    "between Honk and PostgreSQL is a pooler (PgBouncer?) in transaction mode",
                    "give a direct connection, or a pool in session mode: docs/howto/postgresql.md",
                )


def _backend(connection: sa.Connection) -> int:
    pid = int(connection.execute(sa.text("SELECT pg_backend_pid()")).scalar_one())
    connection.commit()
    return pid


def _announced(connection: sa.Connection) -> int:
    """The process that the connection was told it talks to; a pooler tells its own number."""
    driver = connection.connection.driver_connection
    return int(driver.info.backend_pid) if driver is not None else 0


def may_win_next_time(error: DBAPIError) -> bool:
    """Whether the transaction was rolled back for another one's sake."""
    return getattr(error.orig, "sqlstate", None) in _TRY_AGAIN


def lost(error: DBAPIError) -> bool:
    """Whether the connection is gone, or could not be had."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state in _PASSES or (isinstance(error, OperationalError) and state is None)


def explained(error: DBAPIError, url: sa.URL) -> HonkError:
    """What a person should read when the database cannot be opened. Never holds the password."""
    shown = url.render_as_string(hide_password=True)
    said = " ".join(str(error.orig).split())
    if url.password:
        said = said.replace(str(url.password), "***")
    for words, problem, remedy in _REFUSALS:
        if words in said:
            return SettingsWrong(f"{problem}: {shown}", remedy)
    if getattr(error.orig, "sqlstate", None) == "42501":
        return SettingsWrong(f"the role may not create tables in {shown}: {said}", "make it the database's owner")
    return Unreachable(f"the database {shown} does not answer: {said}", "start the server, or correct `database`")


_REFUSALS = (
    ("password authentication failed", "PostgreSQL refuses the password", "correct `database` or HONK_DATABASE"),
    ("no password supplied", "PostgreSQL wants a password", "put it into HONK_DATABASE or ~/.pgpass"),
    ("no pg_hba.conf entry", "PostgreSQL lets nobody in from here by that name", "add a line to its pg_hba.conf"),
    ("Peer authentication failed", "PostgreSQL lets in only the role of the same name", "use a host and a password"),
    ('role "', "PostgreSQL knows no such role", "sudo -u postgres createuser --pwprompt honk"),
    ('database "', "there is no such database", "sudo -u postgres createdb --owner honk honk"),
    ("could not translate host name", "the host is unknown", "correct `database` in honk.toml or HONK_DATABASE"),
    ("failed to resolve host", "the host is unknown", "correct `database` in honk.toml or HONK_DATABASE"),
)
