"""What a person looks for among tasks: `repo:music state:proposed by:ada crash`, or plain words."""

import re
from dataclasses import dataclass
from datetime import datetime

from honk.domain.person import PersonId
from honk.domain.task import BUSY, State

#: characters of a search that count; what follows is cut off
LONGEST = 300
#: conditions that count; further ones are left out
_MOST = 20
#: Names for several states at once; none is also the name of one.
GROUPS: dict[str, frozenset[State]] = {
    "busy": BUSY,
    "open": frozenset({State.PROPOSED, State.DRAFT, State.WAITING}),
    "landed": frozenset({State.MERGED, State.DEPLOYED}),
    "ended": frozenset({State.STOPPED, State.FAILED}),
}
#: a condition, or a word; quotes keep spaces, and what is not closed goes to the end
_PART = re.compile(r'(?:(repo|state|by):)?(?:"([^"]*)"?|([^\s"]+))', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Search:
    """A search, read. Several conditions of one kind: any of them may fit; of several kinds: all must."""

    #: every one of them must be in the instruction, the title or the id
    words: tuple[str, ...] = ()
    #: parts of names or addresses
    repositories: tuple[str, ...] = ()
    states: frozenset[State] = frozenset()
    #: "me", keys of [people], identities, or parts of names
    people: tuple[str, ...] = ()
    #: names of states that are none
    strange: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether it says anything."""
        return bool(self.words or self.repositories or self.states or self.people or self.strange)


def read(text: str) -> Search:
    """Never raises: a name that is no condition's, such as `TypeError:`, is a word like others."""
    words: list[str] = []
    found: dict[str, list[str]] = {"repo": [], "state": [], "by": []}
    for kind, quoted, plain in list(_PART.findall(text[:LONGEST]))[:_MOST]:
        value = (quoted or plain).strip()
        if value:
            (found[kind.lower()] if kind else words).append(value)
    states, strange = set[State](), list[str]()
    for name in (one.strip().lower() for value in found["state"] for one in value.split(",")):
        if name in GROUPS:
            states |= GROUPS[name]
        elif name in set(State):
            states.add(State(name))
        elif name:
            strange.append(name)
    return Search(
        words=tuple(words),
        repositories=tuple(found["repo"]),
        states=frozenset(states),
        people=tuple(found["by"]),
        strange=tuple(strange),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """Which tasks, for the store: everything that is set must fit. None: whichever."""

    words: tuple[str, ...] = ()
    #: keys of repositories
    repositories: frozenset[str] | None = None
    states: frozenset[State] | None = None
    #: whoever was joined to one of them counts too
    people: frozenset[PersonId] | None = None
    #: who is asked and told about them
    contacts: frozenset[PersonId] | None = None
    #: only those of which something was heard since
    since: datetime | None = None
    #: and one of these fits; empty: no such condition
    either: "tuple[Wanted, ...]" = ()
