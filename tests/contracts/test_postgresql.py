"""PostgreSQL itself: what is refused in words, whose lock it is, and a server that comes and goes."""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import anyio
import pytest
import sqlalchemy as sa
from store_world import with_task

from honk.adapters.sql import SqlStore
from honk.adapters.sql.postgresql import check, engine
from honk.adapters.sql.worker_lock import locked
from honk.domain.event import TaskNoted
from honk.domain.task import TaskId
from honk.errors import HonkError, SettingsWrong, StoreUnavailable, Unreachable
from honk.settings import Settings
from postgres_server import Server

pytestmark = pytest.mark.anyio
SECRET = "canary/p@ss"


async def refusal(url: str) -> HonkError:
    with pytest.raises(HonkError) as raised:
        async with SqlStore(url):
            pass
    assert SECRET not in str(raised.value) and "canary" not in str(raised.value)
    return raised.value


async def test_what_is_wrong_is_said_in_words(postgres: Server, tmp_path: Path) -> None:
    postgres.role("guarded", SECRET)
    wrong = {
        postgres.url("honk", user="guarded", password="canary-wrong"): (SettingsWrong, "refuses the password"),
        postgres.url("honk", user="nobody"): (SettingsWrong, "no such role"),
        postgres.url("nothing", password=SECRET): (SettingsWrong, "there is no such database"),
        f"postgresql://honk:canary@/honk?host={tmp_path}": (Unreachable, "does not answer"),
        "postgresql://honk:canary@nowhere.invalid/honk": (SettingsWrong, "host is unknown"),
        "postgresql://honk:canary@127.0.0.1:1/honk": (Unreachable, "does not answer"),
    }
    for url, (kind, words) in wrong.items():
        error = await refusal(url)
        assert isinstance(error, kind) and words in error.message, error
        assert error.remedy


async def test_a_role_without_rights_is_told_so(postgres: Server) -> None:
    postgres.execute("CREATE ROLE powerless LOGIN")
    name = sa.make_url(postgres.database()).database
    assert "may not create tables" in (await refusal(postgres.url(str(name), user="powerless"))).message


async def test_a_server_that_is_too_old_is_refused(postgres: Server) -> None:
    opened = engine(sa.make_url(postgres.database()))
    check(opened)
    with pytest.raises(SettingsWrong, match="too old"):
        check(opened, oldest=990_000)
    opened.dispose()


def test_the_password_is_not_shown(postgres: Server, tmp_path: Path) -> None:
    url = postgres.url("honk", password="canary")
    settings = Settings.load({"HONK_HOME": str(tmp_path), "HONK_DATABASE": url, "HOME": str(tmp_path)})
    assert settings.database == url
    assert "canary" not in repr(settings)
    with pytest.raises(SettingsWrong) as raised:
        Settings.load({"HONK_HOME": str(tmp_path), "HONK_DATABASE": "mysql://canary", "HOME": str(tmp_path)})
    assert "canary" not in str(raised.value)


async def test_one_process_holds_the_lock_until_its_session_ends(postgres: Server) -> None:
    url = postgres.database()
    with locked(url) as mine:
        assert mine is not None
        with locked(url) as other:
            assert other is None
        with locked(postgres.database()) as elsewhere:
            assert elsewhere is not None
        lost = asyncio.ensure_future(mine.until_lost())
        name = sa.make_url(url).database
        postgres.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE application_name = 'honk worker' AND datname = '{name}'"
        )
        with anyio.fail_after(10), pytest.raises(StoreUnavailable, match="was lost"):
            await lost
        with locked(url) as again:
            assert again is not None


async def test_connections_that_the_server_ended_are_made_again(postgres: Server) -> None:
    url = postgres.database()
    async with SqlStore(url) as store:
        await with_task(store)
        name = sa.make_url(url).database
        for number in range(5):
            postgres.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
                " AND pid <> pg_backend_pid()"
            )
            await store.events.record(TaskId("t1"), 1, TaskNoted(text=f"{number}"))
        assert [event.seq for event in await store.events.read(TaskId("t1"))] == [1, 2, 3, 4, 5]


@contextmanager
def pgbouncer(server: Server, mode: str) -> Iterator[str]:
    """A real PgBouncer before the server; gives the folder of its socket."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    assert program is not None, "the test has no mark that asks for it"
    folder = server.folder / f"bouncer-{mode}"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "users").write_text('"honk" ""\n')
    (folder / "bouncer.ini").write_text(
        f"[databases]\n* = host={server.folder} port={server.port} user=honk\n"
        f"[pgbouncer]\nlisten_port = 6432\nlisten_addr =\nunix_socket_dir = {folder}\npool_mode = {mode}\n"
        f"auth_type = any\nauth_file = {folder}/users\nlogfile = {folder}/log\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    user = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    process = subprocess.Popen(  # type: ignore[call-overload]
        [program, "-q", str(folder / "bouncer.ini")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user
    )
    try:
        for _ in range(200):
            if (folder / ".s.PGSQL.6432").exists() or process.poll() is not None:
                break
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
        assert process.poll() is None, (folder / "log").read_text()
        yield str(folder)
    finally:
        process.kill()
        process.wait()


@pytest.mark.partner("pgbouncer")
async def test_a_pooler_in_transaction_mode_is_noticed(postgres: Server) -> None:
    name = sa.make_url(postgres.database()).database
    with pgbouncer(postgres, "transaction") as folder:
        error = await refusal(f"postgresql://honk@/{name}?host={folder}&port=6432")
        assert isinstance(error, SettingsWrong) and "transaction mode" in error.message, error


@pytest.mark.partner("pgbouncer")
async def test_a_pooler_in_session_mode_will_do(postgres: Server) -> None:
    name = sa.make_url(postgres.database()).database
    with pgbouncer(postgres, "session") as folder:
        async with SqlStore(f"postgresql://honk@/{name}?host={folder}&port=6432") as store:
            assert (await with_task(store)).id == "t1"
