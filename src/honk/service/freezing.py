"""Freezes of environments: what a door may ask of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from honk.domain.access import Scope
from honk.domain.deploy_line import Freeze
from honk.domain.person import Person
from honk.errors import NotAllowed, Usage

if TYPE_CHECKING:  # a client of a server loads none of the verbs
    from honk.app import App


@dataclass(frozen=True, kw_only=True, slots=True)
class FreezeWanted:
    """A freeze as a person asks for it."""

    #: the repository's address
    repository: str
    why: str
    #: "" is every environment of the repository
    environment: str = ""
    #: null: until it is thawed
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FreezeShown:
    """Nothing is deployed there."""

    #: the repository, whichever way git reaches it
    repository: str
    #: "" is every environment of it
    environment: str
    #: the name of the person
    by: str
    why: str
    at: datetime
    until: datetime | None


class Freezing(Protocol):
    """Raises NotAllowed, Unknown, Usage."""

    async def freeze(self, wanted: FreezeWanted) -> FreezeShown:
        """Merges go on, and their deployments wait. In place of a former freeze of the same place."""

    async def thaw(self, repository: str, environment: str = "") -> FreezeShown:
        """The freeze that is over now. What waited for it begins by itself."""

    async def freezes(self, repository: str) -> tuple[FreezeShown, ...]:
        """What of the repository is frozen now."""


@dataclass(frozen=True, kw_only=True)
class LocalFreezing:
    """Implements honk.service.freezing.Freezing on an opened Honk."""

    app: "App"
    person: Person
    scopes: frozenset[Scope] = frozenset(Scope)

    async def freeze(self, wanted: FreezeWanted) -> FreezeShown:
        self._for_deploying()
        made = await self.app.freeze(
            self.person,
            wanted.repository,
            wanted.why,
            environment=wanted.environment,
            until=None if wanted.until is None else _utc(wanted.until),
        )
        return await self._freeze_shown(made)

    async def thaw(self, repository: str, environment: str = "") -> FreezeShown:
        self._for_deploying()
        return await self._freeze_shown(await self.app.thaw(self.person, repository, environment=environment))

    async def freezes(self, repository: str) -> tuple[FreezeShown, ...]:
        return tuple([await self._freeze_shown(one) for one in await self.app.freezes(repository)])

    def _for_deploying(self) -> None:
        if Scope.DEPLOY not in self.scopes:
            raise NotAllowed("this access token is not for 'deploy'")

    async def _freeze_shown(self, freeze: Freeze) -> FreezeShown:
        return FreezeShown(
            repository=freeze.repository,
            environment=freeze.environment,
            by=(await self.app.ports.tasks.get_person(freeze.by)).name,
            why=freeze.why,
            at=freeze.at,
            until=freeze.until,
        )


def _utc(time: datetime) -> datetime:
    if time.tzinfo is None:
        raise Usage(f"{time.isoformat()} has no time zone", "such as 2026-12-24T12:00:00Z")
    try:
        return time.astimezone(UTC)
    except OverflowError:
        raise Usage(f"{time.isoformat()} is no time in UTC", "give one nearer to the present") from None
