"""The work ends, or is done again."""

from honk.app.steering import Steering
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import LANDING, State, Task
from honk.domain.turn import Outcome
from honk.errors import NotNow
from honk.steps.settle import Ending, settle


class Stopping(Steering):
    """Stop and retry."""

    async def retry(self, person: Person, task: Task) -> Task:
        """Goes on where a crash cut it off, or sends the agent to work on the same words again."""
        await self.allow(person, Act.STEER, task)
        if await self.resume(task) or await self.next_turn(task):
            return task
        if task.state in {State.PROPOSED, State.MERGED, State.DEPLOYED}:
            raise NotNow(f"task {task.id} is {task.state}: there is nothing to retry", f"honk reply {task.id} …")
        last = await self.ports.tasks.turn(task.id, task.turn)
        await self.reply(person, task, last.message.text, images=last.message.images)
        return await self.ports.tasks.get(task.id)

    async def stop(self, person: Person, task: Task, *, working: bool) -> Task:
        """Asks the work to stop. `working` is False when no process works on it, so that it rests at once."""
        await self.allow(person, Act.STOP, task)
        task = await self.ports.tasks.get(task.id)
        last = await self.ports.tasks.turn(task.id, task.turn)
        if task.state in LANDING or last.outcome is not None:
            raise NotNow(f"task {task.id} is {task.state}: no turn is at work")
        await self.ports.tasks.ask_stop(task.id, person.id)
        if working:
            return task
        for workflow in await self.journal.unfinished():
            if workflow.split("/")[1] == task.id:
                await self.journal.cancel(workflow)
        stopped = Ending(outcome=Outcome.STOPPED, state=State.STOPPED, reason="stopped by a person")
        await settle(task, last, stopped, ports=self.ports)
        return await self.ports.tasks.get(task.id)
