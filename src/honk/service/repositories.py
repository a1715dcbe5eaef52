"""The repositories that a person may use: those that honk.toml lists, and those of earlier tasks."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from honk.domain.address import canonical
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.repository import Named, Repository
from honk.errors import Usage

if TYPE_CHECKING:
    from honk.app import App

#: of earlier tasks; those used last
_LATEST = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A repository that a person may use."""

    #: its key in [repositories], or the last part of its address
    name: str
    #: what a task takes as its repository
    address: str
    #: other names that people use
    aliases: tuple[str, ...] = ()
    description: str = ""
    #: when a task was asked for last; null: never
    used_at: datetime | None = None


async def candidates(
    app: "App", person: Person, listed: Sequence[Named], *, search: str = "", limit: int = 100
) -> tuple[Candidate, ...]:
    """Those that the person may ask something of, most recently used first, then by name.

    The question is one for showing the right thing, not an act: nothing of it is in the audit log.
    """
    found: dict[str, tuple[Repository, Candidate]] = {}
    for one in listed:
        # a listed path that this machine cannot resolve is said by whoever uses it
        with suppress(Usage):
            repository = app.ports.repositories.identify(one.address)
            candidate = Candidate(name=one.name, address=one.address, aliases=one.aliases, description=one.description)
            found.setdefault(_place(repository), (repository, candidate))
    for used in await app.ports.tasks.repositories(limit=_LATEST):
        place = _place(used.repository)
        fresh = Candidate(name=used.repository.name, address=used.repository.url)
        repository, candidate = found.get(place, (used.repository, fresh))
        if candidate.used_at is None:
            found[place] = repository, replace(candidate, used_at=used.at)
    wanted = search.casefold().split()
    shown = [pair for pair in found.values() if _fits(pair[1], wanted)]
    shown.sort(key=lambda pair: (pair[1].used_at is None, -_time(pair[1].used_at), pair[1].name.casefold()))
    allowed: list[Candidate] = []
    for repository, shown_one in shown:
        if len(allowed) == limit:
            break
        if (await app.ports.policy.ask(person, Act.ASK, repository, None)).allowed:
            allowed.append(shown_one)
    return tuple(allowed)


def _place(repository: Repository) -> str:
    """The same for every way in which git reaches it."""
    return canonical(repository.url) or repository.url


def _fits(one: Candidate, wanted: Sequence[str]) -> bool:
    words = " ".join((one.name, one.address, *one.aliases, one.description)).casefold()
    return all(word in words for word in wanted)


def _time(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
