"""How people come in by a browser, and how they are known again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from honk.domain.claimed import Claimed
from honk.domain.person import Person, PersonId
from honk.domain.visit import Passkey, Visit


class Visits(Protocol):
    """Browsers that have signed in. Only the SHA-256 of what a browser shows is stored."""

    async def begin(self, visit: Visit, secret: str) -> None:
        """From now on whoever shows the secret is that visit. Visits that are over are forgotten."""

    async def find(self, secret: str) -> tuple[Visit, Person] | None:
        """None when it is unknown, was ended or is over, or its access token opens nothing any more."""

    async def seen(self, id: str) -> None:
        """The browser was here now. Unknown: no effect."""

    async def of(self, person: PersonId) -> tuple[Visit, ...]:
        """Those of the person that are not over, the one that was seen last first."""

    async def end(self, person: PersonId, id: str) -> bool:
        """Ends one of the person's; False for one that is not."""

    async def end_all(self, person: PersonId, *, but: str = "") -> int:
        """Ends all of the person's except for one; how many."""


class Onetime(Protocol):
    """What is good once, and not for long. Only the SHA-256 of each secret is stored."""

    async def keep(self, kind: str, secret: str, words: str, until: datetime) -> None:
        """Keeps the words for whoever shows the secret. What is too old is forgotten."""

    async def look(self, kind: str, secret: str) -> str | None:
        """The words; None for a secret that is unknown, was taken or is too old. Changes nothing."""

    async def take(self, kind: str, secret: str) -> str | None:
        """The same, and whoever asks next gets None, in whichever process."""


class Passkeys(Protocol):
    """Public keys by which people sign in."""

    async def add(self, passkey: Passkey) -> bool:
        """False when there is one with that id already."""

    async def find(self, id: str) -> Passkey | None:
        """None for an unknown one, and for one whose access token opens nothing any more."""

    async def of(self, person: PersonId) -> tuple[Passkey, ...]:
        """Those of the person, oldest first."""

    async def used(self, id: str, count: int) -> None:
        """It was used now, and says that it has made so many signatures."""

    async def remove(self, person: PersonId, id: str) -> bool:
        """Removes one of the person's; False for one that is not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrance:
    """The ports of whoever lets browsers in."""

    visits: Visits
    onetime: Onetime
    passkeys: Passkeys


class Provider(Protocol):
    """Somebody else who knows who people are. Raises Unreachable."""

    async def address(self, *, state: str, nonce: str, verifier: str, redirect: str) -> str:
        """Where the person signs in. Of the verifier only a digest goes along (RFC 7636)."""

    async def claimed(self, *, code: str, nonce: str, verifier: str, redirect: str) -> Claimed:
        """Of whom the code stands for. Raises NotAllowed for an answer that cannot be believed."""


class Authenticators(Protocol):
    """The devices and password managers that keep passkeys (Web Authentication, level 3)."""

    def origin(self) -> str:
        """The one origin at which they work; "" where browsers let no page have any."""

    def to_add(self, person: Person, known: tuple[Passkey, ...], challenge: bytes) -> str:
        """What a browser is asked to make a passkey with, as JSON."""

    def added(self, answer: str, challenge: bytes) -> tuple[str, str, int]:
        """Id, public key and count of the passkey that the browser made. Raises NotAllowed."""

    def to_ask(self, challenge: bytes) -> str:
        """What a browser is asked to show a passkey with, as JSON."""

    def said(self, answer: str) -> tuple[str, str]:
        """The id of the passkey, and the challenge in hex, as the browser says. Raises NotAllowed for rubbish."""

    def checked(self, answer: str, challenge: bytes, passkey: Passkey) -> int:
        """The count of the passkey that has signed the challenge. Raises NotAllowed for any other signature."""
