"""Somebody asks for something: from the words to a task with a card, or to three buttons where it is in doubt.

The request is a delivery of its own, named after the message that it came with: however it came (a mention, a
message to Honk alone, a reaction, the shortcut, /honk), and however often, it becomes one task.
"""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import structlog
from pydantic import BaseModel, ConfigDict

from honk.domain.event import TaskNoted
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.domain.text import shortened, visible
from honk.domain.thread import Delivery, Place, Thread
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.context import Context, Own, gather
from honk.doors.slack.marks import SEEN
from honk.doors.slack.names import delivery_id, message_id
from honk.doors.slack.payloads import Said
from honk.doors.slack.people import Caller, People
from honk.doors.slack.personal import answer_to
from honk.doors.slack.plain_words import said_of
from honk.doors.slack.telling import Telling
from honk.doors.slack.trouble import SlackDown
from honk.doors.slack.writing import Block
from honk.errors import HonkError, NotNow, Retryable, Usage, single
from honk.service import Candidate, LimitsWanted, NewTask
from honk.service.choosing import Chosen, Doubt, choose
from honk.service.wishes import Wishes, wishes

_log = structlog.get_logger()
#: Repositories among which is chosen.
_CANDIDATES = 500
_OFFERED = 3
#: seconds after which nobody needs to be told any more that their message was seen
_SOON = 2.0
#: What is asked by who only names Honk below a conversation.
_AS_SAID = "Do what the conversation asks for."
#: What is asked by who only points at the words of somebody who may not ask, and how much of them names it.
_POINTED, _TITLE = "Do what this message asks for", 150
_HOW = "Say what should be different, in a sentence: “fix the crash when a playlist is empty”. /honk help says more."
_WHICH = "Which repository?"
_NO_QUOTES = str.maketrans("“”", '""')


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
    #: who wrote them, where that is somebody else: a user, or a program; "" where they are the asker's own
    author: str = ""
    #: whether something came with the message, or before it, that must be fetched
    more: bool = False
    #: every reply in the thread is for Honk
    listens: bool = False
    #: the address of the repository, where somebody chose it
    repository: str = ""
    #: when the emoji was put there by which it is asked; "" where words ask
    reacted: str = ""

    @property
    def name(self) -> str:
        """Of this request among all: what one person is refused, another may be granted, or the same one later."""
        return "/".join(part for part in (self.id, self.user, self.reacted) if part)


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
        with single():
            async with anyio.create_task_group() as beside:
                if asked.ts:
                    beside.start_soon(self.acknowledge, asked.channel, asked.ts)
                await self._make(asked)

    async def _make(self, asked: Asked) -> None:
        """The task, or what is said in its place."""
        caller = await self._people.caller(asked.user)
        if await self._begun_by_another(asked):
            return
        wished = Wishes(instruction=asked.text) if asked.author else wishes(asked.text)
        if wished.merge:
            await self._people.linked(asked.user)
        if not wished.instruction.strip():
            if not asked.more:
                await self._whisper(asked, _HOW)
                return
            wished = replace(wished, instruction=_AS_SAID)
        elif not asked.author and (said := await answer_to(asked.text, caller)) is not None:
            await self._answer(asked, *said)
            return
        found = await self._repository(asked, caller)
        if isinstance(found, Doubt):
            await self._offer(asked, found)
            return
        wished = await self._in_safe_words(asked, wished, found)
        context = await self._context(asked, caller)
        task = await self._submit(asked, caller, wished, found, context)
        await self._note(task, wished, found, context)
        await self._stage.chats.threads.add(
            Thread(task=task.id, place=_place(asked), asked_by=asked.user, message=asked.ts, listens=asked.listens)
        )
        self._telling.added(task.id)
        if asked.repository:
            await self._settle(asked, found)

    async def _begun_by_another(self, asked: Asked) -> bool:
        """Whether somebody else's request about this very message is a task already: it is not made twice."""
        earlier = await self._stage.chats.threads.at(_place(asked))
        plain = asked.id == message_id(asked.team, asked.channel, asked.ts)
        return earlier is not None and plain and earlier.message == asked.ts and earlier.asked_by != asked.user

    async def _in_safe_words(self, asked: Asked, wished: Wishes, found: Chosen) -> Wishes:
        """Words of somebody who may not ask are no instruction: they stay in the context, and only name the task."""
        if not asked.author or not asked.text.strip() or await self._may_ask(asked.author, found.repository):
            return wished
        title = shortened(visible(asked.text), _TITLE).translate(_NO_QUOTES)
        return replace(wished, instruction=f"{_POINTED}: “{title}”")

    async def _may_ask(self, user: str, repository: Candidate) -> bool:
        """A question for showing the right words, not an act: nothing of it is in the audit log."""
        ports = self._stage.ports
        try:
            caller = await self._people.caller(user)
        except Retryable:
            raise
        except HonkError:
            return False
        place = ports.repositories.identify(repository.address)
        return (await ports.policy.ask(caller.person, Act.ASK, place, None)).allowed

    async def chosen(self, name: str, repository: str) -> Asked:
        """The request of that name, with the repository that somebody chose for it. Raises Usage: it is forgotten."""
        kept = await self._stage.chats.deliveries.get(delivery_id("ask", name))
        if kept is None:
            raise Usage("this request is too old", "ask again")
        return Asked.model_validate_json(kept.body).model_copy(update={"repository": repository})

    async def acknowledge(self, channel: str, ts: str) -> None:
        """Seen: said beside everything else, and never a reason to do nothing else. The card says the same, later."""
        try:
            await self._api.react(channel, ts, SEEN, within=_SOON)
        except HonkError as error:
            _log.warning("a message was not marked as seen", reason=error.message)

    async def may_write(self, channel: str) -> None:
        """Raises SlackGone or Usage where Honk could not show a card."""
        found = await self._api.channel(channel)
        if not (found.is_member or found.is_im or found.is_mpim):
            raise Usage("I am not in this channel", "invite me first: /invite @honk")

    async def _whisper(self, asked: Asked, words: str, blocks: Sequence[Block] = ()) -> None:
        """Appears where the person is: in the thread if there is one, otherwise in the channel."""
        thread = asked.root if asked.root != asked.ts else ""
        await self._api.whisper(
            asked.channel, asked.user, w.notice(words), list(blocks) or [w.text(words)], thread=thread
        )

    async def _answer(self, asked: Asked, text: str, blocks: Sequence[Block]) -> None:
        """To that person; in a conversation with Honk alone, once and for good."""
        if not asked.channel.startswith("D"):
            await self._whisper(asked, text, blocks)
            return
        name = f"honk/answer/{asked.id}"[:255]
        if not await self._api.find(asked.channel, asked.root, name):
            first, *rest = blocks
            named = [{**first, "block_id": name}, *rest]
            await self._api.post(asked.channel, w.notice(text), named, thread=asked.root)

    async def _repository(self, asked: Asked, caller: Caller) -> Chosen | Doubt:
        candidates = await caller.service.repositories(limit=_CANDIDATES)
        earlier = await self._stage.chats.threads.at(_place(asked))
        thread = (await self._stage.ports.tasks.get(earlier.task)).repository if earlier else None
        if asked.repository:
            if earlier and thread and earlier.message == asked.ts and thread.url != asked.repository:
                raise NotNow(f"it was begun in {thread.name} already", "ask for it once more to have it elsewhere too")
            named = next((one for one in candidates if one.address == asked.repository), None)
            if named is None:
                raise Usage("that repository is not among those that you may use", "choose another one")
            return Chosen(repository=named, reason="chosen by you")
        kept = await self._stage.chats.preferences.read(channel_subject(asked.team, asked.channel))
        channel = kept.get("repository")
        # where the place has a repository of its own, somebody else's words lead to no other
        text = "" if asked.author and (channel or thread) else asked.text
        return choose(text, candidates, channel=channel, thread=thread.url if thread else None)

    async def _offer(self, asked: Asked, doubt: Doubt) -> None:
        """Three buttons and a search, once."""
        if not doubt.best:
            await self._whisper(asked, said_of(Usage(doubt.reason)))
            return
        best = doubt.best[:_OFFERED]
        buttons = [
            w.button(_called(one, best), f"honk:repository:{number}", f"{asked.name} {one.address}")
            for number, one in enumerate(best, 1)
        ]
        buttons.append(w.button("Search…", "honk:search", asked.name))
        lines = [w.line(w.person(asked.user), " ", w.bold(_WHICH)), w.line(w.faint(shortened(doubt.reason, 300)))]
        name = _question(asked)
        if not await self._api.find(asked.channel, asked.root, name):
            blocks = [w.rich(*lines, id=name), w.row(*buttons)]
            await self._api.post(asked.channel, w.notice(_WHICH), blocks, thread=asked.root)

    async def _settle(self, asked: Asked, found: Chosen) -> None:
        """The question, where there was one, says what was chosen, and has no buttons any more."""
        name, chosen = _question(asked), found.repository
        try:
            if ts := await self._api.find(asked.channel, asked.root, name):
                await self._api.pace.permit("chat.update")
                said = w.text(w.bold(_WHICH), f" {chosen.name} ({chosen.address})", id=name)
                await self._api.update(asked.channel, ts, w.notice(f"{_WHICH} {chosen.name}"), [said])
        except HonkError as error:
            _log.warning("a question kept its buttons", reason=error.message)

    async def _context(self, asked: Asked, caller: Caller) -> Context:
        said = await self.thread(asked) if asked.more else ()
        own = Own(ts=asked.ts, user=asked.user, words=asked.text, bot=self._bot.user)
        return await gather(self._api, self._people, caller, said, own)

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

    async def _address(self, asked: Asked) -> str:
        """Where the request can be read, for the pull request; "" where Slack does not say."""
        try:
            return await self._api.permalink(asked.channel, asked.ts) if asked.ts else ""
        except SlackDown:
            raise
        except HonkError:
            return ""

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
            asked_at=await self._address(asked),
        )
        return (await caller.service.submit(wanted, id=asked.id)).task

    async def _note(self, task: Task, wished: Wishes, found: Chosen, context: Context) -> None:
        """What was understood, on the card: people see at once when it was something else."""
        understood = [f"{found.repository.name}: {found.reason}", *wished.understood]
        for key, parts in (("understood", understood), ("missing", context.missing)):
            if parts:
                noted = TaskNoted(text=" · ".join(parts))
                await self._stage.ports.events.record(task.id, 1, noted, key=key)


def channel_subject(team: str, channel: str) -> str:
    """Under which name the preferences of a channel are kept."""
    return f"{DOOR}/{team}/{channel}"


def _place(asked: Asked) -> Place:
    return Place(door=DOOR, team=asked.team, channel=asked.channel, root=asked.root)


def _question(asked: Asked) -> str:
    """The name of the block that asks which repository is meant."""
    return f"honk/which/{asked.name}"[:255]


def _called(one: Candidate, among: Sequence[Candidate]) -> str:
    """Its name; with its owner where two have the same one."""
    alone = sum(each.name == one.name for each in among) == 1
    return one.name if alone else "/".join(one.address.rstrip("/").replace(":", "/").split("/")[-2:])
