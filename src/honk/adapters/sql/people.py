"""People and their identities in the database."""

import sqlalchemy as sa

from honk.adapters.sql.schema import identities, people
from honk.domain.person import Identity, IdentityKind, Person, PersonId
from honk.errors import Defect


def read_person(connection: sa.Connection, id: PersonId) -> Person:
    """The person with this id. Raises Defect for an unknown one."""
    name = connection.execute(sa.select(people.c.name).where(people.c.id == id)).scalar()
    if name is None:
        raise Defect(f"there is no person {id}")
    known = connection.execute(
        sa.select(identities).where(identities.c.person == id).order_by(identities.c.kind, identities.c.value)
    )
    return Person(
        id=id,
        name=name,
        identities=tuple(Identity(kind=IdentityKind(row.kind), value=row.value) for row in known),
    )


def find_person(connection: sa.Connection, identity: Identity, name: str, new_id: PersonId) -> Person:
    """The person with this identity; made under the new id and name when unknown."""
    known = connection.execute(
        sa.select(identities.c.person).where(identities.c.kind == identity.kind, identities.c.value == identity.value)
    ).scalar()
    if known is not None:
        return read_person(connection, PersonId(known))
    connection.execute(people.insert().values(id=new_id, name=name))
    connection.execute(identities.insert().values(kind=identity.kind, value=identity.value, person=new_id))
    return Person(id=new_id, name=name, identities=(identity,))
