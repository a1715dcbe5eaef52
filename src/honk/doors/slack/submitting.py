"""Modals that were sent. What is refused is said in the modal itself, so that nothing typed is lost.

Nothing is kept first: whoever sent it still has it before them until it is done, and each act is named after the
modal, so that a second sending has no second effect.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from honk.domain.message import Handling
from honk.domain.task import TaskId
from honk.doors.slack import modals
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api
from honk.doors.slack.asking import Asked, Asking
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.hearing import Hearing
from honk.doors.slack.payloads import Interaction, View
from honk.doors.slack.people import Caller, People, identity
from honk.doors.slack.plain_words import remedy_of, said_of
from honk.errors import HonkError, Usage
from honk.service import Approval, HandOver, Reply, Review
from honk.service.intake import NotKept
from honk.service.promoting import PromotionWanted

_log = structlog.get_logger()

Takes = Callable[[View, Caller, dict[str, str]], Awaitable[None]]
#: What Slack is answered: nothing closes the modal.
Answer = dict[str, Any]


class Submitting:
    """Takes modals."""

    def __init__(self, backstage: Backstage, api: Api, people: People, asking: Asking, hearing: Hearing) -> None:
        self._stage = backstage
        self._api = api
        self._people = people
        self._asking = asking
        self._hearing = hearing
        self._running: set[asyncio.Task[None]] = set()
        self._takes: dict[str, Takes] = {
            "honk:change": self._words,
            "honk:answer": self._words,
            "honk:interrupt": self._words,
            "honk:ask": self._ask,
            "honk:which": self._which,
            "honk:hand-over": self._hand_over,
            "honk:merge": self._merge,
            "honk:approve": self._approve,
            "honk:promote": self._promote,
            "honk:undo": self._undo,
            "honk:code": self._code,
        }

    async def submitted(self, interaction: Interaction) -> Answer:
        """What Slack is answered within its three seconds.

        Raises NotKept where it takes longer: the form stays, the work goes on, and sending it again is the same act.
        """
        view = interaction.view
        if view is None or view.callback_id not in self._takes:
            return {}
        running = asyncio.ensure_future(self._take(view, interaction.user.id))
        self._running.add(running)
        running.add_done_callback(self._over)
        try:
            await asyncio.wait_for(asyncio.shield(running), self._stage.waits.answer)
        except TimeoutError:
            later = asyncio.ensure_future(self._say_late(running, view, interaction.user.id))
            self._running.add(later)
            later.add_done_callback(self._over)
            raise NotKept("a modal") from None
        except Usage as error:
            return _refused(view, error)
        except HonkError as error:
            return {"response_action": "update", "view": modals.problem("Not done", error.message, remedy_of(error))}
        return {}

    def _over(self, running: "asyncio.Task[None]") -> None:
        self._running.discard(running)
        if not running.cancelled() and (error := running.exception()) is not None and not isinstance(error, HonkError):
            _log.error("a modal was not taken", error=repr(error))

    async def _say_late(self, running: "asyncio.Task[None]", view: View, user: str) -> None:
        """What was refused when nobody could be answered any more is said where the task is, or to them alone."""
        try:
            await running
        except HonkError as error:
            words, task = said_of(error), modals.about(view.private_metadata).get("task", "")
            thread = await self._stage.chats.threads.of(TaskId(task), DOOR) if task else None
            channel = thread.place.channel if thread else await self._api.direct(user)
            root = thread.place.root if thread else ""
            await self._api.whisper(channel, user, w.notice(words), [w.text(words[:2900])], thread=root)

    async def _take(self, view: View, user: str) -> None:
        caller = await self._people.caller(user)
        await self._takes[view.callback_id](view, caller, modals.about(view.private_metadata))

    async def _words(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        now = view.callback_id == "honk:interrupt"
        said = Reply(text=view.state.given("words"), handling=Handling.INTERRUPT if now else Handling.STEER)
        await caller.service.reply(_part(about, "task"), said, id=_act(view))

    async def _ask(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        asked = Asked.model_validate_json(view.private_metadata)
        words, repository = view.state.given("words"), view.state.given("repository")
        await self._asking.may_write(asked.channel)
        changed = {
            # of its own name: the same message may be asked about twice, in other words
            "id": f"{asked.id}-{view.id}",
            "text": words,
            "repository": repository,
            "user": caller.user,
            # the message belongs to what is asked, whatever became of its words
            "more": True,
        }
        await self._hearing.keep(asked.model_copy(update=changed))

    async def _which(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        asked = await self._asking.chosen(_part(about, "ask"), view.state.given("repository"))
        if asked.user != caller.user:
            raise Usage("somebody else asked for this", "ask for it yourself")
        await self._hearing.keep_chosen(asked)

    async def _hand_over(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        state = view.state
        wanted = HandOver(agent=state.given("agent"), model=state.given("model") or None, text=state.given("words"))
        await caller.service.hand_over(_part(about, "task"), wanted, id=_act(view))

    async def _merge(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        caller = await self._people.linked(caller.user)
        approval = Approval(
            head=_part(about, "head"),
            typed=view.state.given("typed").strip(),
            accept_unsure="accept" in view.state.chosen("accept"),
        )
        await caller.service.merge(_part(about, "task"), approval, id=_act(view))

    async def _approve(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        caller = await self._people.linked(caller.user)
        await caller.service.approve(
            _part(about, "task"), Review(head=_part(about, "head"), text=view.state.given("words"))
        )

    async def _promote(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        caller = await self._people.linked(caller.user)
        wanted = PromotionWanted(environment=_part(about, "environment"))
        await caller.service.promote(_part(about, "task"), wanted, id=_act(view))

    async def _undo(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        caller = await self._people.linked(caller.user)
        await caller.service.undo(_part(about, "task"), id=_act(view))

    async def _code(self, view: View, caller: Caller, about: dict[str, str]) -> None:
        code = "".join(one for one in view.state.given("code") if one.isdigit())
        person = await self._stage.linking.finish(identity(caller.user), code)
        # sent again, the code was used already: by this very modal, where the person is linked
        if person is None and not (await self._people.caller(caller.user)).linked:
            raise Usage("that is not the code, or it is too old", "take the link again: /honk link")


def _part(about: dict[str, str], name: str) -> str:
    """A part of what the form is about. Raises Usage for a form that somebody damaged."""
    if name not in about:
        raise Usage("this form is not whole", "close it, and press again")
    return about[name]


def _act(view: View) -> str:
    """Names what the modal does: sent again, it has no second effect."""
    return f"slack-{view.id}"


def _refused(view: View, error: Usage) -> Answer:
    """Below the first field, where there is one; otherwise in place of the form."""
    block = next((one for one in ("typed", "words", "code", "repository") if one in view.state.values), "")
    said = said_of(error)
    if block:
        return {"response_action": "errors", "errors": {block: said[:2000]}}
    return {"response_action": "update", "view": modals.problem("Not done", error.message, remedy_of(error))}
