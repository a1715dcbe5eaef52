"""A channel: another way by which a build comes to people, such as TestFlight. It ends in one link and a state."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from honk.domain.task import TaskId


class ChannelState(StrEnum):
    #: the channel has not heard of the build yet
    ABSENT = "absent"
    #: it is at work on it
    PROCESSING = "processing"
    #: it waits for a person there; the detail says for what
    WAITING = "waiting"
    #: the link can be opened
    READY = "ready"
    #: it was ready, and is no longer
    EXPIRED = "expired"
    #: it will not be ready; the detail says why
    REFUSED = "refused"


#: nothing more comes of these
ENDED = frozenset({ChannelState.EXPIRED, ChannelState.REFUSED})
#: after so long a channel that never heard of a build is not asked any more
PATIENCE = timedelta(days=2)


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What a channel says of a build now."""

    state: ChannelState
    #: where people get it; "" where that is not known
    link: str = ""
    #: a sentence: why it waits, or was refused
    detail: str = ""
    #: when it expires, where it does
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One build in one channel."""

    build: str
    task: TaskId
    #: its name in honk.toml
    channel: str
    #: what people call it
    title: str
    seen: Seen
    since: datetime
    #: when the channel is asked again; None: not any more
    due: datetime | None
    #: how often it was asked, and how often its answer was another one
    looks: int = 0
    changes: int = 0

    def stands(self, now: datetime) -> Seen:
        """How it stands at this moment: what expired meanwhile has, whether the channel was asked or not."""
        seen = self.seen
        if seen.state is ChannelState.READY and seen.until is not None and seen.until <= now:
            return Seen(state=ChannelState.EXPIRED, link="", detail=seen.detail, until=seen.until)
        return seen


def next_look(offer: Offer, seen: Seen, now: datetime) -> datetime | None:
    """When the channel is asked again after this answer: often in the beginning, and not for ever."""
    if seen.state in ENDED:
        return None
    if seen.state is ChannelState.READY:
        return seen.until
    if now - offer.since > PATIENCE:
        return None
    return now + (timedelta(minutes=1) if now - offer.since < timedelta(hours=1) else timedelta(minutes=10))
