"""Messages: which are for Honk, and what they mean where they stand.

For Honk is what names it, what is said to it alone, what is said in a thread that it began or that listens to
everything, and the requester's answer while a question or a plan of its waits. Everything else is people talking to
each other, and is left alone.
"""

from collections.abc import Awaitable, Callable

import structlog

from honk.domain.message import Handling, MessageId
from honk.domain.task import LANDING, State
from honk.domain.thread import Delivery, Place, Thread
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.asking import Asked, Asking
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.context import Context, Own, gather
from honk.doors.slack.names import delivery_id, lane_of, message_id
from honk.doors.slack.payloads import Changed, Reaction, Said
from honk.doors.slack.people import Caller, People
from honk.doors.slack.plain_words import mentions, plain_words, said_of, stops, without_mention
from honk.errors import NotNow, Unknown
from honk.service import Reply

_log = structlog.get_logger()

Accept = Callable[..., Awaitable[bool]]
_NOW = "now:"
_OVERTAKEN = "You said “stop” after this, so I have not handed it on. Say it again if it is still wanted."


class Hearing:
    """Handles what was said, changed, taken back, and reacted to."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People, asking: Asking) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people
        self._asking = asking
        #: how a request is kept; set by whoever has the intake
        self.accept: Accept

    # ── said ───────────────────────────────────────────────────────────────────────────────────
    async def said(self, delivery: Delivery) -> None:
        """A message, by whichever event it came."""
        one = await self._as_it_is_now(Said.model_validate_json(delivery.body))
        if one is None or not one.by_a_person or one.user == self._bot.user:
            return
        thread = await self._thread(one)
        if not await self._is_for_honk(one, thread):
            return
        if thread is None or await self._has_landed(thread):
            await self.ask(one, one.user)
        else:
            await self._reply(one, thread)

    def begins(self, one: Said) -> bool:
        """Whether it certainly is for Honk, and begins something: no more is looked at than the message itself."""
        if not one.by_a_person or one.user == self._bot.user or one.thread_ts:
            return False
        return self._bot.user in mentions(one.text) or one.channel_type == "im"

    async def _as_it_is_now(self, one: Said) -> Said | None:
        """With the words of the latest change, which may have been delivered before it; None once it was deleted."""
        of_it = delivery_id("edited", self._bot.team, one.channel, one.ts)
        changes = await self._stage.chats.deliveries.in_lane(lane_of(one.channel, one.root), "edited")
        for delivery in [each for each in changes if each.id.startswith(of_it) and each.body]:
            changed = Changed.model_validate_json(delivery.body)
            if changed.subtype == "message_deleted":
                return None
            if changed.message is not None:
                one = one.model_copy(update={"text": changed.message.text, "blocks": changed.message.blocks})
        return one

    async def _thread(self, one: Said) -> Thread | None:
        if not one.thread_ts:
            return None
        return await self._stage.chats.threads.at(self._place(one.channel, one.thread_ts))

    async def _is_for_honk(self, one: Said, thread: Thread | None) -> bool:
        if self._bot.user in mentions(one.text) or one.channel_type == "im":
            return True
        if thread is None:
            return False
        if thread.listens:
            return await self._people.hears(one.user)  # who is not heard is not told so for talking to others
        if one.text.lstrip().startswith("<@"):
            return False  # it begins with somebody else's name
        return await self._answers(one, thread)

    async def _answers(self, one: Said, thread: Thread) -> bool:
        """Whether it is the requester's answer to what waits."""
        task = await self._stage.ports.tasks.get(thread.task)
        return task.state is State.WAITING and one.user == thread.asked_by

    async def _has_landed(self, thread: Thread) -> bool:
        """Then words begin something new, in the same repository."""
        return (await self._stage.ports.tasks.get(thread.task)).state in LANDING - {State.MERGING, State.DEPLOYING}

    async def _words(self, one: Said) -> str:
        text = without_mention(one.words, self._bot.user)
        return plain_words(text, await self._people.names(mentions(text)))

    async def ask(self, one: Said, user: str, *, reacted: str = "") -> None:
        """Keeps what the message says as that user's request; it is worked on by itself."""
        own = one.user == user and not one.bot_id
        more = bool(one.thread_ts or one.files or one.attachments or not own)
        asked = Asked(
            id=message_id(self._bot.team, one.channel, one.ts),
            team=self._bot.team,
            channel=one.channel,
            root=one.root,
            ts=one.ts,
            user=user,
            text=await self._words(one),
            author="" if own else one.bot_id or one.user or "somebody",
            more=more,
            reacted=reacted,
        )
        await self.keep(asked)

    async def keep(self, asked: Asked) -> None:
        """The same, for a request that came in another way."""
        await self.accept("ask", delivery_id("ask", asked.name), asked.model_dump_json(), lane=f"ask/{asked.id}")

    async def keep_chosen(self, asked: Asked) -> None:
        """A request whose repository was in doubt; whichever is chosen first, it is one task."""
        id = delivery_id("ask", asked.name, asked.repository)
        await self.accept("ask", id, asked.model_dump_json(), lane=f"ask/{asked.id}")

    async def _reply(self, one: Said, thread: Thread) -> None:
        caller = await self._people.caller(one.user)
        text = await self._words(one)
        if stops(text):
            await caller.service.stop(thread.task)
            return
        context = await self._with_it(one, caller, text)
        if await self._stopped_after(one):
            await self._whisper(thread, one.user, _OVERTAKEN)
            return
        text, handling = _meant(text)
        reply = Reply(
            text=text or "See what is attached.",
            images=tuple(context.images),
            files=tuple(context.files),
            context=context.text,
            handling=handling,
        )
        await caller.service.reply(thread.task, reply, id=message_id(self._bot.team, one.channel, one.ts))

    async def _stopped_after(self, one: Said) -> bool:
        """Whether its author said "stop" after it: that overtakes what takes its time, and must not be undone by it."""
        lane = f"stop/{lane_of(one.channel, one.root)}"
        stopped = [
            Said.model_validate_json(each.body) for each in await self._stage.chats.deliveries.in_lane(lane, "stop")
        ]
        return any(each.user == one.user and float(each.ts) > float(one.ts) for each in stopped)

    async def _with_it(self, one: Said, caller: Caller, text: str) -> Context:
        """Files, quotations and links of this one message: the agent has had what was said before."""
        own = Own(ts=one.ts, user=one.user, words=text, bot=self._bot.user)
        return await gather(self._api, self._people, caller, (one,), own)

    # ── changed ────────────────────────────────────────────────────────────────────────────────
    async def changed(self, delivery: Delivery) -> None:
        """Other words, or none any more: honoured while the message waits."""
        one = Changed.model_validate_json(delivery.body)
        before = one.previous_message
        now = one.message
        ts = (now.ts if now else "") or one.deleted_ts or (before.ts if before else "")
        if one.subtype == "message_changed" and now is not None and before is not None and now.text == before.text:
            return  # a link was unrolled
        by = (now or before or Said()).user
        if not ts or not by or by == self._bot.user:
            return
        root = (now.thread_ts if now else "") or (before.thread_ts if before else "") or ts
        thread = await self._stage.chats.threads.at(self._place(one.channel, root))
        id = MessageId(message_id(self._bot.team, one.channel, ts))
        waits = thread is not None and await self._waits(thread, id)
        if thread is not None and (waits or await self._was_for_honk(thread, id)):
            await self._change(one, thread, id, by, waits=waits)
        elif now is not None and self._named_now(now, before):
            said = now.model_copy(update={"channel": one.channel, "channel_type": one.channel_type})
            delivery_of = delivery_id("message", self._bot.team, one.channel, now.ts, "named")
            await self.accept("message", delivery_of, said.model_dump_json(), lane=lane_of(one.channel, said.root))

    def _named_now(self, now: Said, before: Said | None) -> bool:
        """Whether somebody put Honk's name into a message that was there already."""
        return self._bot.user in mentions(now.text) and (before is None or self._bot.user not in mentions(before.text))

    async def _change(self, one: Changed, thread: Thread, id: MessageId, by: str, *, waits: bool) -> None:
        caller = await self._people.caller(by)
        try:
            if one.subtype == "message_deleted":
                if waits:
                    await caller.service.withdraw(thread.task, id)
            elif one.message is not None:
                if not waits:
                    raise NotNow("the agent has that message already", "say in a new one what should be different")
                await caller.service.edit(thread.task, id, _meant(await self._words(one.message))[0])
        except (NotNow, Unknown) as error:
            await self._whisper(thread, by, said_of(error))

    async def _whisper(self, thread: Thread, user: str, words: str) -> None:
        channel, root = thread.place.channel, thread.place.root
        await self._api.whisper(channel, user, w.notice(words), [w.text(words)], thread=root)

    async def _waits(self, thread: Thread, id: MessageId) -> bool:
        return any(one.message.id == id for one in await self._stage.ports.tasks.waiting(thread.task))

    async def _was_for_honk(self, thread: Thread, id: MessageId) -> bool:
        latest = (await self._stage.ports.tasks.get(thread.task)).turn
        return id in {message.id for message in await self._stage.ports.tasks.said(thread.task, latest)}

    # ── reacted ────────────────────────────────────────────────────────────────────────────────
    async def reacted(self, delivery: Delivery) -> None:
        """The emoji that asks, on somebody's message: it is asked for by whoever reacted."""
        one = Reaction.model_validate_json(delivery.body)
        if not self._stage.choices.reaction or one.reaction.partition("::")[0] != self._stage.choices.reaction:
            return
        if one.user == self._bot.user or one.item.type != "message":
            return
        found = await self._api.message(one.item.channel, one.item.ts)
        if found is None or found.user == self._bot.user:
            return
        await self.ask(found.model_copy(update={"channel": one.item.channel}), one.user, reacted=one.event_ts)

    def _place(self, channel: str, root: str) -> Place:
        return Place(door=DOOR, team=self._bot.team, channel=channel, root=root)


def _meant(text: str) -> tuple[str, Handling]:
    """The words of a reply, and when the agent is to hear them."""
    if text.lower().startswith(_NOW):
        return text[len(_NOW) :].strip(), Handling.INTERRUPT
    return text, Handling.STEER
