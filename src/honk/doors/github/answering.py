"""After a turn: what was said with it is answered where it was said, with what the agent says that it did.

A remark that the agent said nothing about gets no answer, and so no claim that it was done. A thread is resolved only
when the agent says so and the change shows it.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from honk.domain import event as events
from honk.domain.discussion import Remark
from honk.domain.event import Event
from honk.domain.repository import Repository, Sha
from honk.domain.task import State, Task
from honk.domain.text import plain, visible
from honk.doors.github.backstage import Backstage
from honk.doors.github.names import issue_of, names_of, remark_of, review_of
from honk.doors.github.plain_words import reason_of, sentence
from honk.doors.github.saying import Spot, answer
from honk.doors.github.words import suggestions
from honk.errors import ForgeRefused
from honk.ports import Discussions

_log = structlog.get_logger()

#: "c1: done, …", with whatever marks a model puts around it
_CLAIM = re.compile(r"^[\s*_#>•\-]*`?(c\d{1,3})`?[*_`]*\s*(?:[:\-–—]|\*\*:)\s*[*_]*\s*(.+)$", re.IGNORECASE)
_DONE = re.compile(r"^[*_`\"“]*done\b[*_`\"”]*[\s:,.;\-–—]*", re.IGNORECASE)
#: in which no turn ends
_LANDED = frozenset({State.MERGED, State.DEPLOYED})
#: characters of an answer
_LONG = 8_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Turned:
    """A turn that has ended."""

    number: int
    outcome: str
    reason: str
    #: the agent's last words
    summary: str
    #: the head after it, where it changed something; "" otherwise
    commit: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """What the agent says about one remark."""

    done: bool
    words: str


def turned(event: Event, log: Sequence[Event]) -> Turned | None:
    """The turn that ended with this event; None for a landing that ended, and for everything else.

    The forge's checks end it once more where they let it pass; what they refuse goes on in another turn.
    """
    settled = event.data
    if not isinstance(settled, events.TaskSettled) or settled.state in _LANDED or _landed(event, log):
        return None
    if settled.outcome == "fail" and not _worked(event, log):
        return None
    of_it = [one.data for one in log if one.turn == event.turn and one.seq <= event.seq]
    summaries = [one.summary for one in of_it if isinstance(one, events.AgentFinished)]
    taken = [one for one in of_it if isinstance(one, events.ChangeTaken)]
    heads = [one.head for one in of_it if isinstance(one, events.PullRequestOpened | events.PullRequestUpdated)]
    return Turned(
        number=event.turn,
        outcome=settled.outcome,
        reason=settled.reason,
        summary=summaries[-1] if summaries else "",
        commit=(heads[-1] if heads else taken[-1].commit) if taken else "",
        files=tuple(dict.fromkeys(path for one in taken for path in one.files)),
    )


def _worked(event: Event, log: Sequence[Event]) -> bool:
    """Whether an agent came to its end since something was settled before."""
    for one in reversed([each for each in log if each.seq < event.seq]):
        if isinstance(one.data, events.TaskSettled):
            return False
        if isinstance(one.data, events.AgentFinished):
            return True
    return True


def _landed(event: Event, log: Sequence[Event]) -> bool:
    """Whether it was a merge, a deployment or an undo that ended."""
    landing = (events.MergeDone, events.MergeRefused, events.MergeQueued, events.DeploymentStarted)
    for one in reversed([each for each in log if each.seq < event.seq]):
        if isinstance(one.data, events.TaskSettled):
            return False
        if isinstance(one.data, (*landing, events.DeploymentFinished)):
            return True
    return False


def claims_of(summary: str) -> tuple[Mapping[str, Claim], str]:
    """What is said of each remark, by its name, and the rest of the words."""
    found: dict[str, Claim] = {}
    rest = []
    for line in visible(summary).split("\n"):
        match = _CLAIM.match(line)
        if match is None:
            rest.append(line)
            continue
        words = match[2].strip().rstrip("*_").strip()
        done = _DONE.match(words)
        found[match[1].lower()] = Claim(done=done is not None, words=words[done.end() :] if done else words)
    return found, "\n".join(rest).strip()


class Answering:
    """Answers what a turn worked on."""

    def __init__(self, backstage: Backstage, discussions: Discussions) -> None:
        self._stage = backstage
        self._discussions = discussions

    async def after(self, task: Task, number: int, turn: Turned, log: Sequence[Event]) -> None:
        """`number` is the issue or pull request in which the task is talked about."""
        if turn.outcome in {"question", "stopped"}:
            return
        for message in await self._messages(task, turn, log):
            if (remark := remark_of(message)) is not None:
                await self._remark(task.repository, remark, turn)
            elif (review := review_of(message)) is not None:
                await self._review(task.repository, review, turn)
            elif (issue := issue_of(message)) is not None:
                spot = Spot(repository=task.repository, number=issue, anchor=f"issue/{issue}", login="")
                await self._answer(spot, _whole(turn, _rest(turn)))

    async def _answer(self, spot: Spot, text: str) -> None:
        """What was said there may be gone by now, which is no reason to say nothing anywhere else."""
        try:
            await answer(self._discussions, spot, text)
        except ForgeRefused as error:
            _log.warning("a remark was not answered", anchor=spot.anchor, reason=error.message)

    async def _messages(self, task: Task, turn: Turned, log: Sequence[Event]) -> list[str]:
        """That of the turn, and those that its agent was given at work."""
        begun = (await self._stage.ports.tasks.turn(task.id, turn.number)).message.id
        given = [
            one.data.message for one in log if one.turn == turn.number and isinstance(one.data, events.MessageDelivered)
        ]
        return list(dict.fromkeys([begun, *given]))

    async def _remark(self, repository: Repository, id: str, turn: Turned) -> None:
        remark = await self._discussions.remark(repository, id)
        if remark is not None:
            await self._answer(_spot(repository, remark), _whole(turn, _rest(turn)))

    async def _review(self, repository: Repository, id: str, turn: Turned) -> None:
        """Each remark that the agent says something about; the review itself where there is more to say."""
        kept = await self._stage.chats.preferences.read(names_of(id))
        review = await self._discussions.review(repository, int(kept.get("number", 0)), id)
        if review is None:
            return
        claims, rest = claims_of(turn.summary)
        names = {key: value for key, value in kept.items() if re.fullmatch(r"c\d+", key)}
        silent = [key for key in names if key not in claims]
        for key, claim in claims.items():
            remark = await self._discussions.remark(repository, names[key]) if key in names else None
            if remark is not None:
                await self._claimed(repository, remark, claim, turn)
        if not names or silent or review.text.strip() or _failed(turn):
            spot = Spot(repository=repository, number=review.number, anchor=f"review/{id}", login=review.author.login)
            await self._answer(spot, _whole(turn, rest))

    async def _claimed(self, repository: Repository, remark: Remark, claim: Claim, turn: Turned) -> None:
        done = claim.done and bool(turn.commit)
        words = plain(claim.words).strip()
        said = f"Done in {turn.commit[:12]}: {words}".rstrip(": ") if done else sentence(words or "Not done")
        await self._answer(_spot(repository, remark), said[:_LONG])
        if done and not _failed(turn) and await self._shows(repository, remark, turn):
            await self._discussions.resolve(repository, remark.number, remark.id)

    async def _shows(self, repository: Repository, remark: Remark, turn: Turned) -> bool:
        """Whether the file was changed by the turn, or has what the remark suggests where it suggests it."""
        if remark.path in turn.files:
            return True
        wanted = [one for one in suggestions(remark.text) if one.strip()]
        if not wanted:
            return False
        content = await self._stage.ports.repositories.read(repository, Sha(turn.commit), remark.path)
        return content is not None and all(one.strip() in content.decode(errors="replace") for one in wanted)


def _spot(repository: Repository, remark: Remark) -> Spot:
    return Spot(repository=repository, number=remark.number, anchor=remark.id, login=remark.author.login)


def _rest(turn: Turned) -> str:
    return claims_of(turn.summary)[1]


def _failed(turn: Turned) -> bool:
    return turn.outcome in {"fail", "limit", "error"}


def _whole(turn: Turned, words: str) -> str:
    """What came of the turn, in the agent's words."""
    said, reason = plain(words)[:_LONG].strip(), reason_of(turn.reason) if turn.reason else ""
    if not turn.commit:
        if turn.outcome == "error" or (turn.outcome == "limit" and not said):
            return f"I could not do this. {reason}".strip()
        return said or reason or "I have changed nothing."
    at = turn.commit[:12]
    match turn.outcome:
        case "pass":
            begins = f"Done in {at}"
        case "unsure":
            begins = f"Changed in {at}; not everything about it is proven"
        case "fail":
            begins = f"Changed in {at}, and the gate refused it, so that it is a draft"
        case "limit":
            begins = f"Changed in {at}, and a limit ended the work, so that it is a draft"
        case _:
            begins = f"Changed in {at}, and the work broke off"
    return ": ".join((begins, said)) if said else begins + "."
