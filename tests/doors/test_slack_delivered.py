"""How deliveries come in: over sockets that break, and as signed requests; kept before they are acknowledged."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
import uvicorn
from slack_world import QUICK, SlackWorld, door_of, slack_world
from starlette.applications import Starlette

from honk.domain.thread import Delivery
from honk.doors.slack import Choices
from honk.ports import Deliveries

pytestmark = pytest.mark.anyio
_JSON, _FORM = "application/json", "application/x-www-form-urlencoded"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    async with slack_world(tmp_path) as made:
        yield made


@pytest.mark.parametrize("way", ["warning", "refresh_requested", "cut"])
async def test_a_socket_that_goes_away_loses_nothing(here: SlackWorld, way: Any) -> None:
    slack = here.slack
    slack.deliveries.patience, slack.deliveries.retry_after = 0.3, (0.0,) * 20
    first = await here.ask()
    if way == "cut":
        slack.cut()
    else:
        await slack.disconnect(way)
    second = await here.ask(user="ben")
    await here.card(first, "Ready to merge")
    await here.card(second, "Ready to merge")
    assert len(await here.world.store.tasks.list()) == 2


class Slow:
    """Deliveries in a database that answers once it is let."""

    def __init__(self, port: Deliveries, goes_on: anyio.Event) -> None:
        self._port, self._goes_on = port, goes_on

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def keep(self, delivery: Delivery) -> bool:
        await self._goes_on.wait()
        return await self._port.keep(delivery)


async def test_a_slow_database_acknowledges_nothing_and_loses_nothing(tmp_path: Path) -> None:
    async with slack_world(tmp_path, opened=False) as here:
        slack, goes_on = here.slack, anyio.Event()
        slack.deliveries.patience, slack.deliveries.retry_after = 0.2, (0.0,) * 50
        chats = here.world.store.chats
        slow = replace(chats, deliveries=cast("Deliveries", Slow(chats.deliveries, goes_on)))
        async with door_of(here, Choices(), replace(QUICK, answer=0.05), chats=slow).opened():
            await slack.until(lambda: slack.connections)
            ts = await here.ask()
            delivery = slack.deliveries.all[0]
            await slack.until(lambda: delivery.retries > 1)
            assert not delivery.acknowledged and await here.world.latest() is None
            goes_on.set()
            await here.card(ts, "Ready to merge")
            await slack.until(lambda: delivery.acknowledged)
            assert len(await here.world.store.tasks.list()) == 1


@asynccontextmanager
async def over_http(tmp_path: Path) -> AsyncIterator[SlackWorld]:
    """The door takes signed requests; it is not open yet."""
    async with slack_world(tmp_path, opened=False) as here:
        here.door = door_of(here, Choices(mode="http"))
        config = uvicorn.Config(Starlette(routes=list(here.door.routes())), port=0, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve)
            while not server.started:
                await anyio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            here.slack.deliveries.request_url = f"http://127.0.0.1:{port}/slack/events"
            try:
                yield here
            finally:
                server.should_exit = True


@pytest.mark.filterwarnings("ignore:Sending a large body")
async def test_requests_are_verified_and_rubbish_is_no_trouble(tmp_path: Path) -> None:
    async with over_http(tmp_path) as here:
        post = here.slack.deliveries.post
        assert (await post("{}", _JSON))[0] == 503, "before the door is open Slack is to try again"
        async with here.door.opened():
            await here.slack.until(lambda: here.slack.calls_of("auth.test"))
            while not here.door.open_:
                await anyio.sleep(0.01)
            assert await here.slack.verify_url()
            ts = await here.ask()
            await here.card(ts, "Ready to merge")
            body = json.dumps(here.slack.deliveries.all[0].payload)
            assert (await post(body, _JSON))[0] == 200, "replayed"
            assert len(await here.world.store.tasks.list()) == 1
            wrong = {"X-Slack-Signature": "v0=00"}
            assert (await post(body, _JSON, wrong))[0] == 401
            assert (await post(body, _JSON, {"X-Slack-Signature": ""}))[0] == 401
            assert (await post(body, _JSON, {"X-Slack-Request-Timestamp": "1700000000"}))[0] == 401
            assert (await post("ssl_check=1&token=x", _FORM))[0] == 200
            status, words, _ = await post("x" * (3 << 20), _JSON)
            assert status in {413, 0}, (status, words)
            for rubbish in (
                "",
                "[]",
                "1",
                "null",
                "{",
                '"x"',
                '{"type": 1}',
                '{"event": {"type": 5}}',
            ):
                assert (await post(rubbish, _JSON))[0] < 500, rubbish
            for form in (
                "payload=",
                "payload=%7B",
                "payload=[]",
                "payload=%FF",
                "a",
                "command=%00",
                'payload={"type":1}',
            ):
                assert (await post(form, _FORM))[0] < 500, form
            strange = {"type": "event_callback", "team_id": here.slack.app.team, "event": {"type": "message", "ts": []}}
            assert (await post(json.dumps(strange), _JSON))[0] == 200
            strange["team_id"] = "T0OTHER"
            strange["event"] = {**here.slack.deliveries.all[0].event, "ts": "1.000001"}
            assert (await post(json.dumps(strange), _JSON))[0] == 200
            await here.card(await here.ask(user="ben"), "Ready to merge")
            assert len(await here.world.store.tasks.list()) == 2
