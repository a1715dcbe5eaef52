"""What Honk says in answer to one remark, review or issue: once, whatever happens."""

from dataclasses import dataclass

import structlog

from honk.domain.repository import Repository
from honk.doors.github.backstage import DOOR, Backstage
from honk.doors.github.people import KeptOut
from honk.doors.github.plain_words import said_of
from honk.errors import HonkError, Retryable
from honk.ports import Discussions

_log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True, slots=True)
class Spot:
    """Where something was said that an answer belongs to."""

    repository: Repository
    number: int
    #: a remark's id, "review/12" or "issue/12"
    anchor: str
    login: str


class Saying:
    """Answers. GitHub is asked to change an answer that is there, so a second one never stands beside it."""

    def __init__(self, backstage: Backstage, discussions: Discussions) -> None:
        self._stage = backstage
        self._discussions = discussions

    async def seen(self, spot: Spot) -> None:
        """A reaction, at once; without it everything goes on."""
        try:
            await self._discussions.react(spot.repository, spot.anchor, "eyes")
        except HonkError as error:
            _log.warning("a remark was not marked as seen", reason=error.message)

    async def answer(self, spot: Spot, text: str) -> None:
        """In the thread of a remark on a line; as a comment for everything else."""
        await answer(self._discussions, spot, text)

    async def refuse(self, spot: Spot, error: HonkError) -> None:
        """What was refused and what helps. Raises what is worth another try, and nothing else."""
        if isinstance(error, Retryable):
            raise error
        if isinstance(error, KeptOut):
            await self._keep_out(spot, error)
        else:
            await self.answer(spot, said_of(error, self._stage.choices.name))

    async def _keep_out(self, spot: Spot, error: KeptOut) -> None:
        """One short sentence a person and place, and never a second one."""
        subject = f"{DOOR}/kept-out/{spot.repository.key}/{spot.number}"
        name = spot.login.lower()
        if name in await self._stage.chats.preferences.read(subject):
            return
        words = f"@{spot.login}: {said_of(error, self._stage.choices.name)}"
        await self._discussions.say(spot.repository, spot.number, words, f"kept-out/{name}")
        await self._stage.chats.preferences.write(subject, {name: "told"})


async def answer(discussions: Discussions, spot: Spot, text: str) -> None:
    """The one answer to what stands there."""
    key = f"answer/{spot.anchor}"
    if spot.anchor.startswith(("line/", "comment/")):
        await discussions.answer(spot.repository, spot.number, spot.anchor, text, key)
    else:
        await discussions.say(spot.repository, spot.number, text, key)
