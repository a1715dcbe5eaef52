"""Which tasks a person means: a tab, and a search within it."""

from datetime import timedelta
from enum import StrEnum

from honk.app import App
from honk.domain.address import canonical
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.search import GROUPS, Search, Wanted
from honk.domain.task import State

#: repositories among which names are looked up; those used last
_REPOSITORIES = 1000
#: for how long something that failed waits for its person
FAILED_FOR = timedelta(days=14)


class Tab(StrEnum):
    """Whose tasks."""

    WAITING = "waiting"
    MINE = "mine"
    ALL = "all"


async def wanted(app: App, person: Person, tab: Tab, search: Search) -> Wanted:
    """The question to the store. A condition that names nothing that exists fits nothing."""
    either: tuple[Wanted, ...] = ()
    if tab is Tab.WAITING:
        either = await waiting(app, person)
    elif tab is Tab.MINE:
        either = (Wanted(people=frozenset({person.id})),)
    return Wanted(
        words=search.words,
        repositories=await _repositories(app, search.repositories) if search.repositories else None,
        states=search.states if search.states or search.strange else None,
        people=await _people(app, person, search.people) if search.people else None,
        either=either,
    )


async def waiting(app: App, person: Person) -> tuple[Wanted, ...]:
    """What waits for a person: any of these.

    Those about which they are told that ask, can be merged or are drafts, and that failed lately; and everybody's that
    can be merged where they may merge. The question is one for showing the right thing, not an act.
    """
    mine = frozenset({person.id})
    found = [
        Wanted(contacts=mine, states=GROUPS["open"]),
        Wanted(contacts=mine, states=frozenset({State.FAILED}), since=app.ports.clock() - FAILED_FOR),
    ]
    if may := await _mergeable(app, person):
        found.append(Wanted(repositories=may, states=frozenset({State.PROPOSED})))
    return tuple(found)


async def _mergeable(app: App, person: Person) -> frozenset[str]:
    used = await app.ports.tasks.repositories(limit=_REPOSITORIES)
    asked = [(one.repository, await app.ports.policy.ask(person, Act.MERGE, one.repository, None)) for one in used]
    return frozenset(repository.key for repository, said in asked if said.allowed)


async def _repositories(app: App, names: tuple[str, ...]) -> frozenset[str]:
    """Keys of those whose name or address has one of these parts."""
    found = set[str]()
    for one in await app.ports.tasks.repositories(limit=_REPOSITORIES):
        place = f"{one.repository.name}\n{one.repository.url}\n{one.repository.key}".casefold()
        for name in names:
            same = canonical(name)
            if name.casefold() in place or (same is not None and same == canonical(one.repository.url)):
                found.add(one.repository.key)
    return frozenset(found)


async def _people(app: App, person: Person, names: tuple[str, ...]) -> frozenset[PersonId]:
    found = set[PersonId]()
    for name in names:
        found |= {person.id} if name.casefold() == "me" else await app.ports.overview.people(name)
    return frozenset(found)
