"""What a task left is deleted because a person wants it."""

from honk.app.turns import Turns
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import BUSY, Task
from honk.errors import NotNow
from honk.steps.forget import forget_artifacts, forget_transcript


class Forgetting(Turns):
    """Forget."""

    async def forget(self, person: Person, task: Task) -> int:
        """Deletes transcript, workspace and artifacts; returns the bytes of artifacts. At work: raises NotNow.

        Events, pull request and audit log stay, and what is live in production does.
        """
        await self.allow(person, Act.ADMINISTER, task)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        if task.state in BUSY or last.outcome is None:
            raise NotNow(f"task {task.id} is {task.state}: somebody is at work on it", f"honk stop {task.id}")
        reason = f"asked for by {person.name}"
        await forget_transcript(task, reason, by=person.id, ports=self.ports)
        return await forget_artifacts({task.id: task}, reason, by=person.id, ports=self.ports)
