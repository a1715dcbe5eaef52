"""What is remembered of chats: threads, deliveries, preferences, and who is who."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.person import Identity, PersonId
from honk.domain.task import TaskId
from honk.domain.thread import Delivery, Link, Place, Saying, Thread


class Threads(Protocol):
    """Which task is talked about where, and how far each place has been told: one place a task and door.

    Every method is one transaction.
    """

    async def add(self, thread: Thread) -> Thread:
        """Stores it; the same task at the same door again: what is there already."""

    async def of(self, task: TaskId, door: str) -> Thread | None: ...

    async def at(self, place: Place) -> Thread | None:
        """The thread of the latest task in that place."""

    async def in_channel(self, door: str, team: str, channel: str) -> tuple[Thread, ...]:
        """Those of the latest hundred tasks there, newest first."""

    async def behind(self, door: str) -> tuple[TaskId, ...]:
        """Tasks with events of which their places have not been told: the oldest thousand, but for broken places."""

    async def claim(self, task: TaskId, door: str, holder: str, until: datetime) -> Thread | None:
        """The thread, for whoever is to write there now; None while another holder has it. Claimed again: longer."""

    async def release(self, task: TaskId, door: str, holder: str) -> None: ...

    async def told(self, task: TaskId, door: str, seq: int, shown: str) -> None:
        """The place knows everything up to that event, and the card shows that. No effect once it knows more."""

    async def change(
        self,
        task: TaskId,
        door: str,
        *,
        card: str | None = None,
        listens: bool | None = None,
        muted: bool | None = None,
        broken: str | None = None,
    ) -> Thread:
        """What is None stays."""

    async def mend(self, door: str, channel: str) -> None:
        """Places in that channel can be written to again."""

    async def saying(self, task: TaskId, door: str, key: str) -> Saying:
        """Begins a message of Honk's there, or finds what became of it: it is sent once for each door and key."""

    async def said(self, task: TaskId, door: str, key: str, message: str, *, card: str | None = None) -> Thread:
        """It was sent, as that message of the chat. With `card` it is the card, and shows what that digest is of."""

    async def sayings(self, task: TaskId, door: str) -> Mapping[str, str]:
        """The messages that were sent, by their keys."""


class Deliveries(Protocol):
    """What chats delivered: kept before it is acknowledged, worked on until it is done, once however often it comes."""

    async def keep(self, delivery: Delivery) -> bool:
        """False, and no effect, for one that was delivered before."""

    async def take(
        self, door: str, holder: str, until: datetime, limit: int, kinds: Collection[str] = ()
    ) -> tuple[Delivery, ...]:
        """The oldest that nobody works on, one a lane; the holder's until that moment. No kinds: all of them."""

    async def done(self, id: str, *, keeps: bool = False) -> None:
        """Nothing more is done about it. Its body is deleted at once, unless it `keeps` that until it is forgotten."""

    async def put_off(self, id: str, until: datetime) -> None:
        """It is tried again at that moment."""

    async def get(self, id: str) -> Delivery | None: ...

    async def in_lane(self, lane: str, kind: str) -> tuple[Delivery, ...]:
        """Those of that kind there, done or not, oldest first."""

    async def forget(self, before: datetime) -> int:
        """Deletes what was done and came before that moment; returns how many."""


class Preferences(Protocol):
    """Small settings that people make in a chat: of a channel, of themselves."""

    async def read(self, subject: str) -> Mapping[str, str]:
        """Nothing set: an empty mapping."""

    async def write(self, subject: str, values: Mapping[str, str]) -> Mapping[str, str]:
        """Changes these, and leaves the others; an empty value removes one. Returns all of them."""


class Links(Protocol):
    """Users of a chat who have shown which person they are.

    A person who is signed in offers an identity the link and gets a code; it holds once that user of the chat has
    given the code. So neither of the two sides can be talked into it by a link that somebody else made.
    """

    async def offer(self, identity: Identity, person: PersonId, code: str, until: datetime) -> None:
        """Keeps a digest of the code. A former offer to that identity is void."""

    async def accept(self, identity: Identity, code: str) -> Link | None:
        """The link that holds from now on; None for a wrong or late code. Five wrong ones end the offer."""

    async def of(self, identity: Identity) -> Link | None: ...

    async def all(self) -> tuple[Link, ...]:
        """Every link that holds, oldest first."""

    async def remove(self, identity: Identity) -> bool:
        """From now on the identity is nobody's again. False when it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Chats:
    """Everything that a chat's door remembers."""

    threads: Threads
    deliveries: Deliveries
    preferences: Preferences
    links: Links
