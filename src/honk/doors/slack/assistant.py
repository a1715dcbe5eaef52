"""What Slack has for assistants, where the workspace has it: a title, a status, text as it is written.

Every call may be refused; then it is not made again, and the card is all there is, as everywhere else.
"""

import time
from collections.abc import Mapping, Sequence

from honk.domain.event import AgentWrote, Event
from honk.domain.task import BUSY, Task, TaskId
from honk.domain.text import shortened, visible
from honk.domain.thread import Thread
from honk.doors.slack.api import Api
from honk.doors.slack.backstage import DOOR, Backstage
from honk.views.standing import SAYS

#: Slack takes so much text at a time; more than the second is not told at once
_PIECE, _PIECES = 11_000, 10
_MOST = _PIECE * _PIECES
_MARKS = str.maketrans({"<": "‹", ">": "›"})


def _harmless(text: str) -> str:
    """An agent's Markdown without links and mentions: the words are not Honk's own."""
    return visible(text).translate(_MARKS).replace("](", "]\u2060(").replace("@", "@\u2060")


class Assistant:
    """Used in conversations with Honk alone, which are the only ones that have these."""

    def __init__(self, backstage: Backstage, api: Api) -> None:
        self._stage = backstage
        self._api = api
        #: the status that was set last, and when
        self._statuses: dict[TaskId, tuple[str, float]] = {}

    def _there(self, channel: str) -> bool:
        return self._stage.choices.streaming and channel.startswith("D")

    def spoke(self, task: TaskId) -> None:
        """Honk has written in the task's place: Slack ends the status by that."""
        self._statuses.pop(task, None)

    async def follow(self, thread: Thread, task: Task, doing: str, fresh: Sequence[Event]) -> float | None:
        """Title, text and status are as the task is; seconds after which the status is to be said again, or None."""
        if not self._there(thread.place.channel):
            return None
        if not thread.told:
            await self._api.optional(
                "assistant.threads.setTitle",
                channel_id=thread.place.channel,
                thread_ts=thread.place.root,
                title=shortened(visible(task.instruction), 80),
            )
        await self._stream(thread, task, fresh)
        return await self._status(thread, task, doing)

    async def _status(self, thread: Thread, task: Task, doing: str) -> float | None:
        """Slack forgets it after two minutes without a word."""
        words = (
            f"{SAYS[task.state].lower()}: {shortened(visible(doing), 60)}".rstrip(" :") if task.state in BUSY else ""
        )
        every = self._stage.waits.status
        known, at = self._statuses.get(task.id, ("", 0.0))
        if known != words or (words and time.monotonic() - at >= every):
            self._statuses[task.id] = words, time.monotonic()
            await self._api.optional(
                "assistant.threads.setStatus",
                channel_id=thread.place.channel,
                thread_ts=thread.place.root,
                status=words,
            )
        if not words:
            self._statuses.pop(task.id, None)
        return every if words and "assistant.threads.setStatus" not in self._api.lacking else None

    async def _stream(self, thread: Thread, task: Task, fresh: Sequence[Event]) -> None:
        """What the agent says, in one message a turn that grows; another one where Slack has closed it meanwhile."""
        said = {one.seq: one.data.text for one in fresh if isinstance(one.data, AgentWrote) and not one.data.partial}
        text = _harmless("\n\n".join(said.values()))
        for at in range(0, min(len(text), _MOST), _PIECE):
            # named after what it begins with: one that Slack may not have taken does not end those after it
            number = min(said) * _PIECES + at // _PIECE
            await self._say(thread, task, text[at : at + _PIECE], number)
        if task.state not in BUSY:
            await self._end(thread, task)

    async def _say(self, thread: Thread, task: Task, piece: str, number: int) -> None:
        sent, streams = await self._streams(task)
        place = thread.place
        if streams:
            words = piece if number % _PIECES else f"\n\n{piece}"
            grown = await self._api.optional(
                "chat.appendStream", channel=place.channel, ts=sent[streams[-1]], markdown_text=words
            )
            if grown is not None:
                return
        key = f"stream/{task.turn}/{number}"
        if (await self._stage.chats.threads.saying(task.id, DOOR, key)).begun_before:
            return  # it may stand there already: nothing is said twice
        begun = await self._api.optional(
            "chat.startStream",
            channel=place.channel,
            thread_ts=place.root,
            recipient_user_id=thread.asked_by,
            recipient_team_id=place.team,
            markdown_text=piece,
        )
        if begun is not None:
            self.spoke(task.id)
            await self._stage.chats.threads.said(task.id, DOOR, key, str(begun.get("ts", "")))

    async def _streams(self, task: Task) -> tuple[Mapping[str, str], list[str]]:
        """What was sent, and the keys of the turn's streams in their order."""
        sent = await self._stage.chats.threads.sayings(task.id, DOOR)
        begins = f"stream/{task.turn}/"
        keys = [key for key, ts in sent.items() if ts and key.startswith(begins) and key[len(begins) :].isdigit()]
        return sent, sorted(keys, key=lambda key: int(key[len(begins) :]))

    async def _end(self, thread: Thread, task: Task) -> None:
        sent, streams = await self._streams(task)
        if not streams or f"{streams[-1]}/end" in sent:
            return
        key, ts = f"{streams[-1]}/end", sent[streams[-1]]
        await self._stage.chats.threads.saying(task.id, DOOR, key)
        await self._stage.chats.threads.said(task.id, DOOR, key, ts)
        await self._api.optional("chat.stopStream", channel=thread.place.channel, ts=ts)
