"""A version goes on to the next environment: by a person's press, or by itself where the repository says so."""

import json

from honk.app.turns import Turns
from honk.domain.codec import dump
from honk.domain.deploy_line import HELD, Place
from honk.domain.event import DeploymentPromoted, TaskNoted
from honk.domain.landing import Landing
from honk.domain.person import Person, PersonId
from honk.domain.policy import Act
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.domain.text import one_line
from honk.errors import HonkError, NotNow
from honk.steps.deploy import Promotion, promotion
from honk.steps.prepare import chosen_base


class Promoting(Turns):
    """Promote."""

    async def promote(self, person: Person, task: Task, *, to: str = "", id: str = "", now: bool = False) -> str:
        """Takes what is live and healthy of the task to the next environment; returns the act's id.

        `to` is the environment that the person saw as the next; "" is whichever is. The same `id` again has no effect:
        it names one press. Two presses about the same version are one. `now`: although a window or a freeze has it
        closed, and before others. Raises NotAllowed, or NotNow where nothing may go on.
        """
        await self.allow(person, Act.PROMOTE, task)
        return await self._press_promotion(person, task, to=to, id=id, now=now)

    async def promote_by_itself(self, person: Person, task: Task, deployment: str) -> None:
        """As if the person who had it deployed there had pressed the button; a refusal is told to whoever follows."""
        key = f"healthy-{deployment}"
        try:
            await self.promote(person, task, id=key)
        except HonkError as error:
            remedy = f" ({error.remedy})" if error.remedy else ""
            note = TaskNoted(text=f"not promoted by itself: {one_line(error.message)}{remedy}")
            await self.ports.events.record(task.id, task.turn, note, actor=person.id, key=f"unpromoted/{key}")

    async def _press_promotion(self, person: Person, task: Task, *, to: str, id: str, now: bool) -> str:
        pressed = [one for one in await self.ports.events.read(task.id) if isinstance(one.data, DeploymentPromoted)]
        for event in pressed:
            if id and isinstance(event.data, DeploymentPromoted) and event.data.press == id:
                return await self._start(task, event.data, event.actor or person.id)  # delivered again
        task = await self.ports.tasks.get(task.id)
        if task.state is State.DEPLOYING and (going := await self._on_its_way(task, to)):
            return going
        if task.state is not State.DEPLOYED:
            raise NotNow(f"task {task.id} is {task.state}: nothing of it is at rest and live", f"honk show {task.id}")
        base = await chosen_base(task, ports=self.ports)
        found = await promotion(task, base.commit, ports=self.ports)
        target = found.target.environment
        if to and to != target:
            raise NotNow(f"{to[:64]} is not next: from {found.before.environment} it goes to {target}")
        act = await self._promotion_name(task, found, now=now)
        told = DeploymentPromoted(
            environment=target,
            came_from=found.before.environment,
            deployment=found.source.id,
            commit=found.source.commit,
            act=act,
            press=id,
        )
        await self.ports.events.record(task.id, task.turn, told, actor=person.id, key=f"promoted/{act}/{id}")
        return await self._start(task, told, person.id)

    async def _start(self, task: Task, told: DeploymentPromoted, by: PersonId) -> str:
        """At work or done: no effect."""
        landing = Landing(
            by=by,
            head=Sha(told.commit),
            method=MergeMethod.MERGE,
            act=told.act,
            now=told.act.endswith("-now"),
            environment=told.environment,
            source=told.deployment,
        )
        payload = json.dumps({"task": task.id, "landing": dump(Landing, landing)})
        await self.journal.start("land", f"land/{task.id}/{told.act}", payload)
        return told.act

    async def _promotion_name(self, task: Task, found: Promotion, *, now: bool) -> str:
        """The same for presses about the same version that meet; another once an earlier try has ended."""
        waits = await self._waits_to_go_on(task)
        unfinished = await self.journal.unfinished()
        number = 0
        while True:
            act = f"promote-{found.source.id}-{number}" + ("-now" if now else "")
            name = f"land/{task.id}/{act}"
            if waits is not None and not now:
                return waits.landing.press
            if name in unfinished or not await self.journal.finished(name):
                return act
            number += 1

    async def _on_its_way(self, task: Task, to: str) -> str:
        """The press that is being carried out, where it is a promotion to there."""
        places = [one for one in await self.ports.deploys.places() if one.task == task.id]
        ours = (one for one in places if one.landing.environment and to in {"", one.environment})
        return next((one.landing.press for one in ours), "")

    async def _waits_to_go_on(self, task: Task) -> Place | None:
        places = [one for one in await self.ports.deploys.places() if one.task == task.id and one.stand in HELD]
        return next((one for one in places if one.landing.environment), None)

    async def deploy_now(self, person: Person, task: Task, *, id: str = "") -> str | None:
        """A promotion that waits begins at once, in spite of what it waits for; None where none waits."""
        place = await self._waits_to_go_on(task)
        if place is None:
            return None
        return await self._press_promotion(person, task, to=place.environment, id=id, now=True)
