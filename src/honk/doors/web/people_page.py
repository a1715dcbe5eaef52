"""`/people`: who is known to the policy, under which identities, and what each of them may."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.domain.person import Person
from honk.domain.policy import NEEDS, Act, Right
from honk.domain.rules import Known, Role, Rules
from honk.doors.web.gates import administers
from honk.doors.web.rendering import page
from honk.doors.web.signing_in import Sessions
from honk.service import Local

#: people that the page shows
_PEOPLE = 300


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A person of the policy."""

    known: Known
    teams: tuple[str, ...]
    #: roles that are theirs
    roles: tuple[Role, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    """Whoever looks."""

    person: Person
    #: acts on Honk itself and everywhere, each with whether it is allowed, and why
    acts: tuple[tuple[Act, bool, str], ...]
    #: what the access token behind the visit may be used for
    scopes: tuple[Scope, ...]


@dataclass(frozen=True, kw_only=True)
class PeoplePage:
    """Everybody for who may administer Honk, otherwise oneself."""

    sessions: Sessions
    #: the policy as it is now
    rules: Callable[[], Rules]

    async def people(self, request: Request, service: Local) -> Response:
        """Who may what."""
        all_of_it = await administers(request, self.sessions, service)
        rules = self.rules() if all_of_it else Rules()
        return page(
            request,
            "people.html",
            visit=request.state,
            here="people",
            mine=await self._mine(request, service),
            all_of_it=all_of_it,
            people=[_shown(rules, one) for one in rules.people[:_PEOPLE]],
            cut=max(len(rules.people) - _PEOPLE, 0),
            rules=rules,
            teams=sorted(rules.teams.items()),
            rights=tuple(Right),
        )

    async def _mine(self, request: Request, service: Local) -> Mine:
        decisions = [(act, await service.app.ports.policy.ask(service.person, act, None, None)) for act in Act]
        return Mine(
            person=service.person,
            acts=tuple((act, said.allowed, said.reason) for act, said in decisions if str(NEEDS[act]) == str(act)),
            scopes=tuple(sorted(await self.sessions.scopes(request))),
        )


def _shown(rules: Rules, known: Known) -> Shown:
    teams = tuple(sorted(name for name, members in rules.teams.items() if known.key in members))
    ways = {"*", known.key, *(f"@{team}" for team in teams)}
    return Shown(known=known, teams=teams, roles=tuple(one for one in rules.roles if ways & set(one.people)))
