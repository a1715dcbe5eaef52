"""Somebody asks for something in an issue, a pull request or a review: from the words to a task with a place.

The task is named after the remark or the issue with which it was asked, so however often that is heard, it is one.
"""

from dataclasses import dataclass, replace

import structlog

from honk.domain.discussion import Author, Issue
from honk.domain.event import TaskNoted
from honk.domain.repository import Repository
from honk.domain.task import Task
from honk.domain.text import shortened, visible
from honk.domain.thread import Thread
from honk.doors.github.backstage import Backstage
from honk.doors.github.context import Context
from honk.doors.github.names import place_of
from honk.doors.github.people import Caller, Need, People
from honk.doors.github.telling import Telling
from honk.doors.github.words import shown, wants_push
from honk.errors import NotNow
from honk.service import LimitsWanted, NewTask
from honk.service.wishes import Wishes, wishes

_log = structlog.get_logger()

#: characters of an issue's text that are part of what is asked
_LONG = 200_000
_TITLE = 150
_NO_QUOTES = str.maketrans("“”", '""')


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request."""

    #: the door's own id of it, which makes it one task
    id: str
    repository: Repository
    issue: Issue
    by: Author
    #: the words, without the mention; "" where the issue itself says what is wanted
    words: str
    #: with which it was asked: a remark's id, or "issue/12"
    anchor: str
    #: what goes before the conversation: the lines that a remark is about
    about: str = ""


class Asking:
    """Makes tasks of requests."""

    def __init__(self, backstage: Backstage, people: People, context: Context, telling: Telling) -> None:
        self._stage = backstage
        self._people = people
        self._context = context
        self._telling = telling

    async def ask(self, asked: Asked, caller: Caller) -> Task:
        """The task. Raises NotNow, KeptOut, and what submitting raises."""
        wished = await self._wished(asked)
        if wished.merge:
            await self._people.demand(asked.repository, asked.by, Need.LAND)
        base = wished.base or self._base(asked)
        context = await self._context.whole(asked.repository, asked.issue, but=asked.anchor)
        wanted = NewTask(
            repository=asked.repository.url,
            instruction=wished.instruction,
            base=base,
            model=wished.model,
            agent=wished.agent or "claude",
            plan=wished.plan,
            build=wished.build if wished.build is not None else True,
            merge=bool(wished.merge),
            limits=LimitsWanted(usd=wished.limit_usd, seconds=wished.limit_seconds),
            asked_at=asked.issue.url,
            context="\n\n".join(part for part in (context, asked.about) if part),
        )
        task = (await caller.service.submit(wanted, id=asked.id)).task
        await self._note(task, wished, asked, base)
        await self._stage.chats.threads.add(
            Thread(
                task=task.id,
                place=place_of(asked.repository, asked.issue.number),
                asked_by=asked.by.login,
                message=asked.anchor,
            )
        )
        self._telling.added()
        return task

    async def _wished(self, asked: Asked) -> Wishes:
        """What is wanted, and how."""
        rest = wants_push(asked.words) if asked.issue.pull_request else None
        said = wishes(asked.words) if rest is None else self._pushed(asked, wishes(rest))
        if said.instruction.strip():
            return said
        return await self._as_the_issue_says(asked, said)

    def _pushed(self, asked: Asked, said: Wishes) -> Wishes:
        """Onto a person's branch goes what was proven, by merging the pull request that is proposed against it."""
        branch = self._base(asked)
        if branch is None or said.base not in {None, branch}:
            raise NotNow(
                "I push onto the branch of an open pull request of a person's, and nowhere else",
                "ask without that, and I propose the change",
            )
        understood = f"goes onto {shortened(branch, 80)} by itself once it is proven"
        return replace(said, base=branch, merge=True, understood=(understood, *said.understood))

    async def _as_the_issue_says(self, asked: Asked, said: Wishes) -> Wishes:
        """Title and text where whoever wrote them may ask; words of others only name the task, and are context."""
        issue, kind = asked.issue, "pull request" if asked.issue.pull_request else "issue"
        own = issue.author.login.lower() == asked.by.login.lower()
        if not own and not await self._people.may(asked.repository, issue.author):
            title = shortened(visible(issue.title), _TITLE).translate(_NO_QUOTES)
            return replace(said, instruction=f"Do what this {kind} asks for: “{title}”")
        wished = wishes(shown(issue.text)[:_LONG]) if said == Wishes() else said
        text = wished.instruction if said == Wishes() else shown(issue.text)[:_LONG]
        return replace(wished, instruction="\n\n".join(part for part in (issue.title.strip(), text) if part))

    def _base(self, asked: Asked) -> str | None:
        """On a person's own pull request the change is proposed against its branch."""
        issue = asked.issue
        if not issue.pull_request or not issue.open:
            return None
        if issue.foreign:
            raise NotNow(
                "the branch of this pull request lies in a fork, against which I cannot propose anything",
                "ask in an issue, or in a pull request of a branch in this repository",
            )
        return None if issue.branch.startswith("honk/") else issue.branch

    async def _note(self, task: Task, wished: Wishes, asked: Asked, base: str | None) -> None:
        """What was understood, on the card: people see at once when it was something else."""
        understood = list(wished.understood)
        if base and not wished.base:
            understood.insert(0, f"proposed against {shortened(base, 80)}, the branch of #{asked.issue.number}")
        if understood:
            await self._stage.ports.events.record(task.id, 1, TaskNoted(text=" · ".join(understood)), key="understood")
