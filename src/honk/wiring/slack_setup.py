"""`honk slack setup` and `honk slack check`: the door's checks, with this machine's settings and tokens."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from honk.doors.cli.slack import Standing
from honk.doors.slack.api import Api
from honk.doors.slack.pacing import Pace
from honk.doors.slack.setup import Checks, manifest, socket
from honk.doors.slack.verifying import verify
from honk.service import Diagnosis
from honk.settings import Settings


class SlackSetup:
    """Implements honk.doors.cli.slack.SlackSetup."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @staticmethod
    def manifest(address: str) -> str:
        """The app, as Slack takes it from a paste."""
        return manifest(address)

    def standing(self, given: Mapping[str, str]) -> Standing:
        """How far Slack is set up. Raises SettingsWrong for a token in the wrong place."""
        settings = self._with(given)
        file = settings.file
        return Standing(
            mode=file.slack.mode,
            missing=settings.slack_missing,
            public_url=file.public_url,
            path=settings.path,
            roles=bool(file.roles),
            user=settings.user,
        )

    async def check(self, user: str, given: Mapping[str, str]) -> AsyncIterator[Diagnosis]:
        """Each scope by trying it, then the way in which Slack's deliveries come."""
        settings = self._with(given)
        async with client_of(settings) as client:
            checks = Checks(client, Api(client, Pace()), user)
            async for one in checks.all():
                yield one
            yield await way_in(settings, client)

    def _with(self, given: Mapping[str, str]) -> Settings:
        return self._settings.with_slack(given) if given else self._settings


@asynccontextmanager
async def client_of(settings: Settings) -> AsyncIterator[AsyncWebClient]:
    """Slack's own client, with the bot's token."""
    async with aiohttp.ClientSession() as session:
        yield AsyncWebClient(
            settings.slack_bot_token.reveal(),
            base_url=settings.file.slack.api_url,
            session=session,
            retry_handlers=[],
            timeout=15,
        )


async def way_in(settings: Settings, client: AsyncWebClient) -> Diagnosis:
    """How Slack's deliveries come: over a connection, or as requests to `public_url`."""
    if settings.file.slack.mode == "socket":
        return await socket(client, settings.slack_app_token.reveal())
    if not (public := settings.file.public_url):
        remedy = 'set public_url, or mode = "socket" below [slack], which needs none'
        return Diagnosis(name="Slack: requests", ok=False, detail="public_url is not set", remedy=remedy)
    async with aiohttp.ClientSession() as session:
        return await verify(session, public, settings.slack_signing_secret.reveal())
