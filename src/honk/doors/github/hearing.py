"""Comments, issues and labels: which are for Honk, and what they mean where they stand.

For Honk is what names it, an answer in a review thread in which it spoke, and the requester's answer while a question
or a plan of its waits. Everything else is people talking to each other, and is left alone.
"""

import re
from dataclasses import replace

from honk.domain.discussion import Author, Hint, HintKind, Issue, Labelled, Remark
from honk.domain.message import Handling, MessageId
from honk.domain.repository import Repository
from honk.domain.task import LANDING, State, Task, TaskId
from honk.domain.thread import Delivery, Thread
from honk.doors.github.asking import Asked, Asking
from honk.doors.github.commands import Commands, Typed
from honk.doors.github.context import Context, about
from honk.doors.github.heard import Heard
from honk.doors.github.inside import Inside
from honk.doors.github.names import issue_message, remark_message, review_delivery, unpacked
from honk.doors.github.saying import Spot
from honk.doors.github.words import Command, command_of, mentions, shown, without_mention
from honk.errors import HonkError, NotNow, Unknown
from honk.service import Reply
from honk.service.wishes import wishes


class Hearing:
    """Reads what a hint points at, and does what it says, once."""

    def __init__(self, inside: Inside, asking: Asking, commands: Commands) -> None:
        backstage, discussions = inside.stage, inside.discussions
        self._stage = backstage
        self._discussions = discussions
        self._places = inside.places
        self._people = inside.people
        self._saying = inside.saying
        self._keep = inside.keep
        self._asking = asking
        self._commands = commands
        self._context = Context(backstage, discussions)
        self._heard = Heard(backstage.chats.preferences)
        #: what was found to be for Honk, by delivery, until it is done: where it can be said that it was given up
        self.addressed: dict[str, Spot] = {}

    async def names(self) -> tuple[str, ...]:
        """By which Honk is called: the app's own, and the chosen one."""
        return (await self._discussions.me()).login.removesuffix("[bot]"), self._stage.choices.name

    # ── remarks ────────────────────────────────────────────────────────────────────────────────
    async def remark(self, delivery: Delivery) -> None:
        """A comment, or a remark on a line, as it is now."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        remark = await self._discussions.remark(repository, hint.id)
        if remark is None:
            await self._taken_back(remark_message(hint.id))
            return
        if remark.author.own:
            return
        message, words = remark_message(remark.id), shown(remark.text)
        if (before := await self._heard.before(message, words)) is not None:
            if not before.same and before.task:
                await self._edited(repository, remark, message, before.task)
            return
        issue = await self._discussions.issue(repository, remark.number)
        if issue is None:
            return
        task = await self._places.proposed(repository, issue)
        thread = await self._places.talked(repository, remark.number)
        if not await self._is_for_honk(repository, remark, task, thread):
            return
        spot = Spot(repository=repository, number=issue.number, anchor=remark.id, login=remark.author.login)
        self.addressed[delivery.id] = spot
        if task is None and thread is not None:
            task = await self._stage.ports.tasks.get(thread.task)
        await self._settle(spot, remark, issue, task)
        self.addressed.pop(delivery.id, None)

    async def _is_for_honk(
        self, repository: Repository, remark: Remark, task: Task | None, thread: Thread | None
    ) -> bool:
        if remark.review and not remark.answers and task is not None:
            # it is part of a review of Honk's work, which is heard as a whole, whether or not that was hinted at
            whole = Hint(
                kind=HintKind.REVIEW,
                repository=await self._places.name(repository),
                number=remark.number,
                id=remark.review,
            )
            await self._keep(whole, review_delivery(remark.review))
            return False
        if mentions(remark.text, await self.names()):
            return True
        if remark.author.bot:
            return False
        if remark.answers:
            return await self._spoke_there(repository, remark) and await self._people.may(repository, remark.author)
        if thread is None or thread.asked_by.lower() != remark.author.login.lower():
            return False
        return (await self._stage.ports.tasks.get(thread.task)).state is State.WAITING

    async def _spoke_there(self, repository: Repository, remark: Remark) -> bool:
        """Whether the thread has words of Honk's before this remark."""
        said = await self._discussions.remarks(repository, remark.number)
        there = [one for one in said if remark.answers in {one.id, one.answers} and one.at <= remark.at]
        return any(one.author.own for one in there)

    async def _settle(self, spot: Spot, remark: Remark, issue: Issue, task: Task | None) -> None:
        """A command, a reply or a request."""
        message, said = remark_message(remark.id), shown(remark.text)
        words = without_mention(remark.text, await self.names())
        await self._saying.seen(spot)
        found: TaskId | str = ""
        try:
            if (command := command_of(words)) is not None and not self._is_an_answer(command, task):
                typed = Typed(id=message, command=command, repository=spot.repository, issue=issue, by=remark.author)
                answer = await self._commands.run(typed, task)
                if answer:
                    await self._saying.answer(spot, answer)
            elif task is not None and task.state not in LANDING - {State.MERGING, State.DEPLOYING}:
                found = await self._reply(spot, remark, issue, task, words)
            else:
                found = await self._ask(spot, remark, issue, message, words)
        except HonkError as error:
            await self._saying.refuse(spot, error)
        await self._heard.note(message, said, found)

    def _is_an_answer(self, command: Command, task: Task | None) -> bool:
        """Whether the word is rather for the agent: "go" is a command only while a plan waits, which reply knows."""
        return command.verb == "go" and task is not None and task.state is State.WAITING

    async def _ask(self, spot: Spot, remark: Remark, issue: Issue, message: str, words: str) -> TaskId:
        caller = await self._people.caller(spot.repository, remark.author)
        asked = Asked(
            id=message,
            repository=spot.repository,
            issue=issue,
            by=remark.author,
            words=words,
            anchor=remark.id,
            about=about(remark),
        )
        task = await self._asking.ask(asked, caller)
        await self._context.given(task.id, issue.number, remark)
        return task.id

    async def _reply(self, spot: Spot, remark: Remark, issue: Issue, task: Task, words: str) -> TaskId:
        caller = await self._people.caller(spot.repository, remark.author)
        said = await self._context.since(spot.repository, task.id, issue.number, but=remark)
        wished = wishes(words, reply=True)
        reply = Reply(
            text=_plainly(words, interrupts=wished.interrupt) or "See what was said in the conversation.",
            context="\n\n".join(part for part in (said, about(remark)) if part),
            handling=Handling.INTERRUPT if wished.interrupt else Handling.STEER,
        )
        await caller.service.reply(task.id, reply, id=remark_message(remark.id))
        await self._context.given(task.id, issue.number, remark)
        return task.id

    # ── edited and deleted ─────────────────────────────────────────────────────────────────────
    async def _edited(self, repository: Repository, remark: Remark, message: str, task: TaskId) -> None:
        """New words count while the old ones wait; afterwards a new comment says what should be different."""
        words = without_mention(remark.text, await self.names())
        try:
            caller = await self._people.caller(repository, remark.author)
            if words and await self._waits(task, message):
                await caller.service.edit(task, message, words)
        except (NotNow, Unknown):
            pass  # the agent has had it meanwhile
        except HonkError as error:
            spot = Spot(repository=repository, number=remark.number, anchor=remark.id, login=remark.author.login)
            await self._saying.refuse(spot, error)
        await self._heard.note(message, shown(remark.text), task)

    async def _taken_back(self, message: str) -> None:
        """A comment that is gone is not worked on where it still waits; whoever could delete it could say so."""
        before = await self._heard.before(message, "")
        if before is None or not before.task or not await self._waits(before.task, message):
            return
        waiting = await self._stage.ports.tasks.waiting(before.task)
        by = next(one.message.by for one in waiting if one.message.id == message)
        person = await self._stage.ports.tasks.get_person(by)
        try:
            await self._stage.service(person).withdraw(before.task, message)
        except (NotNow, Unknown):
            return

    async def _waits(self, task: TaskId, message: str) -> bool:
        waiting = await self._stage.ports.tasks.waiting(task)
        return any(one.message.id == MessageId(message) and not one.handed for one in waiting)

    # ── issues ─────────────────────────────────────────────────────────────────────────────────
    async def issue(self, delivery: Delivery) -> None:
        """One that was opened or edited, and names Honk in its title or text."""
        hint = unpacked(delivery.body)
        repository = await self._places.repository(hint.repository)
        issue = await self._discussions.issue(repository, hint.number)
        if issue is None or issue.author.own or not issue.open:
            return
        words = f"{issue.title}\n\n{issue.text}"
        if not mentions(words, await self.names()) or await self._places.proposed(repository, issue) is not None:
            return
        await self._of_issue(delivery, repository, issue, issue_message(repository, issue.number), issue.author)

    async def labelled(self, delivery: Delivery) -> None:
        """The label that asks, or an assignment to Honk: it asks in the name of whoever did it last."""
        hint = unpacked(delivery.body)
        if not await self._asks(hint.id):
            return
        repository = await self._places.repository(hint.repository)
        issue = await self._discussions.issue(repository, hint.number)
        if issue is None or not issue.open or await self._places.proposed(repository, issue) is not None:
            return
        occasion = await self._occasion(repository, issue)
        if occasion is not None and not occasion.by.own:
            message = issue_message(repository, issue.number, occasion.id)
            await self._of_issue(delivery, repository, issue, message, occasion.by)

    async def _asks(self, what: str) -> bool:
        label, me = self._stage.choices.label.lower(), (await self._discussions.me()).login.lower()
        return bool(what) and what.lower() in {label, me, me.removesuffix("[bot]")}

    async def _occasion(self, repository: Repository, issue: Issue) -> Labelled | None:
        """The latest, where the label or the assignment is still there."""
        there = {one.lower() for one in (*issue.labels, *issue.assignees)}
        found = [
            one
            for one in await self._discussions.labelled(repository, issue.number)
            if one.what.lower() in there and await self._asks(one.what)
        ]
        return found[-1] if found else None

    async def _of_issue(
        self, delivery: Delivery, repository: Repository, issue: Issue, message: str, by: Author
    ) -> None:
        """The issue itself says what is wanted: once, however often it is said to be wanted while it is worked on."""
        if await self._heard.before(message, "") is not None:
            return
        thread = await self._places.talked(repository, issue.number)
        if thread is not None and await self._at_work(thread):
            return
        spot = Spot(repository=repository, number=issue.number, anchor=f"issue/{issue.number}", login=by.login)
        self.addressed[delivery.id] = spot
        await self._saying.seen(spot)
        found: TaskId | str = ""
        try:
            caller = await self._people.caller(repository, by)
            names = await self.names()
            plain = replace(issue, title=without_mention(issue.title, names), text=without_mention(issue.text, names))
            asked = Asked(id=message, repository=repository, issue=plain, by=by, words="", anchor=spot.anchor)
            found = (await self._asking.ask(asked, caller)).id
        except HonkError as error:
            await self._saying.refuse(spot, error)
        await self._heard.note(message, "", found)
        self.addressed.pop(delivery.id, None)

    async def _at_work(self, thread: Thread) -> bool:
        """Whether a task of the place is still under way, or rests with something to decide."""
        task = await self._stage.ports.tasks.get(thread.task)
        return task.state not in LANDING | {State.STOPPED, State.FAILED}


def _plainly(words: str, *, interrupts: bool) -> str:
    """Without the "now:" that is said to Honk rather than to its agent."""
    return re.sub(r"^now\s*[:!,]\s*", "", words, flags=re.IGNORECASE) if interrupts else words
