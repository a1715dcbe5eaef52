"""Whom the bot's token is shown when a file is fetched: Slack's own hosts, over an encrypted connection."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from slack_sdk.web.async_client import AsyncWebClient

from honk.doors.slack.api import Api
from honk.doors.slack.pacing import Pace
from honk.doors.slack.trouble import SlackDown, SlackRefused

pytestmark = pytest.mark.anyio
NOT_SLACKS = [
    "http://slack.com/files-pri/T1-F1/a.png",
    "http://files.slack.com/files-pri/T1-F1/a.png",
    "https://evil.example/a.png",
    "https://slack.com.evil.example/a.png",
    "https://evilslack.com/a.png",
    "https://files.slack.com@evil.example/a.png",
    "https://evil.example:443/.slack.com",
    "https://[broken.slack.com/a.png",
    "ftp://files.slack.com/a.png",
    "file:///etc/passwd",
    "http://127.0.0.1/a.png",
    "",
]


class Nowhere(aiohttp.BaseConnector):
    """A machine without a network."""

    async def _create_connection(self, *_: Any) -> Any:
        raise aiohttp.ClientConnectionError("no network here")


def api(base: str, session: aiohttp.ClientSession) -> Api:
    return Api(AsyncWebClient("xoxb-1", base_url=base, session=session), Pace())


@pytest.mark.parametrize("url", NOT_SLACKS)
async def test_an_address_that_is_not_slacks_or_not_encrypted_is_not_asked(url: str, tmp_path: Path) -> None:
    async with aiohttp.ClientSession(connector=Nowhere()) as session:
        with pytest.raises(SlackRefused) as refused:
            await api("https://slack.com/api/", session).download(url, tmp_path / "file", 100)
    assert refused.value.error == "not_slack" and not (tmp_path / "file").exists()


async def test_a_slack_of_this_machine_hands_out_its_files_and_no_other_server_there(tmp_path: Path) -> None:
    async def file(request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer xoxb-1"
        return web.Response(body=b"picture", content_type="image/png")

    app = web.Application()
    app.router.add_get("/a.png", file)
    async with TestServer(app) as here, TestServer(app) as other, aiohttp.ClientSession() as session:
        one = api(str(here.make_url("/api/")), session)
        await one.download(str(here.make_url("/a.png")), tmp_path / "file", 100)
        assert (tmp_path / "file").read_bytes() == b"picture"
        for url in (str(other.make_url("/a.png")), str(here.make_url("/a.png")).replace("127.0.0.1", "localhost")):
            with pytest.raises(SlackRefused):
                await one.download(url, tmp_path / "file", 100)


async def test_slacks_own_hosts_are_asked(tmp_path: Path) -> None:
    async with aiohttp.ClientSession(connector=Nowhere()) as session:
        for url in ("https://files.slack.com/a.png", "https://slack.com/a.png", "https://a.slack-files.com:443/a"):
            with pytest.raises(SlackDown):
                await api("https://slack.com/api/", session).download(url, tmp_path / "file", 100)
