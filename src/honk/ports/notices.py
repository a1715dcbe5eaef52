"""How people are told who look at no page: by their devices, or by mail."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from honk.domain.notice import Device, Posting
from honk.domain.person import PersonId
from honk.domain.task import TaskId


class Devices(Protocol):
    """The browsers that show notices. Every method is one transaction."""

    async def add(self, device: Device) -> None:
        """Keeps it; the same endpoint again takes the place of the former one, whoever's that was.

        A person has ten at most: the one that was seen longest ago goes.
        """

    async def of(self, person: PersonId) -> tuple[Device, ...]:
        """The latest first; also those of whoever was joined to the person."""

    async def get(self, id: str) -> Device | None: ...

    async def remove(self, id: str, person: PersonId | None = None) -> bool:
        """False, and no effect, where there is none, or it is not that person's."""


class Outbox(Protocol):
    """Which events people were told of, and what is still on its way. Every method is one transaction."""

    async def behind(self, limit: int = 200, *, of: Collection[TaskId] | None = None) -> Mapping[TaskId, int]:
        """Tasks, or some of these, with events that nobody has looked at yet, and the seq up to which somebody has."""

    async def look(self, task: TaskId, *, before: int, told: int, postings: tuple[Posting, ...]) -> bool:
        """The events up to `told` were looked at, and this comes of it.

        False, and no effect, where somebody else has looked beyond `before` meanwhile.
        """

    async def put(self, posting: Posting) -> None:
        """One more on its way. On its way already: no effect."""

    async def take(self, holder: str, until: datetime, limit: int) -> tuple[Posting, ...]:
        """The oldest that are due and that nobody else sends; the holder's until that moment."""

    async def done(self, posting: Posting) -> None:
        """It was sent, or never will be."""

    async def put_off(self, posting: Posting, until: datetime) -> None:
        """It is tried again at that moment."""


class Outcome(StrEnum):
    """What became of a sending."""

    SENT = "sent"
    #: the place takes nothing any more
    GONE = "gone"
    #: not now; it may be tried again
    LATER = "later"
    #: it will never be taken
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What became of a sending, and why."""

    outcome: Outcome
    detail: str = ""
    #: seconds for which the other side wants to be left alone
    after: float = 0.0


class Push(Protocol):
    """Sends to browsers, by the push services that these name (RFC 8030)."""

    def key(self) -> str:
        """The public key (RFC 8292) with which a browser subscribes, in base64url; the same for good."""

    async def refusal(self, endpoint: str) -> str:
        """Why nothing is sent to that address; "" where it may be."""

    async def send(self, device: Device, payload: bytes, *, topic: str, urgent: bool) -> Sent:
        """Encrypts it for that browser alone. `topic`: takes the place of what is not delivered yet. Never raises."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A mail in plain text."""

    to: str
    subject: str
    text: str
    #: makes a second copy of the same letter recognisable
    id: str
    #: where no further ones can be asked for
    unsubscribe: str


class Mail(Protocol):
    """Sends mail."""

    async def send(self, letter: Letter) -> Sent:
        """Hands it to the operator's mail server. Never raises."""


class NoMail:
    """No mail server is set."""

    async def send(self, letter: Letter) -> Sent:
        return Sent(outcome=Outcome.REFUSED, detail="no mail server is set")
