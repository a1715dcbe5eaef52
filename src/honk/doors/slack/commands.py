"""`/honk …`: asking without a mention, and the few things that are no conversation."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from honk.domain.task import BUSY, Task
from honk.domain.text import shortened
from honk.domain.thread import Delivery
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.asking import Asked, channel_subject
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import EMOJI, SAYS
from honk.doors.slack.hearing import Hearing
from honk.doors.slack.payloads import Command
from honk.doors.slack.people import Caller, People, identity
from honk.doors.slack.plain_words import plain_words
from honk.doors.slack.quiet import hours_of
from honk.doors.slack.trouble import SlackGone, SlackRefused
from honk.doors.slack.writing import Block
from honk.errors import Usage
from honk.service import Query

_log = structlog.get_logger()

Says = tuple[str, list[Block]]
Does = Callable[[Command, Caller, str], Awaitable[Says | None]]

HELP = (
    (
        "/honk fix the crash when a playlist is empty",
        "asks; so does @honk, a message to me, or “Ask Honk” on a message",
    ),
    ("/honk here REPOSITORY", "this channel's repository; “off” forgets it"),
    ("/honk status", "what is at work, and what waits for you"),
    ("/honk stop [TASK]", "stops this channel's latest task, or that one; the work is kept"),
    ("/honk link", "shows once who you are, so that you may merge"),
    ("/honk quiet 20:00-08:00", "when nothing new is said to you; “off” ends it"),
)
_ASK = "ask"
_ALONE, _WITH_A_WORD = frozenset({"help", "status", "link", "unlink"}), frozenset({"here", "stop", "quiet"})
_OPTIONS = "Options in words: on branch release/8, plan first, use opus, no build, at most $3."
_REPLIES = "Reply in the thread to steer; “now: …” interrupts; “stop” stops."


class Commands:
    """Handles slash commands; the answer is for whoever typed."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People, hearing: Hearing) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people
        self._hearing = hearing
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
            words = f"{error.message}. {error.remedy}".strip(" .") + "."
            said = words, [w.text(words[:2900])]
        if said is not None:
            await self.answer(command, *said)

    async def answer(self, command: Command, text: str, blocks: list[Block]) -> None:
        """To whoever typed, whether or not Honk is in that channel."""
        host = urlsplit(command.response_url).netloc
        if not host.endswith((".slack.com", ".slack-gov.com")) and host != self._api.host:
            await self._api.whisper(command.channel_id, command.user_id, w.notice(text), blocks)
            return
        sent = await AsyncWebhookClient(command.response_url, session=self._api.session).send(
            text=w.notice(text), blocks=blocks, response_type="ephemeral"
        )
        if sent.status_code != 200:
            _log.warning("a command was not answered", status=sent.status_code)

    async def _help(self, _: Command, __: Caller, ___: str) -> Says:
        lines = [w.line(w.code(one), "  ", w.faint(what)) for one, what in HELP]
        return "How to use Honk", [w.rich(*lines), w.rich(w.line(_OPTIONS), w.line(_REPLIES))]

    async def _status(self, _: Command, caller: Caller, __: str) -> Says:
        mine = await mine_of(caller)
        if not mine:
            return "Nothing is at work for you", [w.text("Nothing is at work for you, and nothing waits.")]
        return f"{len(mine)} tasks", [w.rich(w.points(*(status_line(one) for one in mine[:15])))]

    async def _stop(self, command: Command, caller: Caller, task: str) -> Says:
        if not task:
            there = await self._stage.chats.threads.in_channel(DOOR, self._bot.team, command.channel_id)
            found = [await self._stage.ports.tasks.get(one.task) for one in there]
            busy = [one for one in found if one.state in BUSY]
            if len(busy) != 1:
                names = ", ".join(one.id for one in busy[:5]) or "none"
                raise Usage(
                    f"{len(busy)} tasks are at work in this channel: {names}", "press Stop on the card, or name one"
                )
            task = busy[0].id
        await caller.service.stop(task)
        return "Stopping", [w.text("Stopping ", w.code(task), ". What was done is kept.")]

    async def _here(self, command: Command, caller: Caller, name: str) -> Says:
        subject = channel_subject(self._bot.team, command.channel_id)
        if not name:
            now = (await self._stage.chats.preferences.read(subject)).get("repository", "")
            words = f"This channel's repository is {now}." if now else "This channel has no repository: /honk here NAME"
            return words, [w.text(words)]
        if name.lower() in {"off", "none", "-"}:
            await self._stage.chats.preferences.write(subject, {"repository": ""})
            return "Forgotten", [w.text("This channel has no repository of its own any more.")]
        candidates = await caller.service.repositories(plain_words(name))
        exact = [one for one in candidates if plain_words(name) in {one.name, one.address}] or list(candidates)
        if len(exact) != 1:
            names = ", ".join(one.name for one in exact[:5])
            raise Usage(
                f"{len(exact)} repositories that you may use fit {name!r}" + (f": {names}" if names else ""),
                "give its name as `honk repositories` shows it",
            )
        await self._stage.chats.preferences.write(subject, {"repository": exact[0].address})
        words = f"From now on this channel's repository is {exact[0].name} ({exact[0].address})."
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
        words = "You are nobody's user any more." if undone else "There was no link. honk.toml may name you besides."
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
            raise Usage(
                f"I cannot write here: {error.message}", "invite me with /invite, or write to me alone"
            ) from error
        asked = Asked(
            id=f"slack-{self._bot.team}-{command.channel_id}-{ts}",
            team=self._bot.team,
            channel=command.channel_id,
            root=ts,
            user=caller.user,
            text=text,
            listens=True,
        )
        await self._hearing.keep(asked)
        return None


def _meant(text: str) -> tuple[str, str]:
    """The verb and its one word; words that say more are a request."""
    words = text.split()
    verb = words[0].lower() if words else "help"
    if (verb in _ALONE and len(words) == 1) or (verb in _WITH_A_WORD and len(words) <= 2):
        return verb, " ".join(words[1:])
    return _ASK, text


async def mine_of(caller: Caller) -> list[Task]:
    """Of the latest tasks, those that the person asked for and that are not over."""
    listed = await caller.service.tasks(Query(limit=100))
    over = {"merged", "deployed", "stopped", "failed"}
    return [one for one in listed.tasks if one.requested_by == caller.person.id and one.state not in over]


def status_line(task: Task) -> Block:
    return w.line(
        w.emoji(EMOJI[task.state]),
        " ",
        shortened(task.instruction, 100),
        w.faint(f" ({SAYS[task.state]}, {task.repository.name})"),
    )


def link_blocks(people: People, caller: Caller, workspace: str, hint: str) -> list[Block]:
    """The way to show who one is: a page on which one is signed in, and the code that it shows."""
    address = people.address_of_link(caller, workspace)
    if address is None or hint:
        return [w.text("Linking needs Honk's pages, which a phone cannot open now: ", hint or "no server runs")]
    return [
        w.text("Open the page, sign in, and put the code that it shows in here. You need an access token of Honk."),
        w.row(
            w.button("Open the page", "honk:open", url=address, style="primary"),
            w.button("I have the code…", "honk:code"),
        ),
    ]
