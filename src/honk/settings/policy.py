"""The part of honk.toml that says who may do what, what a merge needs, and what may be spent."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from honk.domain.budget import Budget
from honk.domain.person import Identity
from honk.domain.policy import Right
from honk.domain.rules import EVERY, Confirmed, Known, Role, Rules

#: where in the file, and what is wrong there
Wrong = tuple[tuple[str | int, ...], str]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _identity(value: object) -> object:
    return Identity.parse(value) if isinstance(value, str) else value


def _pattern(value: str) -> str:
    if not value.strip():
        raise ValueError("an empty pattern names nothing")
    if "://" in value or value.startswith("git@") or (value.endswith(".git") and not value.startswith("/")):
        raise ValueError("write the address as host/owner/name, without scheme, user and .git")
    return value


Pattern = Annotated[str, AfterValidator(_pattern)]


class PersonSettings(_Section):
    """One person, with every identity under which the doors may see them."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    #: such as "local:alice", "github:alice", "slack:U123", "mail:alice@example.com"
    identities: Annotated[tuple[Annotated[Identity, BeforeValidator(_identity)], ...], Field(min_length=1)]


class RoleSettings(_Section):
    """What these people may do on these repositories."""

    #: patterns such as "github.com/acme/*" or "/srv/**"; "*" is every repository, and Honk itself
    repositories: Annotated[tuple[Pattern, ...], Field(min_length=1)]
    #: keys of [people], "@" and a key of [teams], or "*" for everybody
    people: Annotated[tuple[str, ...], Field(min_length=1)]
    may: Annotated[tuple[Right, ...], Field(min_length=1)]


class MergingSettings(_Section):
    """What a merge needs besides the right to it. Left out: a press of the button is enough."""

    #: where the beginning of the commit must be typed: patterns as in a role
    typed: tuple[Pattern, ...] = ()
    #: where somebody else who may merge must have approved exactly that commit; goes before `typed`
    second_person: tuple[Pattern, ...] = ()


Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class BudgetSettings(_Section):
    """What may be spent, in estimated dollars; reserved before a turn begins. Left out: no such budget."""

    #: most that any task may cost, whatever its own limit says
    task_usd: Usd | None = None
    #: for the turns that one person began on one day (UTC)
    person_day_usd: Usd | None = None
    #: for all turns that began on one day (UTC)
    day_usd: Usd | None = None
    #: a turn for which less than this is left is refused; with more, it gets what is left
    least_usd: Usd = 0.5


def wrong_names(
    people: Mapping[str, PersonSettings], teams: Mapping[str, tuple[str, ...]], roles: tuple[RoleSettings, ...]
) -> Iterator[Wrong]:
    """What the tables say of each other that is not so."""
    taken: dict[Identity, str] = {}
    for key, person in people.items():
        if key == EVERY or key.startswith("@"):
            yield ("people", key), 'a person\'s key may not be "*" or begin with "@"'
        for identity in person.identities:
            if taken.setdefault(identity, key) != key:
                yield ("people", key, "identities"), f"{identity} is an identity of {taken[identity]} already"
    for team, members in teams.items():
        for member in sorted(set(members) - set(people)):
            yield ("teams", team), f"there is no person {member!r} in [people]"
    named = {EVERY, *people, *(f"@{team}" for team in teams)}
    for number, role in enumerate(roles):
        for one in sorted(set(role.people) - named):
            kind, table = ("team", "[teams]") if one.startswith("@") else ("person", "[people]")
            yield ("roles", number, "people"), f"there is no {kind} {one.removeprefix('@')!r} in {table}"


def rules_of(
    people: Mapping[str, PersonSettings],
    teams: Mapping[str, tuple[str, ...]],
    roles: tuple[RoleSettings, ...],
    merging: MergingSettings,
) -> Rules:
    """The policy of the file, with its version."""
    said = {
        "people": {key: [one.name, [str(each) for each in one.identities]] for key, one in people.items()},
        "teams": {key: list(members) for key, members in teams.items()},
        "roles": [one.model_dump(mode="json") for one in roles],
        "merging": merging.model_dump(mode="json"),
    }
    version = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]
    return Rules(
        people=tuple(Known(key=key, name=one.name, identities=one.identities) for key, one in people.items()),
        teams={key: frozenset(members) for key, members in teams.items()},
        roles=tuple(Role(repositories=one.repositories, people=one.people, may=frozenset(one.may)) for one in roles),
        merging=Confirmed(typed=merging.typed, second_person=merging.second_person),
        version=version,
    )


def budget_of(settings: BudgetSettings) -> Budget:
    """The budgets of the file."""
    return Budget(
        task_usd=settings.task_usd,
        person_day_usd=settings.person_day_usd,
        day_usd=settings.day_usd,
        least_usd=settings.least_usd,
    )
