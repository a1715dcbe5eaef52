"""`/tasks/<id>/pull-request`: what is proposed, what was proven, what was not, and the difference by risk."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.domain.event import DeploymentFinished, DeploymentWatched, Event, MergeDone, MergeRefused
from honk.domain.task import BUSY, Task
from honk.domain.verdict import Answer, Verdict
from honk.doors.web import changed_files
from honk.doors.web.changed_files import Changes, Place
from honk.doors.web.possible import possible
from honk.doors.web.rendering import page
from honk.errors import HonkError, NotNow, Unknown
from honk.service import Local
from honk.views import next_steps, sentence

_SINCE = re.compile(r"turn-(\d{1,6})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """About which line the visitor asks."""

    #: as addresses name the file, and as the question does
    id: str
    path: str
    line: int
    #: whether it is a line as it was before
    old: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Glance:
    """A verdict in one line."""

    #: verifiers that passed, and how many did not
    passed: tuple[str, ...]
    failed: tuple[str, ...]
    unsure: tuple[str, ...]


async def pull_request(request: Request, service: Local, found: Task) -> Response:
    """The page; it stays at its address before there is a pull request, and after it was merged."""
    card = await service.card(found.id)
    comments = await service.app.ports.records.comments(found.id)
    log = await service.events(found.id, limit=100_000)
    landed = [
        (event, sentence(event))
        for event in log
        if isinstance(event.data, MergeDone | MergeRefused | DeploymentFinished | DeploymentWatched)
    ]
    turn = changed_files.latest_turn(log)
    place, changes, trouble = None, None, ""
    if card.pull_request:
        place, changes, trouble = await _difference(request, service, found, log)
    question = await asked(request, service, place) if place else None
    return page(
        request,
        "pull_request.html",
        visit=request.state,
        card=card,
        task=found,
        verdict=card.verdict,
        glance=glance(card.verdict) if card.verdict else None,
        outdated=_outdated(
            card.verdict.commit if card.verdict else "", card.pull_request.head if card.pull_request else ""
        ),
        logs={one.digest: one for one in await service.artifacts(found.id)},
        comments=comments,
        landed=landed,
        place=place,
        changes=changes,
        trouble=trouble,
        turn=turn,
        earlier=changed_files.turn_before(log, turn) is not None,
        question=question,
        busy=found.state in BUSY,
        steps=next_steps(card),
        can=await possible(service, card, log),
    )


def glance(verdict: Verdict) -> Glance:
    """What every verifier that counts said, sorted by its answer."""

    def named(answer: Answer) -> tuple[str, ...]:
        return tuple(one.verifier for one in verdict.findings if one.counts and one.answer is answer)

    return Glance(passed=named(Answer.PASS), failed=named(Answer.FAIL), unsure=named(Answer.UNSURE))


async def placed(request: Request, service: Local, task: Task, log: Sequence[Event]) -> Place:
    """Which difference the address is about: `?since=turn-2` is what that turn and later ones changed.

    Raises NotNow where there is nothing before that turn.
    """
    base, head = await service.ends(task)
    asks = Scope.STEER in service.scopes | getattr(request.state, "may", frozenset())
    match = _SINCE.fullmatch(request.query_params.get("since", ""))
    if match is None:
        return Place(task=task, old=base, head=head, asks=asks)
    number = int(match[1])
    before = changed_files.turn_before(log, number)
    if before is None:
        raise NotNow(f"no turn before turn {number} changed anything: there is nothing to compare it with")
    return Place(task=task, old=before, head=head, since=number, asks=asks)


async def asked(request: Request, service: Local, place: Place) -> Question | None:
    """The line that the address asks about; None where it names none that can be."""
    line, id = request.query_params.get("line", ""), request.query_params.get("file", "")
    if not place.asks or not re.fullmatch(r"[1-9][0-9]{0,8}", line) or not line.isascii():
        return None
    try:
        found = await changed_files.find(service.app.ports.repositories, place, id)
    except HonkError:
        return None
    if found is None:
        return None
    old = request.query_params.get("side") == "old"
    one = found[0]
    path = (one.before if old else one.change.path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return Question(id=id, path=path, line=int(line), old=old)


def _outdated(verified: str, head: str) -> bool:
    """Whether the verdict is not on what the pull request proposes."""
    return bool(verified and head) and verified != head


async def _difference(
    request: Request, service: Local, task: Task, log: Sequence[Event]
) -> tuple[Place | None, Changes | None, str]:
    given = request.query_params.get("from", "0")
    if not re.fullmatch(r"[0-9]{1,6}", given) or not given.isascii():
        raise Unknown(f"there is no file number {given}")
    place = None
    try:
        place = await placed(request, service, task, log)
        base = (await service.ends(task))[0]
        before = changed_files.turn_before(log, changed_files.latest_turn(log))
        found = await changed_files.changes(
            service.app.ports.repositories,
            place,
            before=before,
            whole=base if place.since else None,
            start=int(given),
        )
        return place, found, ""
    except HonkError as error:
        return place, None, error.message
