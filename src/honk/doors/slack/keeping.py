"""How this door's deliveries are kept: Slack delivers again what was not acknowledged within three seconds."""

from collections.abc import Mapping

from honk.domain.thread import Delivery
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.names import edited_message
from honk.doors.slack.plain_words import said_of
from honk.doors.slack.trouble import SlackGone, SlackRefused, SlackRevoked
from honk.service.intake import GaveUp, Handler, Ways

#: What people expect to happen at once, and may not happen much later.
_QUICK = frozenset({"press", "command", "stop"})
#: A press or a command does not act on what has become something else meanwhile; words are words.
_PASSING = frozenset({"press", "command"})
#: What is asked for again after it is done. Everything else says nothing any more: most of it is people's own talk.
_KEPT = frozenset({"ask", "stop"})


def ways(stage: Backstage, handlers: Mapping[str, Handler], gave_up: GaveUp) -> Ways:
    """What `honk.service.intake.Intake` needs to know of this door."""

    async def keeps(delivery: Delivery) -> bool:
        """Whether its words are needed once it is done: a request's by buttons below it, an edit's by its message."""
        if delivery.kind != "edited":
            return delivery.kind in _KEPT
        message = await stage.chats.deliveries.get(edited_message(delivery.id))
        return message is None or bool(message.body)

    waits = stage.waits
    return Ways(
        door=DOOR,
        called="Slack",
        deliveries=stage.chats.deliveries,
        clock=stage.ports.clock,
        handlers=handlers,
        gave_up=gave_up,
        words=said_of,
        keeps=keeps,
        quick=_QUICK,
        passing=_PASSING,
        final=(SlackGone, SlackRefused),
        patient=(SlackRevoked,),
        answer=waits.answer,
        look=waits.look,
        later=waits.later,
        rest=waits.rest,
        counts=waits.counts,
    )
