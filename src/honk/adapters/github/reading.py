"""GitHub's answers → plain values, leniently: fields that nobody asked for are passed over, null is nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from honk.domain.discussion import Author
from honk.errors import ForgeRefused


def _text(value: object) -> object:
    return "" if value is None else value


def _several(value: object) -> object:
    return [] if value is None else value


#: Text that may be null.
Text = Annotated[str, BeforeValidator(_text)]
#: Put around a list that may be null.
OrNone = BeforeValidator(_several)


class Shape(BaseModel):
    """What is read of one kind of answer."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Login(Shape):
    """A user, an app's user, or an organisation."""

    login: Text = ""
    type: Text = ""


#: Whose account is gone: GitHub shows null, and "ghost" on its pages.
GHOST = Login(login="ghost", type="User")
#: How the mark begins with which each comment of Honk's ends.
MARK = "<!-- honk: "


@dataclass(frozen=True, slots=True)
class Voice:
    """The account that Honk speaks by. One by a personal token is shared: only marked words are Honk's there."""

    login: str
    shared: bool = False

    def author(self, user: Login | None, body: str = "") -> Author:
        """Who said it. Logins are the same in any case of their letters."""
        user = user or GHOST
        own = user.login.lower() == self.login.lower()
        own = own and (not self.shared or body.rstrip().rpartition("\n")[2].startswith(MARK))
        return Author(login=user.login, bot=user.type == "Bot", own=own)


S = TypeVar("S", bound=Shape)


def read(shape: type[S], answer: object, what: str) -> S:
    """The answer in that shape. Raises ForgeRefused where it is another one."""
    try:
        return shape.model_validate(answer)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "all of it"
        raise ForgeRefused(
            f"GitHub's answer about {what} is not what its documentation says: {where}: {first['msg']}",
            "see whether this version of GitHub is one that Honk knows: honk doctor",
        ) from exc


def every(shape: type[S], answers: Iterable[object], what: str) -> list[S]:
    """Each answer of a list in that shape. Raises ForgeRefused."""
    return [read(shape, one, what) for one in answers]


def stamp(at: datetime) -> str:
    """A time as GitHub's parameters take it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
