"""`/honk …`: asking without a mention, and the few things that are no conversation."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from honk.domain.policy import Act
from honk.domain.task import BUSY, Task
from honk.domain.text import shortened
from honk.domain.thread import Delivery
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.asking import Asked, channel_subject
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.hearing import Hearing
from honk.doors.slack.home import Home
from honk.doors.slack.names import message_id
from honk.doors.slack.payloads import Command
from honk.doors.slack.people import Caller, People, identity
from honk.doors.slack.personal import Says, help_says, link_blocks, status_says
from honk.doors.slack.plain_words import plain_words, said_of
from honk.doors.slack.quiet import hours_of
from honk.doors.slack.trouble import SlackDown, SlackGone, SlackRefused
from honk.doors.slack.writing import Block
from honk.errors import NotAllowed, Usage

_log = structlog.get_logger()

Does = Callable[[Command, Caller, str], Awaitable[Says | None]]

#: Repositories among which the channel's own is looked for.
_CANDIDATES = 500
_ASK = "ask"
_ALONE, _WITH_A_WORD = frozenset({"help", "status", "link", "unlink"}), frozenset({"here", "stop", "quiet"})


class Commands:
    """Handles slash commands; the answer is for whoever typed."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People, hearing: Hearing, home: Home) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people
        self._hearing = hearing
        self._home = home
        self._does: dict[str, Does] = {
            "help": self._help,
            "status": self._status,
            "stop": self._stop,
            "here": self._here,
            "link": self._link,
            "unlink": self._unlink,
            "quiet": self._quiet,
            _ASK: self._ask,
        }

    async def typed(self, delivery: Delivery) -> None:
        """One command."""
        command = Command.model_validate_json(delivery.body)
        verb, rest = _meant(command.text)
        try:
            caller = await self._people.caller(command.user_id)
            said = await self._does[verb](command, caller, rest)
        except Usage as error:
            words = said_of(error)
            said = words, [w.text(words[:2900])]
        if said is not None:
            await self.answer(command, *said)

    async def answer(self, command: Command, text: str, blocks: list[Block]) -> None:
        """To whoever typed, whether or not Honk is in that channel."""
        host = urlsplit(command.response_url).netloc
        if not host.endswith((".slack.com", ".slack-gov.com")) and host != self._api.host:
            await self._api.whisper(command.channel_id, command.user_id, w.notice(text), blocks)
            return
        client = AsyncWebhookClient(command.response_url, session=self._api.session)
        try:
            sent = await client.send(text=w.notice(text), blocks=blocks, response_type="ephemeral")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise SlackDown(f"Slack took no answer ({type(error).__name__})", "it is tried again") from error
        if sent.status_code != 200:
            # such an address is good for half an hour
            _log.warning("a command was not answered", status=sent.status_code)
            await self._api.whisper(command.channel_id, command.user_id, w.notice(text), blocks)

    async def _help(self, _: Command, caller: Caller, __: str) -> Says:
        return await help_says(caller)

    async def _status(self, _: Command, caller: Caller, __: str) -> Says:
        return await status_says(caller)

    async def _stop(self, command: Command, caller: Caller, name: str) -> Says:
        there = await self._stage.chats.threads.in_channel(DOOR, self._bot.team, command.channel_id)
        found = [await self._stage.ports.tasks.get(one.task) for one in there]
        fits = [one for one in found if (one.id.startswith(name) if name else one.state in BUSY)]
        fits = [one for one in fits if await _may_stop(caller, one)]
        exact = [one for one in fits if one.id == name]
        if not (fits or name):
            raise Usage("no task is at work in this channel that you may stop", "/honk status shows yours")
        if not fits:
            exact = [await self._elsewhere(caller, name)]
        if len(fits) > 1 and not exact:
            names = ", ".join(one.id for one in fits[:5])
            said = f"begin with {name!r}" if name else "are at work in this channel"
            raise Usage(f"{len(fits)} tasks {said}: {names}", "press Stop on the card, or name one")
        task = (exact or fits)[0].id
        await caller.service.stop(task)
        return f"Stopping {task}", [w.text("Stopping ", w.code(task), ". What was done is kept.")]

    async def _elsewhere(self, caller: Caller, name: str) -> Task:
        """A task of another place. Of one that the person may not stop, nothing is told, not even that it is there."""
        try:
            task = await self._stage.ports.tasks.get(name)
        except Usage:
            task = None
        if task is None or not await _may_stop(caller, task):
            raise Usage("there is no such task here", "/honk status shows yours")
        return task

    async def _here(self, command: Command, caller: Caller, name: str) -> Says:
        subject = channel_subject(self._bot.team, command.channel_id)
        present = (await self._stage.chats.preferences.read(subject)).get("repository", "")
        if not name:
            return await self._which(caller, present)
        if name.lower() in {"off", "none", "-"}:
            await self._may_change(caller, present)
            await self._stage.chats.preferences.write(subject, {"repository": ""})
            words = "This channel has no repository of its own any more."
            return words, [w.text(words)]
        wanted = plain_words(name)
        found = await caller.service.repositories(wanted)
        exact = [one for one in found if wanted in {one.name, one.address, *one.aliases}] or list(found)
        if not exact:
            raise Usage(f"no repository that you may use fits {wanted!r}", "/honk here NAME takes a part of its name")
        if len(exact) > 1:
            names = ", ".join(one.address for one in exact[:5])
            raise Usage(f"{len(exact)} repositories that you may use fit {wanted!r}: {names}", "give the whole address")
        await self._may_change(caller, present)
        chosen = self._stage.ports.repositories.identify(exact[0].address)
        await caller.service.app.allow_on(caller.person, Act.STEER, chosen)
        await self._stage.chats.preferences.write(subject, {"repository": exact[0].address})
        words = f"From now on this channel's repository is {exact[0].name} ({exact[0].address})."
        return words, [w.text(words)]

    async def _may_change(self, caller: Caller, present: str) -> None:
        """Everybody's requests there go to that repository. Of one that the person may not use, nothing is told."""
        if not present:
            return
        with suppress(Usage):  # one that this machine cannot resolve any more is nobody's
            there = self._stage.ports.repositories.identify(present)
            try:
                await caller.service.app.allow_on(caller.person, Act.STEER, there)
            except NotAllowed:
                remedy = "somebody who may steer it can say /honk here"
                raise NotAllowed("you may not change this channel's repository", remedy) from None

    async def _which(self, caller: Caller, address: str) -> Says:
        """Of a repository that the person may not use, nothing is told but that."""
        words = "This channel has no repository: /honk here NAME"
        if address:
            may = any(one.address == address for one in await caller.service.repositories(limit=_CANDIDATES))
            words = f"This channel's repository is {address}." if may else "You may not use this channel's repository."
        return words, [w.text(words)]

    async def _link(self, command: Command, caller: Caller, _: str) -> Says:
        if caller.linked:
            words = f"You are {caller.person.name}. /honk unlink ends that."
            return words, [w.text(words)]
        return "Link yourself", link_blocks(
            self._people, caller, self._bot.team_name, self._stage.ports.previews.hint()
        )

    async def _unlink(self, _: Command, caller: Caller, __: str) -> Says:
        undone = await self._stage.linking.undo(identity(caller.user))
        self._home.acted(caller.user)
        words = "You are not linked any more: you may ask, but not merge."
        if not undone:
            words = "honk.toml says who you are: no link to end." if caller.linked else "You were not linked."
        return words, [w.text(words)]

    async def _quiet(self, _: Command, caller: Caller, hours: str) -> Says:
        subject = f"{DOOR}/{self._bot.team}/{caller.user}"
        if not hours:
            now = (await self._stage.chats.preferences.read(subject)).get(
                "quiet_hours"
            ) or self._stage.choices.quiet_hours
            words = f"Your quiet hours are {now}." if now else "You have no quiet hours: /honk quiet 20:00-08:00"
            return words, [w.text(words)]
        hours_of(hours)
        await self._stage.chats.preferences.write(subject, {"quiet_hours": hours})
        self._home.acted(caller.user)
        words = "No quiet hours from now on." if hours_of(hours) is None else f"Nothing new is said to you {hours}."
        return words, [w.text(words)]

    async def _ask(self, command: Command, caller: Caller, _: str) -> Says | None:
        """The words stand in the channel, so that everybody there sees what was asked, and a thread can hang below."""
        text = plain_words(command.text)
        name = f"honk/typed/{command.trigger_id}"[:255]
        lines = [w.line(w.person(caller.user), " asks:"), w.quote(shortened(text, 2000))]
        try:
            # begun before and cut off, it may stand there already
            ts = await self._api.find_in_channel(command.channel_id, name)
            ts = ts or await self._api.post(command.channel_id, w.notice(f"asks: {text}"), [w.rich(*lines, id=name)])
        except (SlackGone, SlackRefused) as error:
            raise Usage(f"I cannot write here: {error.message}", "you can also write to me alone") from error
        asked = Asked(
            id=message_id(self._bot.team, command.channel_id, ts),
            team=self._bot.team,
            channel=command.channel_id,
            root=ts,
            user=caller.user,
            text=text,
            listens=True,
        )
        await self._hearing.keep(asked)
        return None


async def _may_stop(caller: Caller, task: Task) -> bool:
    """A question for saying the right thing, not an act: nothing of it is in the audit log."""
    return (await caller.service.app.ports.policy.ask(caller.person, Act.STOP, task.repository, task)).allowed


def _meant(text: str) -> tuple[str, str]:
    """The verb and its one word; words that say more are a request."""
    words = text.split() or ["help"]
    verb = words[0].lower()
    if (verb in _ALONE and len(words) == 1) or (verb in _WITH_A_WORD and len(words) <= 2):
        return verb, " ".join(words[1:])
    return _ASK, text
