"""task at rest → what it left is deleted: the agent's transcript, and artifacts that nobody else needs.

The event log, the pull request and the audit log stay; an event says what went, when and why.
"""

from collections.abc import Mapping

from honk.domain.event import RecordsDeleted
from honk.domain.person import PersonId
from honk.domain.task import Task, TaskId
from honk.ports import Ports

TRANSCRIPT, ARTIFACTS = "transcript", "artifacts"


async def forget_transcript(task: Task, reason: str, *, by: PersonId | None = None, ports: Ports) -> bool:
    """Deletes the agent's home and the workspace; what was handed back stays in the mirror. False: there was none."""
    if not (ports.home / "tasks" / task.id).exists():
        return False
    await ports.workspaces.discard(task.id)
    await _tell(task, TRANSCRIPT, reason, by, ports)
    return True


async def forget_artifacts(
    tasks: Mapping[TaskId, Task], reason: str, *, by: PersonId | None = None, ports: Ports
) -> int:
    """Deletes the builds, logs, pictures and files of these tasks; returns the bytes freed.

    What another task's records name too stays, and so does what is live or would be after an undo.
    """
    in_use = await ports.records.in_use()
    freed: dict[TaskId, int] = {}
    for digest, owners in (await ports.records.named()).items():
        if digest in in_use or not owners <= tasks.keys():
            continue
        if size := await ports.artifacts.delete(digest):
            for owner in owners:
                freed[owner] = freed.get(owner, 0) + size
                size = 0
    for owner in sorted(freed):
        await _tell(tasks[owner], ARTIFACTS, reason, by, ports)
    return sum(freed.values())


async def _tell(task: Task, what: str, reason: str, by: PersonId | None, ports: Ports) -> None:
    now = await ports.tasks.get(task.id)
    await ports.events.record(task.id, now.turn, RecordsDeleted(what=(what,), reason=reason), actor=by)
