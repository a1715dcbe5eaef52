"""Words for a task that has begun."""

import uuid

from honk.app.asking import checked
from honk.app.turns import Turns
from honk.domain.event import MessageReceived
from honk.domain.message import Image, Message, MessageId
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.domain.turn import Turn


class Steering(Turns):
    """Reply."""

    async def reply(
        self, person: Person, task: Task, text: str, *, images: tuple[Image, ...] = (), id: str = ""
    ) -> Turn | None:
        """The next turn of the same task; None when it is queued behind the turn at work.

        Messages become turns in the order in which they came.
        """
        await self.allow(person, Act.STEER, task)
        now = self.ports.clock()
        message = Message(id=MessageId(id or uuid.uuid4().hex), by=person.id, text=checked(text), at=now, images=images)
        await self.still_open(task)
        await self.ports.tasks.queue_message(task.id, message)
        begun = await self.next_turn(task)
        if begun is not None and begun.message.id == message.id:
            return begun
        after = await self.still_open(task)
        if begun is not None:
            queued = MessageReceived(message=message.id, text=message.text, handling="queued")
            await self.ports.events.record(task.id, after.turn, queued, actor=person.id, key=f"message/{message.id}")
        return None
