"""Whom a message names: the requester, and, where somebody else must act, a few of those who may."""

from dataclasses import replace

from honk.domain.person import IdentityKind
from honk.domain.policy import Act
from honk.domain.task import Task
from honk.domain.thread import Thread
from honk.doors.slack.backstage import Backstage
from honk.doors.slack.people import identity
from honk.ports import Ports
from honk.views import Card

#: Besides the requester, so many are named at most.
_OTHERS = 3


async def must_act(card: Card, thread: Thread, stage: Backstage) -> tuple[str, ...]:
    """Users of Slack for what somebody has to merge: whom the thread is for, or others too."""
    ports, task = stage.ports, card.task
    told = await ports.tasks.get_person(task.told)
    who = await stage.linking.who(identity(thread.asked_by), told.name)
    may = (await ports.policy.ask(who.person, Act.MERGE, task.repository, task)).allowed
    if may and who.linked:
        return (thread.asked_by,)
    others = [one for one in await _those_who_may(card, stage, ports) if one != thread.asked_by]
    return (thread.asked_by, *dict.fromkeys(others[:_OTHERS]))


async def addressed(task: Task, thread: Thread, stage: Backstage) -> Thread:
    """The thread as one of the task's contact, where another person than asked for it was named and is in Slack."""
    if task.told == task.requested_by:
        return thread
    person = await stage.ports.tasks.get_person(task.told)
    linked = [one.identity for one in await stage.chats.links.all() if one.person == person.id]
    users = [one.value for one in (*linked, *person.identities) if one.kind is IdentityKind.SLACK]
    return replace(thread, asked_by=users[0]) if users else thread


async def _those_who_may(card: Card, stage: Backstage, ports: Ports) -> list[str]:
    """By the policy's own list of people, and by links."""
    repository = card.task.repository
    holders = await ports.policy.holders(Act.MERGE, repository)
    found = [each.value for one in holders for each in one.identities if each.kind is IdentityKind.SLACK]
    for link in await stage.chats.links.all():
        person = await ports.tasks.get_person(link.person)
        decision = await ports.policy.ask(person, Act.MERGE, repository, card.task)
        if link.identity.kind is IdentityKind.SLACK and decision.allowed:
            found.append(link.identity.value)
    return found
