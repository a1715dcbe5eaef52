"""What waits for a person's word although somebody else asked for it."""

from honk.app import App
from honk.domain.person import Person
from honk.domain.policy import Act, Confirmation
from honk.domain.task import State, Task
from honk.steps.merge import lacks_second

#: proposed tasks among which is looked; the newest
_LATEST = 200


async def to_approve(app: App, person: Person, *, limit: int = 20) -> tuple[Task, ...]:
    """Others' tasks, newest first, that cannot be merged before a second person approved them, and this one may.

    The question is one for showing the right thing, not an act: nothing of it is in the audit log.
    """
    ports, found = app.ports, list[Task]()
    for task in await ports.tasks.list(states=frozenset({State.PROPOSED}), limit=_LATEST):
        if len(found) == limit:
            break
        if await ports.policy.confirmation(task.repository) is not Confirmation.SECOND:
            continue
        asker = await ports.tasks.get_person(task.requested_by)
        if asker.id == person.id or not (await ports.policy.ask(person, Act.APPROVE, task.repository, task)).allowed:
            continue
        pull_request = await ports.records.pull_request(task.id)
        if pull_request and await lacks_second(task, asker, pull_request.head, ports=ports) is not None:
            found.append(task)
    return tuple(found)
