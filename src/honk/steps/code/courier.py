"""message → agent at work: at its next step, or at once where the sender wants that.

The mailbox is the truth. A message is handed, said to the agent under a name of its own, and taken when the
agent has it. What was handed and not taken when the work ends, by itself or by a crash, is looked for in the
agent's memory: found, it is taken; not found, it waits again. What was taken and is forgotten all the same is
said again as the work goes on. So none is lost, and none is heard twice.
"""

import uuid
from functools import partial

import anyio

from honk import prompts
from honk.domain.event import MessageDelivered
from honk.domain.message import Handling, Message, tag
from honk.ports import Attachment, Session
from honk.steps.code.closing import leave
from honk.steps.code.enclosing import enclosed_words, pictures_of
from honk.steps.code.work import Work, events_of

#: Seconds between two looks into the mailbox, unless the store says before that there is something to see.
_EVERY = 5.0
#: Names messages to the agent; any fixed UUID serves.
_MESSAGES = uuid.UUID("0c5d3a52-8f0e-4a5d-9d0e-1b7f6c2e4a77")


async def carry(work: Work, session: Session) -> None:
    """Hands messages to the agent as they come, in their order, until it is cancelled."""
    tasks, task = work.ports.tasks, work.task.id
    async with anyio.create_task_group() as group:
        while True:
            waiting = {one.message.id: one.handling for one in await tasks.waiting(task)}
            for message in await tasks.hand_messages(task, work.turn.number) if waiting else ():
                spoken = await _spoken(work, message)
                now = waiting.get(message.id) is Handling.INTERRUPT
                group.start_soon(partial(_give, work, session, message, spoken, now=now))
            await tasks.news(task, _EVERY)


async def _spoken(work: Work, message: Message) -> tuple[str, tuple[Attachment, ...]]:
    """A message as the agent hears it at its work: words and pictures."""
    words = prompts.render("steer", words=message.text, tag=tag(name_of(work, message)))
    enclosed = await enclosed_words(work, (message,))
    return (f"{words}\n{enclosed}" if enclosed else words), await pictures_of(work, message)


async def _give(
    work: Work, session: Session, message: Message, spoken: tuple[str, tuple[Attachment, ...]], *, now: bool
) -> None:
    id = name_of(work, message)
    words, images = spoken
    work.unheard += 1
    leave(work)  # it would hear of it only when its files are verified
    try:
        heard = await session.steer(words, images, id=id, now=now)
    finally:
        work.unheard -= 1
    if heard:
        await work.ports.tasks.deliver(work.task.id, work.turn.number, message.id)


async def reconcile(work: Work, session: Session) -> None:
    """What is on its way to nobody: before the agent is at work, and when it has ended."""
    tasks, task = work.ports.tasks, work.task.id
    lost = {name_of(work, one.message): one.message.id for one in await tasks.waiting(task) if one.handed}
    if not lost:
        return
    heard = await session.heard(tuple(lost))
    for name, id in lost.items():
        if name in heard:
            await tasks.deliver(task, work.turn.number, id)
        else:
            await tasks.take_back(task, id)


async def forgotten(work: Work, session: Session) -> tuple[str, tuple[Attachment, ...]]:
    """What the agent had heard in this turn and does not know any more, in words and pictures.

    A crash may come between its receipt and the moment at which it writes its memory to disk.
    """
    ids = {event.data.message for event in await events_of(work) if isinstance(event.data, MessageDelivered)}
    if not ids:
        return "", ()
    said = await work.ports.tasks.said(work.task.id, work.turn.number)
    told = {name_of(work, one): one for one in said if one.id in ids}
    known = await session.heard(tuple(told))
    again = {name: one for name, one in told.items() if name not in known}
    spoken = [await _spoken(work, one) for one in again.values()]
    return "\n".join(words for words, _ in spoken), tuple(image for _, images in spoken for image in images)


def name_of(work: Work, message: Message) -> str:
    """The UUID under which the agent hears of the message, the same after a crash."""
    return str(uuid.uuid5(_MESSAGES, f"{work.task.id} {message.id}"))
