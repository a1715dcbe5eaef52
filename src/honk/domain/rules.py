"""The policy as it is written down: people, teams, and roles that grant rights on repositories.

Roles only ever grant. What any of them grants is allowed, and nothing else; their order means nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from honk.domain.address import canonical, fits
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.policy import NEEDS, Act, Confirmation, Decision, Explanation, Looked, Right
from honk.domain.repository import Repository

#: in a role: every person, every repository (and Honk itself)
EVERY = "*"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """A person of the policy, with every identity under which the doors may see them."""

    key: str
    name: str
    identities: tuple[Identity, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Role:
    """These people have these rights on these repositories."""

    repositories: tuple[str, ...]
    #: keys of people, "@" and the name of a team, or "*"
    people: tuple[str, ...]
    may: frozenset[Right]

    def __str__(self) -> str:
        may = ", ".join(one for one in Right if one in self.may)
        return f"{', '.join(self.people)} may {may} on {', '.join(self.repositories)}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Confirmed:
    """Patterns of repositories that ask for more than a press of the merge button."""

    typed: tuple[str, ...] = ()
    second_person: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """The whole policy."""

    people: tuple[Known, ...] = ()
    teams: Mapping[str, frozenset[str]] = field(default_factory=dict)
    roles: tuple[Role, ...] = ()
    merging: Confirmed = Confirmed()
    #: a short hash of all of it
    version: str = ""

    def known(self, identity: Identity) -> Known | None:
        """The person of the policy with this identity."""
        return next((one for one in self.people if identity in one.identities), None)

    def keys(self, person: Person) -> frozenset[str]:
        """Under which keys the policy knows the person: one at most, unless identities were moved just now."""
        return frozenset(one.key for identity in person.identities if (one := self.known(identity)) is not None)

    def may(self, right: Right, repository: Repository | None) -> tuple[str, ...]:
        """Names of the people who have the right there."""
        if not self.roles:
            return ("the users of this machine",)
        roles = [one for one in self.roles if right in one.may and _on(one, repository)]
        if any(EVERY in one.people for one in roles):
            return ("everybody",)
        return tuple(known.name for known in self.people if any(_fit(self, one, {known.key}) for one in roles))

    def confirmation(self, repository: Repository) -> Confirmation:
        """What a merge there needs besides the right to it; a second person where both are asked for."""
        if _asks_more(self.merging.second_person, repository):
            return Confirmation.SECOND
        return Confirmation.TYPED if _asks_more(self.merging.typed, repository) else Confirmation.PRESS

    def holders(self, right: Right, repository: Repository | None) -> tuple[Known, ...]:
        """The people who have the right there by a role that names them."""
        roles = [one for one in self.roles if right in one.may and _on(one, repository) and EVERY not in one.people]
        return tuple(known for known in self.people if any(_fit(self, one, {known.key}) for one in roles))

    def explain(self, person: Person, act: Act, repository: Repository | None) -> Explanation:
        """The decision, with every role that was looked at. Without a repository it is about Honk itself."""
        address = "" if repository is None else canonical(repository.url) or repository.url
        if not self.roles:
            looked, decision = _without_roles(person, act)
        else:
            keys = self.keys(person)
            looked = [self._looked(number, role, keys, act, repository) for number, role in enumerate(self.roles)]
            decision = self._decided(person, act, repository, looked)
        return Explanation(
            decision=Decision(allowed=decision.allowed, reason=decision.reason, version=self.version),
            person=person.name,
            act=act,
            repository=address,
            looked_at=tuple(looked),
        )

    def _looked(self, number: int, role: Role, keys: frozenset[str], act: Act, repository: Repository | None) -> Looked:
        right = NEEDS[act]
        if not _fit(self, role, keys):
            grants, because = False, "it is for others"
        elif not _on(role, repository):
            grants, because = False, "it is for other repositories"
        elif right not in role.may:
            grants, because = False, f"it does not grant {right}"
        else:
            grants, because = True, f"it grants {right}"
        return Looked(rule=f"roles[{number}]: {role}", grants=grants, because=because)

    def _decided(self, person: Person, act: Act, repository: Repository | None, looked: list[Looked]) -> Decision:
        granting = next((one for one in looked if one.grants), None)
        if granting is not None:
            return Decision(allowed=True, reason=granting.rule)
        right = NEEDS[act]
        place = "Honk itself" if repository is None else f"on {canonical(repository.url) or repository.url}"
        able = ", ".join(self.may(right, repository)[:5]) or "nobody"
        reason = f"{person.name} may not {act} {place}: no role grants {right} (it is granted to {able})"
        return Decision(allowed=False, reason=reason)


def _fit(rules: Rules, role: Role, keys: frozenset[str] | set[str]) -> bool:
    if EVERY in role.people:
        return True
    teams = [rules.teams.get(one[1:], frozenset()) for one in role.people if one.startswith("@")]
    return any(key in role.people or any(key in team for team in teams) for key in keys)


def _on(role: Role, repository: Repository | None) -> bool:
    if repository is None:
        return EVERY in role.repositories
    address = canonical(repository.url)
    return any(fits(pattern, address) for pattern in role.repositories)


def _asks_more(patterns: tuple[str, ...], repository: Repository) -> bool:
    """What restricts must not be avoided by another spelling: letter case does not count, and in doubt it fits."""
    address = canonical(repository.url)
    return any(address is None or fits(pattern.lower(), address.lower()) for pattern in patterns)


def _without_roles(person: Person, act: Act) -> tuple[list[Looked], Decision]:
    """A file without roles: this machine's users may do everything, and nobody else anything."""
    local = person.identity(IdentityKind.LOCAL) is not None
    rule = "without [[roles]] the users of this machine may do everything, and nobody else anything"
    because = "the person is a user of this machine" if local else "the person is no user of this machine"
    said = rule if local else f"{person.name} is not known on this machine, and may not {act}: {rule}"
    return [Looked(rule=rule, grants=local, because=because)], Decision(allowed=local, reason=said)
