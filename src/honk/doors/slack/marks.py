"""Reactions that say what became of a message: seen, or waiting for the agent's next step."""

from collections.abc import Sequence

import structlog

from honk.domain.event import Event, EventData, MessageDelivered, MessageReceived, MessageWithdrawn
from honk.domain.message import Handling
from honk.domain.thread import Thread
from honk.doors.slack.api import Api
from honk.doors.slack.names import message_of
from honk.doors.slack.trouble import SlackLacks, SlackRefused
from honk.ports import Ports

_log = structlog.get_logger()

#: Honk has it, and whoever is to work on it does.
SEEN = "eyes"
#: The agent hears it at its next step, or the next turn begins with it.
QUEUED = "hourglass_flowing_sand"
#: seconds after which a mark would say what nobody waits for any more
_SOON = 5.0


async def show_marks(thread: Thread, log: Sequence[Event], api: Api, ports: Ports) -> None:
    """Brings the reactions on messages to what the events since the last telling say. Twice: no further effect.

    The message that asked is marked when it is taken, and no call is made for a mark that was never there: Slack
    takes few of them a minute. A mark that it refuses is no reason to tell nothing else.
    """
    fresh = [event for event in log if event.seq > thread.told]
    wanted: dict[str, str] = dict(found for event in fresh if (found := _mark(event.data)) is not None)
    known = {event.turn for event in log if event.seq <= thread.told}
    begun = {event.turn for event in fresh if event.turn > 1} - known
    latest = (await ports.tasks.get(thread.task)).turn if begun else 0
    for number in sorted(one for one in begun if one <= latest):
        # a message that waited begins a turn without a further word about it
        wanted[(await ports.tasks.turn(thread.task, number)).message.id] = SEEN
    queued = {found[0] for event in log if (found := _mark(event.data)) is not None and found[1] == QUEUED}
    for id, mark in wanted.items():
        place = message_of(id)
        if place is None or (mark == SEEN and id not in queued and place == (thread.place.channel, thread.message)):
            continue
        try:
            await _show(*place, mark, api, queued=id in queued)
        except (SlackLacks, SlackRefused) as error:
            _log.info("a message was not marked", task=thread.task, reason=error.message)


def _mark(data: EventData) -> tuple[str, str] | None:
    """The message that the event is about, and what is to stand below it; "" for nothing."""
    match data:
        case MessageReceived(message=id, handling=handling):
            return id, QUEUED if handling in {Handling.STEER, Handling.QUEUED} else SEEN
        case MessageDelivered(message=id):
            return id, SEEN
        case MessageWithdrawn(message=id):
            return id, ""
    return None


async def _show(channel: str, ts: str, mark: str, api: Api, *, queued: bool) -> None:
    if mark:
        await api.react(channel, ts, mark, within=_SOON)
    if mark != QUEUED and queued:
        await api.unreact(channel, ts, QUEUED)
