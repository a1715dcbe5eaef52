"""Messages of Honk's in threads: each is sent once, however often it is begun. In doubt it is looked for first."""

from collections.abc import Awaitable, Callable, Sequence

import structlog

from honk.domain.task import TaskId
from honk.domain.thread import Thread
from honk.doors.slack.announcing import Announcement
from honk.doors.slack.api import Api
from honk.doors.slack.assistant import Assistant
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import Shown, marker
from honk.doors.slack.writing import Block, text
from honk.errors import Defect, HonkError, Retryable

_log = structlog.get_logger()

#: Whether a task's place is still this process's to write to.
Holds = Callable[[TaskId], Awaitable[bool]]


class Speaking:
    """Sends messages, for whoever holds the place."""

    def __init__(self, backstage: Backstage, api: Api, assistant: Assistant, holds: Holds) -> None:
        self._stage = backstage
        self._api = api
        self._assistant = assistant
        self._holds = holds

    async def say(self, thread: Thread, key: str, shown: Shown) -> None:
        """One message. Raises Retryable where another process writes in the thread meanwhile."""
        await self._say(thread, key, shown, card=False)

    async def put_up(self, thread: Thread, key: str, shown: Shown) -> Thread:
        """The card. One that is found may show what was true when it was sent, so it is to be changed then."""
        return await self._say(thread, key, shown, card=True)

    async def _say(self, thread: Thread, key: str, shown: Shown, *, card: bool) -> Thread:
        threads, place = self._stage.chats.threads, thread.place
        saying = await threads.saying(thread.task, DOOR, key)
        name = marker(thread.task, key)
        ts = saying.message
        if not ts and saying.begun_before:
            ts = await self._api.find(place.channel, place.root, name)
        sent = not ts
        if not ts:
            if not await self._holds(thread.task):
                raise Retryable("another server writes in this thread")
            ts = await self._send(thread, shown, name)
        if ts != saying.message or card:
            thread = await threads.said(
                thread.task, DOOR, key, ts, card=(shown.digest if sent else "") if card else None
            )
        return thread

    async def _send(self, thread: Thread, shown: Shown, name: str) -> str:
        channel, root = thread.place.channel, thread.place.root
        self._assistant.spoke(thread.task)
        try:
            return await self._api.post(channel, shown.text, _named(shown.blocks, name), thread=root)
        except Defect as error:
            # what people must know is said in plain words rather than not at all
            _log.exception("a message was not as Slack wants it", task=thread.task, error=str(error))
            return await self._api.post(channel, shown.text, [text(shown.text[:2900], id=name)], thread=root)

    async def picture(self, thread: Thread, one: Announcement) -> None:
        """Uploads pictures at most once; without the scope for it they are left out."""
        threads, key = self._stage.chats.threads, f"{one.key}/pictures"
        if (await threads.saying(thread.task, DOOR, key)).begun_before:
            return
        paths = [(each, self._stage.ports.artifacts.path(each.digest)) for each in one.pictures]
        files = [(each.name, each.title, path) for each, path in paths if path.is_file()]
        try:
            if files:
                await self._api.upload(thread.place.channel, thread.place.root, files, one.comment)
        except HonkError as error:
            _log.warning("pictures were not uploaded", task=thread.task, reason=error.message)
        await threads.said(thread.task, DOOR, key, "uploaded")


def _named(blocks: Sequence[Block], name: str) -> list[Block]:
    """The first block carries the name by which the message is found again."""
    first, *rest = blocks
    return [{**first, "block_id": name}, *rest]
