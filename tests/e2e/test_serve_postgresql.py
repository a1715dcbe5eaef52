"""`honk serve` on PostgreSQL when the session that holds the worker's lock is lost."""

from collections.abc import Iterator

import anyio
import pytest
import sqlalchemy as sa
from run_world import Honk, world
from serve_world import server

from postgres_server import Server

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


ONE = "application_name = 'honk worker'"
ALL = "pid <> pg_backend_pid()"


@pytest.mark.parametrize("sessions", [ONE, pytest.param(ALL, marks=pytest.mark.slow)])
async def test_a_server_that_lost_its_lock_ends_with_one_sentence(honk: Honk, postgres: Server, sessions: str) -> None:
    """Only that session, or each one that the server has, in the middle of the work on a task."""
    url = postgres.database()
    here = Honk(root=honk.root, environment={**honk.environment, "HONK_DATABASE": url})
    async with server(here) as served:
        music = here.repository()
        async with here.started("run", music, "sleep 60", "--agent", "command", "--json") as asked:
            with anyio.fail_after(30):
                await asked.until("agent.started")
            name = sa.make_url(url).database
            postgres.execute(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {sessions} AND datname = '{name}'"
            )
            with anyio.fail_after(30):
                done = await served.running.done()
    assert done.code == 1, done.words
    assert "Traceback" not in done.words and "Group" not in done.words, done.words
    last = done.err.strip().splitlines()[-2:]
    assert "that holds the worker's lock was lost" in last[0] and "honk serve" in last[1], done.err
