"""postings → devices and mail. What was not taken is tried again; a device that is gone is forgotten."""

import uuid
from datetime import timedelta

import anyio
import structlog

from honk.domain.event import Event
from honk.domain.notice import MAIL, Notice, Posting
from honk.domain.person import IdentityKind, Person
from honk.domain.task import Task
from honk.doors.notices.backstage import Backstage
from honk.doors.notices.choosing import by_mail, shows, wants
from honk.doors.notices.payloads import letter_of, payload_of, topic_of
from honk.doors.notices.telling import STALE, before
from honk.errors import HonkError
from honk.ports import Outcome, Sent
from honk.service.noticing import wish_of
from honk.views.notices import notice_of, still_so

_log = structlog.get_logger()

#: for how long what is being sent is nobody else's to send: longer than sending takes
_HELD = timedelta(minutes=3)
_AT_ONCE = 8
_TRIES = 10
#: seconds before the second try, and at most between two
_FIRST, _LONGEST = 20.0, 3600.0
_NOTHING = Sent(outcome=Outcome.SENT)


class Sending:
    """Sends what is on its way."""

    def __init__(self, stage: Backstage) -> None:
        self._stage = stage
        self._holder = uuid.uuid4().hex

    async def send(self) -> bool:
        """Sends what is due, some at once; whether there may be more."""
        until = self._stage.ports.clock() + _HELD
        found = await self._stage.outbox.take(self._holder, until, _AT_ONCE)
        async with anyio.create_task_group() as group:
            for posting in found:
                group.start_soon(self._one, posting)
        return bool(found)

    async def _one(self, posting: Posting) -> None:
        try:
            sent = await self._sent(posting)
        except HonkError as error:
            sent = Sent(outcome=Outcome.LATER, detail=error.message)
        except Exception:  # noqa: BLE001 - the boundary of a door: one notice must not end the sending of all others
            _log.exception("a notice was not sent", task=posting.task)
            sent = Sent(outcome=Outcome.LATER, detail="a defect of Honk")
        if sent.outcome is Outcome.LATER and posting.tries + 1 < _TRIES:
            wait = max(min(_FIRST * 2.0**posting.tries, _LONGEST), sent.after)
            _log.info("a notice is sent later", task=posting.task, reason=sent.detail, seconds=wait)
            await self._stage.outbox.put_off(posting, self._stage.ports.clock() + timedelta(seconds=wait))
            return
        if sent.outcome is not Outcome.SENT:
            _log.warning("a notice was not sent", task=posting.task, target=posting.target, reason=sent.detail)
        await self._stage.outbox.done(posting)

    async def _sent(self, posting: Posting) -> Sent:
        """It, if it is still worth saying."""
        stage = self._stage
        task = await stage.ports.tasks.get(posting.task)
        event = await self._event(posting)
        notice = None if event is None else notice_of(event, await before(event, stage), task)
        if event is None or notice is None or not self._fresh(event, task):
            return _NOTHING
        person = await stage.ports.tasks.get_person(posting.person)
        if not wants(await wish_of(stage.chats.preferences, person.id), notice):
            return _NOTHING
        if posting.target == MAIL:
            return await self._by_mail(notice, person)
        return await self._to_device(notice, person, posting)

    def _fresh(self, event: Event, task: Task) -> bool:
        return self._stage.ports.clock() - event.at <= STALE and still_so(event, task)

    async def _event(self, posting: Posting) -> Event | None:
        found = await self._stage.ports.events.read(posting.task, posting.seq - 1, 1)
        return found[0] if found and found[0].seq == posting.seq else None

    async def _by_mail(self, notice: Notice, person: Person) -> Sent:
        stage, to = self._stage, person.identity(IdentityKind.MAIL)
        if not by_mail(person, await wish_of(stage.chats.preferences, person.id), stage, reached=False):
            return _NOTHING
        assert stage.mail is not None and to is not None
        letter = letter_of(notice, person, to, stage.ports, stage.sign)
        if letter is None:
            return Sent(outcome=Outcome.LATER, detail="no server says where its pages are")
        return await stage.mail.send(letter)

    async def _to_device(self, notice: Notice, person: Person, posting: Posting) -> Sent:
        stage = self._stage
        device = await stage.devices.get(posting.target)
        if device is None or (await stage.ports.tasks.get_person(device.person)).id != person.id:
            return _NOTHING
        if not await shows(device, stage):
            sent = Sent(outcome=Outcome.GONE, detail="its visit has ended")
        else:
            payload = payload_of(notice, person, stage.sign)
            sent = await stage.push.send(device, payload, topic=topic_of(notice), urgent=notice.needs)
        if sent.outcome is Outcome.GONE:
            await stage.devices.remove(device.id)
            await self._instead(posting, person)
        return sent

    async def _instead(self, posting: Posting, person: Person) -> None:
        """Where that was the last device, a letter says it."""
        stage = self._stage
        wish = await wish_of(stage.chats.preferences, person.id)
        if by_mail(person, wish, stage, reached=bool(await stage.devices.of(person.id))):
            letter = Posting(task=posting.task, seq=posting.seq, person=person.id, target=MAIL)
            await stage.outbox.put(letter)
