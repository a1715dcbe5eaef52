"""What a person does on the pages: each act is a form, asked of the policy at the moment of the act, and acts once.

    POST /tasks/<id>/reply, …/answer, …/go, …/stop, …/retry, …/edit, …/withdraw, …/contact, …/update, …/revert
    POST /tasks/<id>/merge, …/approve, …/undo     after the page of the same name has said what comes of it

A form carries the browser's nonce, and `once`, which was made with the page: sent again (a second tap, a reload, a
retry after a tunnel), it has no second effect. The answer leads back to a page, so that going back and loading
again repeat nothing; what is refused shows the same page, with the reason and with what was typed.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import anyio
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.access import Scope
from honk.domain.event import QuestionAsked
from honk.domain.message import Handling
from honk.domain.person import PersonId
from honk.domain.task import Task
from honk.domain.text import visible
from honk.doors.web.contacts import contacts
from honk.doors.web.forms import Form, form_of, sent_from_here
from honk.doors.web.possible import must_have
from honk.doors.web.rendering import HEADERS, problem
from honk.doors.web.signing_in import Sessions
from honk.errors import HonkError, LimitReached, NeedsHuman, NotAllowed, NotNow, Retryable, TooLarge, Unknown, Usage
from honk.service import Approval, Go, Local, Reply, Review, once
from honk.service.promoting import Ended, PromotionWanted

#: Does it, as the request of that id, and says where to go afterwards.
Does = Callable[[Local, Form, str], Awaitable[str]]
#: The page on which it was filled in.
Shows = Callable[[], Awaitable[Response]]
#: The first class that fits decides.
_STATUS: tuple[tuple[type[HonkError], int], ...] = (
    (TooLarge, 413),
    (Unknown, 404),
    (NotNow, 409),
    (Usage, 400),
    (NotAllowed, 403),
    (LimitReached, 429),
    (NeedsHuman, 422),
    (Retryable, 503),
)
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_LINE = re.compile(r"[1-9][0-9]{0,6}")
#: longer than a path in a repository
_PATH = 500
#: below a task's own page
_WITHIN = re.compile(
    r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?:\?[A-Za-z0-9._~=&%+-]*)?(?:#[A-Za-z0-9._~:-]*)?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Why something was not done, and what was typed."""

    reason: str
    remedy: str = ""
    typed: Form = field(default_factory=Form)
    status: int = 400


NOT_REFUSED = Refused(reason="")


@dataclass(frozen=True, kw_only=True)
class Verb:
    """One act on a task."""

    does: Callable[[Local, Task, Form, str], Awaitable[str]]
    #: what the visit's token must be for
    scope: Scope


@dataclass(frozen=True, kw_only=True)
class Acting:
    """Takes forms."""

    sessions: Sessions
    #: whether the server has been told to end
    closing: Callable[[], bool]
    #: requests at work, by their ids: the second tap waits for the first
    _at_work: WeakValueDictionary[str, anyio.Lock] = field(default_factory=WeakValueDictionary)

    async def on_task(self, request: Request, service: Local, found: Task, verb: str, shows: Shows) -> Response:
        """One of VERBS on that task."""
        chosen = VERBS[verb]

        async def does(service: Local, form: Form, id: str) -> str:
            return await chosen.does(service, found, form, id)

        return await self.act(request, service, f"{verb}/{found.id}", chosen.scope, does, shows)

    async def act(
        self, request: Request, service: Local, what: str, scope: Scope, does: Does, shows: Shows
    ) -> Response:
        """Does it where it may be done, and shows the form again with the reason where it may not."""
        try:
            sent_from_here(request, service)
        except NotAllowed as error:
            return problem(request, 403, "Not from here", error.message, error.remedy)
        if self.closing():
            return problem(request, 503, "Not now", "This server ends; it takes no new work.", "Try in a few seconds.")
        try:
            async with form_of(request) as form:
                try:
                    if not self.sessions.knows(request, form["nonce"]):
                        raise NotAllowed("this form was not filled in here, or has expired", "please send it again")
                    must_have(service, scope)
                    to = await self._once(service, what, form, does)
                except HonkError as error:
                    return await _again(request, error, form, shows)
        except Usage as error:
            return await _again(request, error, Form(), shows)
        return RedirectResponse(to, status_code=303, headers=HEADERS)

    async def _once(self, service: Local, what: str, form: Form, does: Does) -> str:
        key = f"{what}/{await form.digest()}"
        id = once.request_id("web", service.person.id, key, form.once)
        records = service.app.ports.records
        lock = self._at_work.setdefault(id, anyio.Lock())
        async with lock:
            if (to := await records.cached(f"page/{id}")) is not None:
                return to
            to = await does(service, form, id)
            await records.cache(f"page/{id}", to)
            return to


async def _again(request: Request, error: HonkError, form: Form, shows: Shows) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    request.state.refused = Refused(reason=error.message, remedy=error.remedy, typed=form, status=status)
    answer = await shows()
    answer.status_code = status
    return answer


# ── the acts ───────────────────────────────────────────────────────────────────────────────────
async def _reply(service: Local, task: Task, form: Form, id: str) -> str:
    # An answer to "are these words empty" must come before what belongs to them is stored.
    if not form["text"].strip():
        raise Usage("there are no words in it", "say in a sentence what should be different")
    try:
        handling = Handling(form["handling"] or Handling.STEER)
    except ValueError:
        raise Usage("words are heard now, or at the next step", "choose one of the two") from None
    text = about(form) + form["text"].strip()
    along = await form.enclosures(service)
    said = Reply(text=text, images=along.images, files=along.files, handling=handling)
    await service.reply(task.id, said, id=id)
    return _back(task, form)


def about(form: Form) -> str:
    """What a reply is about, in front of its words; "" for the whole. Raises Usage."""
    file, line = form["file"].strip(), form["line"].strip()
    if not file and not line:
        return ""
    if not file or len(file) > _PATH or "\n" in file or '"' in file or visible(file) != file:
        raise Usage("a reply about a line names its file", "name it by its path in the repository")
    if line and not _LINE.fullmatch(line):
        raise Usage(f"{line[:20]!r} is no number of a line", "count from 1")
    return f'On "{file}", line {line}:\n\n' if line else f'On "{file}":\n\n'


async def _answer(service: Local, task: Task, form: Form, id: str) -> str:
    """One of the answers that the agent proposed, to the question that it stood below."""
    seq, choice = _number(form["seq"]), _number(form["choice"])
    events = await service.events(task.id, after=seq - 1, limit=1)
    asked = events[0].data if events else None
    if not isinstance(asked, QuestionAsked) or not 1 <= choice <= len(asked.choices):
        raise NotNow("this question is not there any more", "look at the page as it is now")
    if task.turn != events[0].turn:
        raise NotNow("this question was answered already", "say something new below")
    await service.reply(task.id, Reply(text=asked.choices[choice - 1]), id=id)
    return _back(task, form)


async def _go(service: Local, task: Task, form: Form, id: str) -> str:
    if not form["plan"]:
        raise Usage("this form does not say which plan it is about", "load the page again")
    await service.approve_plan(task.id, Go(plan=form["plan"]), id=id)
    return _back(task, form)


async def _stop(service: Local, task: Task, form: Form, _: str) -> str:
    _same_turn(task, form)
    await service.stop(task.id)
    return _back(task, form)


async def _retry(service: Local, task: Task, form: Form, id: str) -> str:
    _same_turn(task, form)
    await service.retry(task.id, id=id)
    return _back(task, form)


async def _withdraw(service: Local, task: Task, form: Form, _: str) -> str:
    if not form["message"]:
        raise Usage("this form does not say which message it is about", "load the page again")
    await service.withdraw(task.id, form["message"])
    return _back(task, form)


async def _edit(service: Local, task: Task, form: Form, _: str) -> str:
    """Words of one's own, while they wait; what was typed comes back where the agent was faster."""
    if not form["message"]:
        raise Usage("this form does not say which message it is about", "load the page again")
    if not form["text"].strip():
        raise Usage("there are no words in it", "take the message back instead")
    taken = NotNow("the agent has this message already", "your new words stand below: send them as another one")
    waiting = [one.message for one in await service.messages(task.id) if one.message.id == form["message"]]
    if not waiting:
        raise taken
    if waiting[0].by != service.person.id:
        raise NotAllowed("these are another person's words", "say something of your own below")
    try:
        await service.edit(task.id, form["message"], form["text"].strip())
    except (NotNow, Unknown) as error:
        raise taken from error
    return _back(task, form)


async def _contact(service: Local, task: Task, form: Form, _: str) -> str:
    if not form["person"]:
        raise Usage("nobody was chosen", "choose who is asked and told about the task")
    known = {id for id, _ in await contacts(service, task, await service.events(task.id))}
    if form["person"] not in known:
        raise Usage("this person is nobody's contact here", "load the page again, and choose one of those shown")
    await service.app.name_contact(service.person, task, PersonId(form["person"]))
    return _back(task, form)


async def _update(service: Local, task: Task, form: Form, id: str) -> str:
    await service.update(task.id, id=id)
    return _back(task, form)


async def _revert(service: Local, task: Task, _: Form, id: str) -> str:
    accepted = await service.revert(task.id, id=id)
    return f"/tasks/{accepted.task.id}"


async def _merge(service: Local, task: Task, form: Form, id: str) -> str:
    accepts, now = form["accept"] == "yes", form["now"] == "yes"
    approval = Approval(head=_head(form), typed=form["typed"], accept_unsure=accepts, now=now)
    if not approval.accept_unsure and (await service.merging(task.id)).needs_accept:
        raise NotNow("not everything was proven, and that was not accepted", "accept it, or ask for what is missing")
    await service.merge(task.id, approval, id=id)
    return _back(task, form)


async def _approve(service: Local, task: Task, form: Form, _: str) -> str:
    await service.approve(task.id, Review(head=_head(form), text=form["text"]))
    return _back(task, form)


async def _promote(service: Local, task: Task, form: Form, id: str) -> str:
    """Exactly the version that the page showed, to where it said."""
    if not form["environment"]:
        raise Usage("this form does not say where it goes", "load the page again")
    seen = await service.promoting(task.id)
    if seen.commit and seen.commit != _head(form):
        raise NotNow("another version is live by now", "look at the page as it is now")
    await service.promote(task.id, PromotionWanted(environment=form["environment"], now=form["now"] == "yes"), id=id)
    return _back(task, form)


async def _deployed(service: Local, task: Task, form: Form, _: str) -> str:
    """A person's word for how a deployment by webhook ended."""
    if form["live"] not in {"yes", "no"}:
        raise Usage("this form does not say how it ended", "load the page again")
    await service.deployed(task.id, Ended(live=form["live"] == "yes"))
    return _back(task, form)


async def _undo(service: Local, task: Task, form: Form, id: str) -> str:
    await service.undo(task.id, id=id)
    return _back(task, form)


VERBS: dict[str, Verb] = {
    "reply": Verb(does=_reply, scope=Scope.STEER),
    "answer": Verb(does=_answer, scope=Scope.STEER),
    "go": Verb(does=_go, scope=Scope.STEER),
    "stop": Verb(does=_stop, scope=Scope.STEER),
    "retry": Verb(does=_retry, scope=Scope.STEER),
    "edit": Verb(does=_edit, scope=Scope.STEER),
    "withdraw": Verb(does=_withdraw, scope=Scope.STEER),
    "contact": Verb(does=_contact, scope=Scope.STEER),
    "update": Verb(does=_update, scope=Scope.STEER),
    "revert": Verb(does=_revert, scope=Scope.ASK),
    "merge": Verb(does=_merge, scope=Scope.MERGE),
    "approve": Verb(does=_approve, scope=Scope.MERGE),
    "promote": Verb(does=_promote, scope=Scope.DEPLOY),
    "deployed": Verb(does=_deployed, scope=Scope.DEPLOY),
    "undo": Verb(does=_undo, scope=Scope.DEPLOY),
}


def _same_turn(task: Task, form: Form) -> None:
    """A press may come late: what is at work then is another turn than the person saw."""
    if form["turn"] != str(task.turn):
        raise NotNow("this was about an earlier turn", "look at the page as it is now")


def _head(form: Form) -> str:
    """The commit that the person saw; nobody presses about whatever the head is by then."""
    if not _COMMIT.fullmatch(form["head"]):
        raise Usage("this form does not say which commit it is about", "load the page again")
    return form["head"]


def _number(text: str) -> int:
    if not _LINE.fullmatch(text):
        raise Usage("this form is not complete", "load the page again")
    return int(text)


def _back(task: Task, form: Form) -> str:
    """Where the form came from, if it says so and that is one of the task's own pages; else the task's page."""
    own, to = f"/tasks/{task.id}", form["to"]
    return to if to.startswith(own) and _WITHIN.fullmatch(to.removeprefix(own)) else own
