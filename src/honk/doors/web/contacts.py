"""Who can be asked and told about a task: those who took part in it, and those whom the policy names."""

from collections.abc import Sequence
from dataclasses import replace

from honk.domain.event import Event
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.service import Local

#: people that a page offers
_MOST = 100


async def contacts(service: Local, task: Task, log: Sequence[Event]) -> list[tuple[PersonId, str]]:
    """Those of them who may say something to the task, by name; the visitor among them."""
    ports = service.app.ports
    ids = {event.actor for event in log if event.actor} | {task.requested_by, task.told, service.person.id}
    found: dict[PersonId, Person] = {id: await ports.tasks.get_person(id) for id in ids}
    for known in await ports.policy.holders(Act.STEER, task.repository):
        for identity in known.identities[:3]:
            if (person := await ports.tasks.person_of(identity)) is not None:
                found[person.id] = replace(person, name=known.name)
                break
    may = [one for one in found.values() if (await ports.policy.ask(one, Act.STEER, task.repository, task)).allowed]
    return sorted(((one.id, one.name) for one in may), key=lambda one: one[1].casefold())[:_MOST]
