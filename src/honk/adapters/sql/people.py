"""People and their identities in the database, joined as the policy says who is who.

A person whom no policy names has one identity: the one under which a door saw them. One whom it names has those
that are listed; whoever was known by one of these alone before is joined to them, and the acts of the past stay
somebody's. An identity that the policy takes away from a person belongs to somebody new from then on.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from honk.adapters.sql.schema import identities, people
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.domain.rules import Known, Rules
from honk.errors import Defect

#: The policy's people as they are now.
WhoIsWho = Callable[[], Rules]

_Row = sa.Row[Any]


def read_person(connection: sa.Connection, id: PersonId, rules: Rules) -> Person:
    """The person with this id, or to whom that one was joined. Raises Defect for an unknown one."""
    row = _row(connection, id)
    stored = _identities(connection, row.id)
    mine = tuple(identity for identity in stored if _still_of(row, identity, stored, rules))
    return Person(id=PersonId(row.id), name=row.name, identities=mine)


def everyone_who_is(connection: sa.Connection, id: PersonId) -> tuple[PersonId, ...]:
    """The person's id, and those of whoever was joined to them."""
    now = _row(connection, id).id
    joined = connection.execute(sa.select(people.c.id).where(people.c.joined_to == now)).scalars()
    return (PersonId(now), *map(PersonId, joined))


def seek_person(connection: sa.Connection, identity: Identity, rules: Rules) -> Person | None:
    """The person with this identity, as far as a door has seen them."""
    id = connection.execute(sa.select(identities.c.person).where(_is(identity))).scalar()
    return None if id is None else read_person(connection, PersonId(id), rules)


def find_person(connection: sa.Connection, identity: Identity, name: str, rules: Rules, new_id: PersonId) -> Person:
    """The person with this identity, as the policy has it; made under the new id when unknown."""
    known = rules.known(identity)
    if known is not None:
        return _as_known(connection, known, rules, new_id)
    holder = _holder(connection, identity)
    if holder is not None:
        found = read_person(connection, PersonId(holder.id), rules)
        if found.identities == (identity,):
            return found
    _insert(connection, new_id, name)
    _give(connection, identity, new_id, known=holder is not None)
    return read_person(connection, new_id, rules)


def _as_known(connection: sa.Connection, known: Known, rules: Rules, new_id: PersonId) -> Person:
    """The one person who has exactly the identities that the policy lists."""
    wanted = set(known.identities)
    holders = {holder.id: holder for one in known.identities if (holder := _holder(connection, one)) is not None}
    keyed = connection.execute(sa.select(people).where(people.c.key == known.key)).first()
    same = [PersonId(keyed.id)] if keyed is not None else []
    for id, holder in holders.items():
        # Somebody else of the policy, or somebody with further names, is not joined: only the identity is taken.
        other = holder.key is not None and holder.key in {one.key for one in rules.people}
        if id not in same and not other and wanted.issuperset(_identities(connection, id)):
            same.append(PersonId(id))
    if not same:
        same = [new_id]
        _insert(connection, new_id, known.name)
    id, *joined = same
    _settle(connection, id, known, joined)
    return read_person(connection, id, rules)


def _settle(connection: sa.Connection, id: PersonId, known: Known, joined: list[PersonId]) -> None:
    """Makes the rows as the policy says; as they should be already: no effect."""
    row, held = _row(connection, id), set(_identities(connection, id))
    for other in joined:
        either = sa.or_(people.c.id == other, people.c.joined_to == other)
        connection.execute(people.update().where(either).values(joined_to=id, key=None))
    if (row.name, row.key) != (known.name, known.key):
        connection.execute(people.update().where(people.c.id == id).values(name=known.name, key=known.key))
    for identity in set(known.identities) - held:
        _give(connection, identity, id, known=_holder(connection, identity) is not None)
    for identity in held - set(known.identities):
        connection.execute(identities.delete().where(_is(identity)))


def _still_of(row: _Row, identity: Identity, stored: tuple[Identity, ...], rules: Rules) -> bool:
    """Whether the policy leaves the identity to the person by whom it is stored."""
    known = rules.known(identity)
    if row.key is not None and any(one.key == row.key for one in rules.people):
        return known is not None and known.key == row.key
    return len(stored) == 1 or (known is not None and all(rules.known(one) == known for one in stored))


def _row(connection: sa.Connection, id: str) -> _Row:
    row = connection.execute(sa.select(people).where(people.c.id == id)).first()
    if row is None:
        raise Defect(f"there is no person {id}")
    return row if row.joined_to is None else _row(connection, row.joined_to)


def _is(identity: Identity) -> sa.ColumnElement[bool]:
    return sa.and_(identities.c.kind == identity.kind, identities.c.value == identity.value)


def _holder(connection: sa.Connection, identity: Identity) -> _Row | None:
    """Who has the identity; its row is locked, so that nobody gives it away meanwhile."""
    with_it = connection.execute(sa.select(identities.c.person).where(_is(identity)).with_for_update()).scalar()
    return connection.execute(sa.select(people).where(people.c.id == with_it)).first()


def _identities(connection: sa.Connection, person: str) -> tuple[Identity, ...]:
    rows = connection.execute(
        sa.select(identities).where(identities.c.person == person).order_by(identities.c.kind, identities.c.value)
    )
    return tuple(Identity(kind=IdentityKind(row.kind), value=row.value) for row in rows)


def _insert(connection: sa.Connection, id: PersonId, name: str) -> None:
    connection.execute(people.insert().values(id=id, name=name))


def _give(connection: sa.Connection, identity: Identity, to: PersonId, *, known: bool) -> None:
    """Never changes a row that was not there when it was looked for: then the insert fails, and all is done again."""
    if known:
        connection.execute(identities.update().where(_is(identity)).values(person=to))
    else:
        connection.execute(identities.insert().values(kind=identity.kind, value=identity.value, person=to))
