"""Who somebody at GitHub is to Honk, and what GitHub lets them do: asked anew at every act.

GitHub's permission comes first, since whoever may not write in a repository must not have it written to by asking.
Then Honk's own policy decides in the service, as for everybody.
"""

from dataclasses import dataclass
from enum import Enum

from honk.domain.discussion import Author, Permission
from honk.domain.person import Identity, Person
from honk.domain.repository import Repository
from honk.doors.github.backstage import Backstage
from honk.errors import NotAllowed
from honk.ports import Discussions
from honk.service import Local


class KeptOut(NotAllowed):
    """GitHub does not let them do enough there, or they are a bot that nobody listed."""


class Need(Enum):
    """What is wanted."""

    ASK = "ask"
    LAND = "land"


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """Somebody who may."""

    login: str
    person: Person
    #: what they may ask of this Honk
    service: Local


class People:
    """Nothing that was true before is believed."""

    def __init__(self, backstage: Backstage, discussions: Discussions) -> None:
        self._stage = backstage
        self._discussions = discussions

    async def caller(self, repository: Repository, author: Author, need: Need = Need.ASK) -> Caller:
        """Raises KeptOut."""
        await self.demand(repository, author, need)
        return await self.known(author.login)

    async def known(self, login: str) -> Caller:
        """The person, whatever they may do."""
        who = await self._stage.linking.who(identity(login), login)
        return Caller(login=login, person=who.person, service=self._stage.service(who.person))

    async def may(self, repository: Repository, author: Author, need: Need = Need.ASK) -> bool:
        """Whether GitHub lets them do enough."""
        try:
            await self.demand(repository, author, need)
        except KeptOut:
            return False
        return True

    async def demand(self, repository: Repository, author: Author, need: Need) -> None:
        """Raises KeptOut."""
        if author.own:
            raise KeptOut("Honk asks nothing of itself")
        if author.bot:
            if need is Need.LAND or not self._asks(author.login):
                raise KeptOut("bots are not heard here")
            return
        least = await self._least(repository, need)
        has = await self._discussions.permission(repository, author.login)
        if not has.includes(least):
            wanted = "merging here" if need is Need.LAND else "asking me here"
            raise KeptOut(f"{wanted} takes the permission “{least}” in this repository; yours is “{has}”")

    async def _least(self, repository: Repository, need: Need) -> Permission:
        choices = self._stage.choices
        if need is Need.LAND:
            return choices.least_landing
        return choices.least_public if await self._discussions.public(repository) else choices.least_private

    def _asks(self, login: str) -> bool:
        listed = {one.lower().removesuffix("[bot]") for one in self._stage.choices.asking_bots}
        return login.lower().removesuffix("[bot]") in listed


def identity(login: str) -> Identity:
    """Under which Honk knows the user."""
    return Identity.parse(f"github:{login}")
