"""Bolt: signatures, sockets and acknowledgements are Slack's own library's; what it is given goes into the intake.

Nothing is acknowledged before it is kept. What needs an answer at once (a modal, the options of a search field) is
done before the acknowledgement, and changes nothing that would have to be done again.
"""

import logging
import re
import traceback
from typing import Any, Protocol

import structlog
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError
from slack_bolt.async_app import AsyncAck, AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from honk.doors.slack.api import Bot
from honk.doors.slack.names import delivery_id, lane_of
from honk.doors.slack.payloads import Changed, Command, Interaction, Reaction, Said
from honk.doors.slack.plain_words import stops, without_mention
from honk.errors import HonkError
from honk.service.intake import NotKept

_log = structlog.get_logger()

Body = dict[str, Any]
_ARCHIVED, _DELETED = "the channel was archived", "the channel was deleted"
_LEFT = "Honk was removed from the channel"
#: What makes places that cannot be written to any more, as people are told, and what brings them back.
LOST = {
    "channel_archive": _ARCHIVED,
    "channel_deleted": _DELETED,
    "channel_left": _LEFT,
    "group_archive": _ARCHIVED,
    "group_deleted": _DELETED,
    "group_left": _LEFT,
    "member_left_channel": _LEFT,
}
FOUND = ("channel_unarchive", "group_unarchive", "member_joined_channel")
_HONKS = re.compile(r"^honk:")


def of_workspace(body: Body, bot: Bot) -> bool:
    """Whether it is for the app as it is installed in the bot's workspace.

    In a channel that is shared `team_id` and `team` may be those of whoever acts; `context_team_id` and
    `authorizations` say for which installation it is, and a press below a message of Honk's own is for Honk.
    """
    view, message = _part(body, "view"), _part(body, "message")
    allowed = body.get("authorizations")
    allowed = [one for one in allowed if isinstance(one, dict)] if isinstance(allowed, list) else []
    named = [body.get("team_id"), body.get("context_team_id"), _part(body, "team").get("id")]
    named += [view.get("team_id"), view.get("app_installed_team_id"), *(one.get("team_id") for one in allowed)]
    named = [one for one in named if one]
    return not named or bot.team in named or bool(bot.bot and message.get("bot_id") == bot.bot)


def _part(body: Body, name: str) -> Body:
    """A part of what was delivered; empty where it is none."""
    found = body.get(name)
    return found if isinstance(found, dict) else {}


class Inside(Protocol):
    """What Bolt's listeners hand on."""

    bot: Bot

    async def accept(self, kind: str, id: str, body: str, *, lane: str) -> bool:
        """Keeps a delivery. Raises NotKept: then it is not acknowledged."""

    def kept(self, said: Said) -> None:
        """A message is kept that was not known before."""

    def ours(self, body: Body) -> bool:
        """Whether it is of the workspace that this door is for."""

    def opens(self, interaction: Interaction) -> bool:
        """Whether the press opens a modal."""

    async def open(self, interaction: Interaction) -> None:
        """Opens it."""

    async def submit(self, interaction: Interaction) -> Body:
        """What Slack is answered to a modal that was sent."""

    async def offer(self, user: str, typed: str) -> Body:
        """What a search field offers."""

    async def home(self, user: str) -> None:
        """Somebody looks at the home tab."""

    async def place(self, kind: str, channel: str, user: str) -> None:
        """Something happened to a channel."""

    async def revoked(self, kind: str) -> None:
        """The token, or the app, is gone."""


def bolt_app(client: AsyncWebClient, signing_secret: str, inside: Inside) -> AsyncApp:
    """The app; requests over HTTP are verified with the secret, those of a socket come from Slack itself."""
    log = logging.getLogger("honk.slack")
    log.setLevel(logging.ERROR)

    async def authorize(**_: Any) -> AuthorizeResult:
        """Known since the door opened: nothing is asked of Slack for each delivery."""
        bot = inside.bot
        return AuthorizeResult(
            enterprise_id=None,
            team_id=bot.team,
            bot_user_id=bot.user,
            bot_id=bot.bot,
            bot_token=client.token,
        )

    app = AsyncApp(
        client=client,
        authorize=authorize,
        signing_secret=signing_secret or "none: requests over HTTP are not served",
        process_before_response=True,
        attaching_function_token_enabled=False,
        logger=log,
    )
    _Events(inside).listen(app)
    _Interactions(inside).listen(app)
    app.error(_not_acknowledged)
    return app


async def _not_acknowledged(error: Exception) -> BoltResponse | None:
    """Slack delivers it again, or shows the person that it was not taken."""
    if isinstance(error, ValidationError | PydanticSerializationError | UnicodeError) or _librarys(error):
        # it would be the same the next time
        _log.warning("a delivery of Slack has a shape that nobody knows", reason=shape_of(error))
        return BoltResponse(status=200, body="")
    if isinstance(error, NotKept | HonkError):
        _log.warning("a delivery of Slack was not acknowledged", reason=str(error))
    else:
        _log.error("a delivery of Slack was not acknowledged", exc_info=error)
    return None


def shape_of(error: Exception) -> str:
    """What is wrong with what came in, for the log: where and how, and nothing of anybody's words."""
    if not isinstance(error, ValidationError):
        return type(error).__name__
    wrong = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['type']}" for one in wrong)[:500]


def _librarys(error: Exception) -> bool:
    """Whether the library broke over what it was given, which it reads without a look, before it came in here."""
    within = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    return not any(str(name).startswith("honk.") for name in within)


class _Events:
    """What happened in the workspace."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def listen(self, app: AsyncApp) -> None:
        app.event("message")(self.message)
        app.event("app_mention")(self.message)
        app.event("reaction_added")(self.reaction)
        app.event("app_home_opened")(self.home)
        for name in (*LOST, *FOUND):
            app.event(name)(self.place)
        for name in ("tokens_revoked", "app_uninstalled"):
            app.event(name)(self.revoked)
        app.event(re.compile(".*"))(self.nothing)

    async def message(self, body: Body) -> None:
        event = _part(body, "event")
        if not self._inside.ours(body):
            return
        if str(event.get("subtype")) in {"message_changed", "message_deleted"}:
            await _keep_changed(self._inside, event)
        else:
            await _keep_said(self._inside, event)

    async def reaction(self, body: Body) -> None:
        if self._inside.ours(body):
            one = Reaction.model_validate(_part(body, "event"))
            # taken away and added again, it asks again
            parts = (self._inside.bot.team, one.item.channel, one.item.ts, one.reaction, one.user, one.event_ts)
            id = delivery_id("reaction", *parts)
            await self._inside.accept("reaction", id, one.model_dump_json(), lane=id)

    async def home(self, event: Body, body: Body) -> None:
        if event.get("tab") == "home" and self._inside.ours(body):
            await self._inside.home(str(event.get("user", "")))

    async def place(self, event: Body, body: Body) -> None:
        channel = event.get("channel")
        id = channel.get("id") if isinstance(channel, dict) else channel
        if self._inside.ours(body):
            await self._inside.place(str(event.get("type", "")), str(id or ""), str(event.get("user", "")))

    async def revoked(self, event: Body, body: Body) -> None:
        if self._inside.ours(body):
            await self._inside.revoked(str(event.get("type", "")))

    async def nothing(self) -> None:
        """Events that come along and mean nothing here."""


async def _keep_said(inside: Inside, event: Body) -> None:
    said = Said.model_validate(event)
    if not said.ts or not said.channel:
        return
    id, lane = delivery_id("message", inside.bot.team, said.channel, said.ts), lane_of(said.channel, said.root)
    if said.thread_ts and stops(without_mention(said.text, inside.bot.user)):
        # it does not stand in line behind a reply that takes its time
        await inside.accept("stop", id, said.model_dump_json(), lane=f"stop/{lane}")
    elif await inside.accept("message", id, said.model_dump_json(), lane=lane):
        inside.kept(said)


async def _keep_changed(inside: Inside, event: Body) -> None:
    one = Changed.model_validate(event)
    of = one.message or one.previous_message or Said()
    ts = of.ts or one.deleted_ts
    stamp = (one.message.edited.ts if one.message and one.message.edited else "") or one.event_ts or one.subtype
    id = delivery_id("edited", inside.bot.team, one.channel, ts, stamp)
    await inside.accept("edited", id, one.model_dump_json(), lane=lane_of(one.channel, of.thread_ts or ts))


class _Interactions:
    """What somebody pressed, chose, sent or typed."""

    def __init__(self, inside: Inside) -> None:
        self._inside = inside

    def listen(self, app: AsyncApp) -> None:
        app.action(_HONKS)(self.press)
        app.shortcut("ask_honk")(self.shortcut)
        app.view(_HONKS)(self.submitted)
        app.options(_HONKS)(self.options)
        app.command("/honk")(self.command)

    async def press(self, ack: AsyncAck, body: Body) -> None:
        interaction = Interaction.model_validate(body)
        if self._inside.ours(body) and interaction.actions:
            if self._inside.opens(interaction):
                await self._inside.open(interaction)
            else:
                one = interaction.actions[0]
                id = delivery_id("press", interaction.user.id, one.action_id, one.action_ts or interaction.trigger_id)
                # what opens or answers something for some time is no part of what is kept
                kept = interaction.model_dump_json(exclude={"response_url", "trigger_id"})
                await self._inside.accept("press", id, kept, lane=id)
        await ack()

    async def shortcut(self, ack: AsyncAck, body: Body) -> None:
        if self._inside.ours(body):
            await self._inside.open(Interaction.model_validate(body))
        await ack()

    async def submitted(self, ack: AsyncAck, body: Body) -> None:
        answer = await self._inside.submit(Interaction.model_validate(body)) if self._inside.ours(body) else {}
        await ack(**answer)

    async def options(self, ack: AsyncAck, body: Body) -> None:
        interaction = Interaction.model_validate(body)
        await ack(**(await self._inside.offer(interaction.user.id, interaction.value)))

    async def command(self, ack: AsyncAck, body: Body) -> None:
        one = Command.model_validate(body)
        if self._inside.ours(body):
            id = delivery_id("command", one.trigger_id or f"{one.user_id}/{one.channel_id}/{one.text}")
            await self._inside.accept("command", id, one.model_dump_json(), lane=id)
        await ack()
