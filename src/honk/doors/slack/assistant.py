"""What Slack has for assistants, where the workspace has it: prompts, a title, a status, text as it is written.

Every call may be refused; then it is not made again, and the card is all there is, as everywhere else.
"""

from collections.abc import Sequence

from honk.domain.event import AgentWrote, Event
from honk.domain.task import BUSY, Task
from honk.domain.text import shortened, visible
from honk.domain.thread import Thread
from honk.doors.slack.api import Api
from honk.doors.slack.backstage import Backstage
from honk.doors.slack.card import SAYS

#: What is proposed when somebody opens a conversation.
_PROMPTS = (
    ("Fix a defect", "Fix the crash when a playlist is empty"),
    ("Plan first", "Plan first: show the cover of each song in the list"),
    ("What is at work?", "What is at work for me?"),
)
#: Slack takes so much text at a time
_PIECE = 11_000
_MARKS = str.maketrans({"<": "‹", ">": "›"})


def _harmless(text: str) -> str:
    """An agent's Markdown without links and mentions: the words are not Honk's own."""
    return visible(text).translate(_MARKS).replace("](", "]\u2060(").replace("@", "@\u2060")


class Assistant:
    """Used in conversations with Honk alone, which are the only ones that have these."""

    def __init__(self, backstage: Backstage, api: Api) -> None:
        self._stage = backstage
        self._api = api
        #: the status that was set last
        self._statuses: dict[str, str] = {}

    def _there(self, channel: str) -> bool:
        return self._stage.choices.streaming and channel.startswith("D")

    async def opened(self, channel: str, thread: str) -> None:
        """Somebody began a conversation."""
        if not self._there(channel):
            return
        await self._api.optional(
            "assistant.threads.setSuggestedPrompts",
            channel_id=channel,
            thread_ts=thread,
            title="What should be different?",
            prompts=[{"title": title, "message": message} for title, message in _PROMPTS],
        )

    async def follow(self, thread: Thread, task: Task, doing: str, fresh: Sequence[Event]) -> None:
        """Title, status and text are as the task is."""
        if not self._there(thread.place.channel):
            return
        if not thread.told:
            await self._api.optional(
                "assistant.threads.setTitle",
                channel_id=thread.place.channel,
                thread_ts=thread.place.root,
                title=shortened(visible(task.instruction), 80),
            )
        await self._status(thread, task, doing)
        await self._stream(thread, task, fresh)

    async def _status(self, thread: Thread, task: Task, doing: str) -> None:
        words = f"{SAYS[task.state].lower()}: {shortened(visible(doing), 60)}" if task.state in BUSY else ""
        if self._statuses.get(task.id, "") == words:
            return
        self._statuses[task.id] = words
        if not words:
            self._statuses.pop(task.id)
        await self._api.optional(
            "assistant.threads.setStatus",
            channel_id=thread.place.channel,
            thread_ts=thread.place.root,
            status=words,
        )

    async def _stream(self, thread: Thread, task: Task, fresh: Sequence[Event]) -> None:
        """What the agent says, in one message a turn that grows."""
        said = [one.data.text for one in fresh if isinstance(one.data, AgentWrote) and not one.data.partial]
        text = _harmless("\n\n".join(said))[:_PIECE]
        threads, key = self._stage.chats.threads, f"stream/{task.turn}"
        sent = await threads.sayings(task.id)
        ts = sent.get(key, "")
        if text and not ts and not (await threads.saying(task.id, key)).begun_before:
            begun = await self._api.optional(
                "chat.startStream",
                channel=thread.place.channel,
                thread_ts=thread.place.root,
                recipient_user_id=thread.asked_by,
                recipient_team_id=thread.place.team,
                markdown_text=text,
            )
            if begun is not None:
                ts = str(begun.get("ts", ""))
                await threads.said(task.id, key, ts)
        elif text and ts:
            await self._api.optional(
                "chat.appendStream", channel=thread.place.channel, ts=ts, markdown_text=f"\n\n{text}"
            )
        if ts and task.state not in BUSY and f"{key}/end" not in sent:
            await threads.saying(task.id, f"{key}/end")
            await threads.said(task.id, f"{key}/end", ts)
            await self._api.optional("chat.stopStream", channel=thread.place.channel, ts=ts)
