"""A thread that cannot be written to any more: whoever asked there is told so alone, once, with the task's page."""

import structlog

from honk.domain.text import shortened
from honk.domain.thread import Thread
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import marker
from honk.doors.slack.trouble import SlackDown, SlackRevoked
from honk.errors import HonkError

_log = structlog.get_logger()
_KEY = "lost"


async def tell_of_loss(thread: Thread, reason: str, api: Api, stage: Backstage) -> None:
    """The place is broken from now on. Raises SlackDown or SlackRevoked when the person could not be told yet."""
    direct = thread.place.channel.startswith("D")
    if not (direct or thread.muted or thread.broken):
        try:
            await _tell(thread, reason, api, stage)
        except (SlackDown, SlackRevoked):
            raise
        except HonkError as error:
            _log.warning("nobody could be told that a thread is gone", task=thread.task, reason=error.message)
    await stage.chats.threads.change(thread.task, DOOR, broken=reason)


async def _tell(thread: Thread, reason: str, api: Api, stage: Backstage) -> None:
    threads = stage.chats.threads
    saying = await threads.saying(thread.task, DOOR, _KEY)
    if saying.message:
        return
    name, channel = marker(thread.task, _KEY), await api.direct(thread.asked_by)
    ts = await api.find_in_channel(channel, name) if saying.begun_before else ""
    if not ts:
        task = await stage.ports.tasks.get(thread.task)
        words = f"I cannot write below “{shortened(task.called, 200)}” any more: {reason}."
        page, hint = stage.ports.previews.page(f"/tasks/{task.id}"), stage.ports.previews.hint()
        more: list[w.Part] = [" Here is how it goes on: ", w.link(page, "its page")] if page and not hint else []
        ts = await api.post(channel, w.notice(words), [w.text(words, *more, id=name)])
    await threads.said(thread.task, DOOR, _KEY, ts)
