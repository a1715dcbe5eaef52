"""Whom a notice is for, and where it reaches them."""

from honk.domain.notice import MAIL, ByMail, Device, Level, Notice, Posting, Wish
from honk.domain.person import IdentityKind, Person
from honk.domain.policy import Act, Confirmation
from honk.domain.rules import Known
from honk.domain.task import Task
from honk.doors.notices.backstage import Backstage
from honk.service.noticing import wish_of

#: Besides the requester, so many are told at most that they may merge or approve.
_OTHERS = 5
#: Where people talk with a task, and are told there.
_CHATS = ("slack", "github")


async def postings_for(notice: Notice, task: Task, stage: Backstage) -> tuple[Posting, ...]:
    """One for each place in which somebody is to be told."""
    found = list[Posting]()
    for person in await _people(notice, task, stage):
        wish = await wish_of(stage.chats.preferences, person.id)
        if wants(wish, notice):
            targets = await _targets(person, wish, task, stage)
            found += [Posting(task=task.id, seq=notice.seq, person=person.id, target=one) for one in targets]
    return tuple(found)


def wants(wish: Wish, notice: Notice) -> bool:
    """Whether the person wants to be told of it."""
    return wish.level is Level.EVERYTHING or (wish.level is Level.NEEDS_ME and notice.needs)


async def shows(device: Device, stage: Backstage) -> bool:
    """Whether the browser may still show what its person may see."""
    if stage.ports.clock() >= device.until:
        return False
    return device.visit in {one.id for one in await stage.visits.of(device.person)}


async def _targets(person: Person, wish: Wish, task: Task, stage: Backstage) -> tuple[str, ...]:
    devices = [one.id for one in await stage.devices.of(person.id) if await shows(one, stage)]
    reached = bool(devices) or await _chat_tells(person, task, stage)
    return (*devices, *((MAIL,) if by_mail(person, wish, stage, reached=reached) else ()))


def by_mail(person: Person, wish: Wish, stage: Backstage, *, reached: bool) -> bool:
    """Whether the person is written to, whom something else reaches or not."""
    if stage.mail is None or person.identity(IdentityKind.MAIL) is None or wish.by_mail is ByMail.NEVER:
        return False
    return wish.by_mail is ByMail.ALWAYS or not reached


async def _chat_tells(person: Person, task: Task, stage: Backstage) -> bool:
    """Whether a chat tells the requester of this task."""
    if (await stage.ports.tasks.get_person(task.requested_by)).id != person.id:
        return False
    for door in _CHATS:
        thread = await stage.chats.threads.of(task.id, door)
        if thread is not None and not thread.broken and not thread.muted:
            return True
    return False


async def _people(notice: Notice, task: Task, stage: Backstage) -> list[Person]:
    """The requester; besides, where something has to be decided that they may not alone, some of those who may."""
    requester = await stage.ports.tasks.get_person(task.requested_by)
    found = {requester.id: requester}
    for known in await _deciders(requester, task, stage) if notice.decides else ():
        person = await _seen(known, stage)
        if person is not None and len(found) <= _OTHERS:
            found.setdefault(person.id, person)
    return list(found.values())


async def _deciders(requester: Person, task: Task, stage: Backstage) -> tuple[Known, ...]:
    policy, repository = stage.ports.policy, task.repository
    if await policy.confirmation(repository) is Confirmation.SECOND:
        return await policy.holders(Act.APPROVE, repository)
    if (await policy.ask(requester, Act.MERGE, repository, task)).allowed:
        return ()
    return await policy.holders(Act.MERGE, repository)


async def _seen(known: Known, stage: Backstage) -> Person | None:
    """Somebody of the policy, where a door has seen them."""
    for identity in known.identities:
        if (person := await stage.ports.tasks.person_of(identity)) is not None:
            return person
    return None
