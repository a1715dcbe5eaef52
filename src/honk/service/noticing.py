"""What a person wants to be told, and what they press without a page: from a lock screen, or in a letter.

A press is sealed: of one person, about one thing, for a day. The seal says what is meant, and not who means it: that
is said by the visit of the browser that sends it. So neither what a push service or a screen shows, nor a visit that
another site makes use of, does anything alone.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from honk.domain.notice import ByMail, Deed, Level, Notice, Offer, Wish
from honk.domain.person import PersonId
from honk.domain.task import TaskId
from honk.errors import NotAllowed, NotNow
from honk.ports import Preferences

#: A signature that only this home can make: of a kind, over some words.
Sign = Callable[[str, str], str]
#: for how long a button on a lock screen does something
_GOOD = timedelta(days=1)
_FIELDS = ("person", "task", "deed", "of", "choice", "until")


async def wish_of(preferences: Preferences, person: PersonId) -> Wish:
    """What the person has chosen. What is kept and no longer known is the default."""
    kept = await preferences.read(_subject(person))
    level, by_mail = kept.get("level", ""), kept.get("mail", "")
    return Wish(
        level=Level(level) if level in set(Level) else Wish().level,
        by_mail=ByMail(by_mail) if by_mail in set(ByMail) else Wish().by_mail,
    )


async def keep_wish(preferences: Preferences, person: PersonId, wish: Wish) -> None:
    """From now on the person is told as much."""
    await preferences.write(_subject(person), {"level": wish.level, "mail": wish.by_mail})


async def end_mail(preferences: Preferences, person: PersonId) -> None:
    """The person gets no mail any more. Twice: no further effect."""
    await preferences.write(_subject(person), {"mail": ByMail.NEVER})


def _subject(person: PersonId) -> str:
    return f"notices/{person}"


def no_mail_path(person: PersonId, sign: Sign) -> str:
    """Where the person, or who has their letter, ends their mail, and does nothing else."""
    return f"/notices/no-mail/{person}.{sign('no-mail', person)}"


def ends_mail(token: str, sign: Sign) -> PersonId | None:
    """Whose mail the last part of such a path ends; None for one that Honk has not made."""
    person, _, seal = token.partition(".")
    if not person or not hmac.compare_digest(seal.encode(), sign("no-mail", person).encode()):
        return None
    return PersonId(person)


@dataclass(frozen=True, kw_only=True, slots=True)
class Press:
    """A button of a notice, pressed."""

    person: PersonId
    task: TaskId
    deed: Deed
    of: str
    choice: int


def sealed(offer: Offer, notice: Notice, person: PersonId, sign: Sign) -> dict[str, str]:
    """The fields that the button sends."""
    said = {
        "person": str(person),
        "task": str(notice.task),
        "deed": str(offer.deed),
        "of": offer.of,
        "choice": str(offer.choice),
        "until": str(int((notice.at + _GOOD).timestamp())),
    }
    return {**said, "seal": _seal(said, sign)}


def press_of(fields: Mapping[str, str], now: datetime, sign: Sign) -> Press:
    """What was pressed. Raises NotAllowed for what Honk has not made, and NotNow after a day."""
    said = {name: fields.get(name, "") for name in _FIELDS}
    if not hmac.compare_digest(fields.get("seal", "").encode("utf-8", "replace"), _seal(said, sign).encode()):
        raise NotAllowed("Honk has not made this button", "open the page")
    if now >= datetime.fromtimestamp(int(said["until"]), UTC):
        raise NotNow("this notice is older than a day", "open the page, which shows how it stands")
    return Press(
        person=PersonId(said["person"]),
        task=TaskId(said["task"]),
        deed=Deed(said["deed"]),
        of=said["of"],
        choice=int(said["choice"]),
    )


def _seal(said: Mapping[str, str], sign: Sign) -> str:
    # a field that held the sign between two could be another one's beginning
    words = [said[name].encode("utf-8", "replace").hex() for name in _FIELDS]
    return sign("lock-screen", ".".join(words))
