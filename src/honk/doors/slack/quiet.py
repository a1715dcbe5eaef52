"""Quiet hours: what can wait until morning is said in the morning. The card is right all the time."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone

from honk.domain.event import Event
from honk.domain.person import PersonId
from honk.domain.thread import Thread
from honk.doors.slack.api import Api
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.people import identity
from honk.errors import HonkError, Usage

_FORM = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–]\s*([01]?\d|2[0-3]):([0-5]\d)")
#: Whoever asked, and has said or pressed something within this time, is not asleep.
_AWAKE = timedelta(minutes=30)


def hours_of(text: str) -> tuple[int, int] | None:
    """Beginning and end in minutes after midnight; None for no quiet hours. Raises Usage."""
    if not text.strip() or text.strip().lower() in {"off", "none"}:
        return None
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise Usage(f"{text[:40]!r} are no quiet hours", "such as 20:00-08:00, or off")
    first, second, third, fourth = map(int, match.groups())
    return first * 60 + second, third * 60 + fourth


def seconds_left(text: str, now: datetime, east: int) -> float:
    """Seconds until the quiet hours are over, for somebody that many seconds east of Greenwich; 0 outside of them."""
    hours = hours_of(text)
    if hours is None or hours[0] == hours[1]:
        return 0.0
    local = now.astimezone(timezone(timedelta(seconds=east)))
    minute = local.hour * 60 + local.minute + local.second / 60
    begin, end = hours
    inside = begin <= minute < end if begin < end else minute >= begin or minute < end
    return ((end - minute) % (24 * 60)) * 60 if inside else 0.0


async def held_back(thread: Thread, log: Sequence[Event], api: Api, stage: Backstage) -> float:
    """Seconds for which nothing new is said in the place; 0 for nothing to wait for."""
    own = (await stage.chats.preferences.read(f"{DOOR}/{thread.place.team}/{thread.asked_by}")).get("quiet_hours", "")
    wanted = own or stage.choices.quiet_hours
    if not wanted:
        return 0.0
    now = stage.ports.clock()
    lately = {event.actor for event in log if event.actor is not None and now - event.at < _AWAKE}
    if lately and lately & await _requesters(thread, stage):
        return 0.0
    try:
        east = (await api.user(thread.asked_by)).tz_offset
    except HonkError:
        east = 0
    try:
        return seconds_left(wanted, now, east)
    except Usage:
        return 0.0


async def _requesters(thread: Thread, stage: Backstage) -> set[PersonId]:
    """Whoever asked: the person that the user was then, and the one that the user is linked with now."""
    link = await stage.chats.links.of(identity(thread.asked_by))
    return {(await stage.ports.tasks.get(thread.task)).requested_by, *([link.person] if link else [])}
