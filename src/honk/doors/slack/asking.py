"""Somebody asks for something: from the words to a task with a card, or to three buttons where it is in doubt.

The request is a delivery of its own, named after the message that it came with: however it came (a mention, a
message to Honk alone, a reaction, the shortcut, /honk), and however often, it becomes one task.
"""

from collections.abc import Sequence
from dataclasses import replace

import structlog
from pydantic import BaseModel, ConfigDict

from honk.domain.event import TaskNoted
from honk.domain.task import Task
from honk.domain.text import shortened
from honk.domain.thread import Delivery, Place, Thread
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.context import Context, gather
from honk.doors.slack.marks import SEEN
from honk.doors.slack.names import delivery_id
from honk.doors.slack.payloads import Said
from honk.doors.slack.people import Caller, People
from honk.doors.slack.telling import Telling
from honk.doors.slack.trouble import SlackDown
from honk.errors import HonkError, Usage
from honk.service import LimitsWanted, NewTask
from honk.service.choosing import Chosen, Doubt, choose
from honk.service.wishes import Wishes, wishes

_log = structlog.get_logger()
#: Repositories among which is chosen.
_CANDIDATES = 500
_OFFERED = 3
#: What is asked by who only names Honk below a conversation.
_AS_SAID = "Do what the conversation asks for."
_EXAMPLE = "“fix the crash when a playlist is empty”"


class Asked(BaseModel):
    """A request, as it is kept while a repository is looked for."""

    model_config = ConfigDict(frozen=True)

    #: the message's own id, which makes it one task
    id: str
    team: str
    channel: str
    #: below which message the thread hangs, and with which it was asked; "" where no message shows it
    root: str
    ts: str = ""
    user: str
    #: the words, without Slack's marks
    text: str
    #: whether something came with the message, or before it, that must be fetched
    more: bool = False
    #: every reply in the thread is for Honk
    listens: bool = False
    #: the address of the repository, where somebody chose it
    repository: str = ""


class Asking:
    """Makes tasks of requests."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People, telling: Telling) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people
        self._telling = telling

    async def ask(self, delivery: Delivery) -> None:
        """One request. Delivered again: the same task."""
        asked = Asked.model_validate_json(delivery.body)
        if asked.ts:
            await self._acknowledge(asked)
        caller = await self._people.caller(asked.user)
        wished = wishes(asked.text)
        if not wished.instruction.strip():
            if not asked.more:
                await self._help(asked)
                return
            wished = replace(wished, instruction=_AS_SAID)
        found = await self._repository(asked, caller, wished)
        if isinstance(found, Doubt):
            await self._offer(asked, found)
            return
        context = await self._context(asked, caller)
        task = await self._submit(asked, caller, wished, found, context)
        await self._note(task, wished, found, context)
        place = Place(door=DOOR, team=asked.team, channel=asked.channel, root=asked.root)
        await self._stage.chats.threads.add(
            Thread(task=task.id, place=place, asked_by=asked.user, message=asked.ts, listens=asked.listens)
        )
        self._telling.added(task.id)

    async def chosen(self, id: str, repository: str) -> Asked:
        """The request of that id, with the repository that somebody chose for it. Raises Usage when it is forgotten."""
        kept = await self._stage.chats.deliveries.get(delivery_id("ask", id))
        if kept is None:
            raise Usage("this request is too old", "ask again")
        return Asked.model_validate_json(kept.body).model_copy(update={"repository": repository})

    async def _acknowledge(self, asked: Asked) -> None:
        """Seen: before anything else, and never a reason to do nothing else."""
        try:
            await self._api.react(asked.channel, asked.ts, SEEN)
        except HonkError as error:
            _log.warning("a message was not marked as seen", reason=error.message)

    async def _help(self, asked: Asked) -> None:
        words = f"Say what should be different, in a sentence: {_EXAMPLE}. /honk help says more."
        await self._api.whisper(asked.channel, asked.user, w.notice(words), [w.text(words)], thread=_thread_of(asked))

    async def _repository(self, asked: Asked, caller: Caller, wished: Wishes) -> Chosen | Doubt:
        candidates = await caller.service.repositories(limit=_CANDIDATES)
        if asked.repository:
            named = next((one for one in candidates if one.address == asked.repository), None)
            if named is None:
                raise Usage("that repository is not among those that you may use", "choose another one")
            return Chosen(repository=named, reason="chosen by you")
        channel = (await self._stage.chats.preferences.read(channel_subject(asked.team, asked.channel))).get(
            "repository"
        )
        earlier = await self._stage.chats.threads.at(
            Place(door=DOOR, team=asked.team, channel=asked.channel, root=asked.root)
        )
        thread = (await self._stage.ports.tasks.get(earlier.task)).repository.url if earlier else None
        return choose(asked.text, candidates, channel=channel, thread=thread)

    async def _offer(self, asked: Asked, doubt: Doubt) -> None:
        """Three buttons and a search, once."""
        buttons = [
            w.button(one.name, f"honk:repository:{number}", f"{asked.id} {one.address}")
            for number, one in enumerate(doubt.best[:_OFFERED], 1)
        ]
        if not doubt.best:
            words = doubt.reason or "There is no repository that you may use here."
            await self._api.whisper(
                asked.channel, asked.user, w.notice(words), [w.text(words)], thread=_thread_of(asked)
            )
            return
        buttons.append(w.button("Search…", "honk:search", asked.id))
        question = "Which repository?"
        lines = [w.line(w.person(asked.user), " ", w.bold(question)), w.line(w.faint(shortened(doubt.reason, 300)))]
        name = f"honk/which/{asked.id}"[:255]
        if not await self._api.find(asked.channel, asked.root, name):
            await self._api.post(
                asked.channel, w.notice(question), [w.rich(*lines, id=name), w.row(*buttons)], thread=asked.root
            )

    async def _context(self, asked: Asked, caller: Caller) -> Context:
        if not asked.more:
            return Context()
        said = await self.thread(asked)
        return await gather(self._api, caller.service, asked.channel, said, asked.ts)

    async def thread(self, asked: Asked) -> Sequence[Said]:
        """The thread up to the message, as far as Honk may read there."""
        try:
            said = [one async for one in self._api.thread(asked.channel, asked.root, latest=asked.ts)]
        except SlackDown:
            raise
        except HonkError as error:
            _log.warning("a thread was not read", channel=asked.channel, reason=error.message)
            return ()
        return [one for one in said if one.user != self._bot.user and float(one.ts or 0) <= float(asked.ts or "inf")]

    async def _submit(self, asked: Asked, caller: Caller, wished: Wishes, found: Chosen, context: Context) -> Task:
        wanted = NewTask(
            repository=found.repository.address,
            instruction=wished.instruction,
            base=wished.base,
            model=wished.model,
            agent=wished.agent or "claude",
            plan=wished.plan,
            build=wished.build if wished.build is not None else True,
            merge=bool(wished.merge),
            limits=LimitsWanted(usd=wished.limit_usd, seconds=wished.limit_seconds),
            images=tuple(context.images),
            files=tuple(context.files),
            context=context.text,
        )
        if wanted.merge:
            await self._people.linked(asked.user)
        return (await caller.service.submit(wanted, id=asked.id)).task

    async def _note(self, task: Task, wished: Wishes, found: Chosen, context: Context) -> None:
        """What was understood, on the card: people see at once when it was something else."""
        parts = [f"{found.repository.name}: {found.reason}", *wished.understood, *context.missing]
        noted = TaskNoted(text=" · ".join(parts))
        await self._stage.ports.events.record(task.id, 1, noted, key="understood")


def channel_subject(team: str, channel: str) -> str:
    """Under which name the preferences of a channel are kept."""
    return f"{DOOR}/{team}/{channel}"


def _thread_of(asked: Asked) -> str:
    """A whisper appears where the person is: in the thread if there is one, otherwise in the channel."""
    return asked.root if asked.root != asked.ts else ""
