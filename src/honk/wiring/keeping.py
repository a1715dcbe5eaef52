"""Backup and restore of this machine's Honk, as the settings say."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import anyio
import sqlalchemy as sa

from honk import __version__
from honk.adapters.backup import Source, Target, back_up, restore
from honk.adapters.backup.rows import Kept, engine_of
from honk.adapters.dbos.database import prepare
from honk.adapters.sql import SqlStore
from honk.adapters.sql.migrate import HEAD, migrate
from honk.settings import Settings
from honk.wiring.place import make_home

#: told what is being done, the bytes so far, and the bytes in all (0: not known)
Tell = Callable[[str, int, int], None]
#: DBOS makes these anew
_MADE_ANEW = frozenset({"dbos_migrations", "queues", "application_versions"})
_DATABASE_LINE = re.compile(r"^\s*database\s*=.*$", re.MULTILINE)


class Keeper:
    """Implements honk.doors.cli.keeping.Keeper."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = environ

    async def back_up(self, path: Path, tell: Tell) -> int:
        """See `honk backup`. Opens the store first, so that the schema is this release's."""
        settings = Settings.load(self._environ)
        make_home(settings.home)
        async with SqlStore(settings.database):
            pass
        await anyio.to_thread.run_sync(partial(_close, settings))
        source = Source(
            home=settings.home, kept=_kept(settings), release=__version__, schema=HEAD, settings=_settings(settings)
        )
        return await anyio.to_thread.run_sync(partial(back_up, source, path, at=datetime.now(UTC), tell=tell))

    async def restore(self, path: Path, tell: Tell) -> Mapping[str, object]:
        """See `honk restore`."""
        settings = Settings.load(self._environ)
        make_home(settings.home)
        target = Target(
            home=settings.home,
            kept=_kept(settings),
            schema=HEAD,
            release=__version__,
            prepare=partial(_prepare, settings),
        )
        return await anyio.to_thread.run_sync(partial(restore, path, target, tell=tell))


def _kept(settings: Settings) -> tuple[Kept, ...]:
    """The journal first: it may be older than the store, never newer."""
    journal = settings.journal
    url = f"sqlite:///{journal}" if isinstance(journal, Path) else journal
    return (
        Kept(name="journal", url=url, schema="dbos", left_out=_MADE_ANEW),
        Kept(name="store", url=settings.database, left_out=frozenset({"alembic_version"})),
    )


def _settings(settings: Settings) -> str:
    """honk.toml, without the address of a database: it may hold a password, and is another one elsewhere."""
    if not settings.path.is_file():
        return ""
    return _DATABASE_LINE.sub("# database: set it anew", settings.path.read_text(encoding="utf-8"))


def _close(settings: Settings) -> None:
    """The journal's tables are there, and whoever made them has let go of them."""
    journal = settings.journal
    prepare(f"sqlite:///{journal}" if isinstance(journal, Path) else journal).dispose()


def _prepare(settings: Settings, name: str, schema: str | None) -> None:
    if name == "journal":
        if schema is not None:
            _close(settings)
        return
    engine = engine_of(settings.database)
    try:
        with engine.begin() as connection:
            migrate(connection, schema or HEAD)
    finally:
        engine.dispose()
    if sa.make_url(settings.database).get_backend_name() == "sqlite":
        (settings.home / "honk.db").chmod(0o600)
