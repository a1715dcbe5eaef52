"""What `honk doctor` says of Slack: the tokens, the scopes, the way in, and the trouble that a server noted."""

from honk.adapters.sql import SqlStore
from honk.doors.slack.api import Api
from honk.doors.slack.pacing import Pace
from honk.doors.slack.setup import lacking, refused
from honk.errors import HonkError
from honk.service import Diagnosis
from honk.settings import Settings
from honk.wiring.slack_setup import client_of, way_in

#: Where the door notes its last trouble, among the preferences of chats.
NOTED = "slack/door"


async def slack(settings: Settings) -> list[Diagnosis]:
    """Nothing is posted: the token, what it may, whether deliveries can come, and what a server saw."""
    if not settings.file.slack.enabled:
        return [_optional("switched off: enabled = false below [slack]", ok=True)]
    if not settings.has_slack:
        return [_not_set_up(settings)]
    found: list[Diagnosis] = []
    async with client_of(settings) as client:
        try:
            bot = await Api(client, Pace()).bot()
            found.append(Diagnosis(name="Slack", ok=True, detail=f"in {bot.team_name} ({bot.team})", required=False))
            found += lacking(bot.scopes)
        except HonkError as error:
            found.append(refused("Slack", error))
        found.append(await way_in(settings, client))
    return [*found, *await noted(settings)]


async def noted(settings: Settings) -> list[Diagnosis]:
    """The last trouble of the running server's door; nothing where it has none, or the store cannot be read."""
    try:
        async with SqlStore(settings.database) as store:
            said = await store.chats.preferences.read(NOTED)
    except HonkError:
        return []
    if not (trouble := said.get("trouble", "")):
        return []
    since = f" (since {said['since']})" if said.get("since") else ""
    return [Diagnosis(name="Slack: server", ok=False, detail=f"{trouble}{since}", remedy="honk slack check")]


def _not_set_up(settings: Settings) -> Diagnosis:
    missing = settings.slack_missing
    if settings.slack_bot_token or settings.slack_app_token or settings.slack_signing_secret:
        return _optional(f"not set: {', '.join(missing)}")
    return _optional("not set up")


def _optional(detail: str, *, ok: bool = False) -> Diagnosis:
    return Diagnosis(name="Slack", ok=ok, detail=detail, remedy="honk slack setup", required=False)
