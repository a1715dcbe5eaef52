"""Modals that open at a press. A trigger is good for three seconds, so they open at once, and are filled then."""

from collections.abc import Awaitable, Callable

import structlog

from honk.doors.slack import modals
from honk.doors.slack.api import Api
from honk.doors.slack.asking import Asked
from honk.doors.slack.names import message_id
from honk.doors.slack.payloads import Interaction, Pressed
from honk.doors.slack.people import Caller, People
from honk.doors.slack.plain_words import plain_words, remedy_of
from honk.doors.slack.writing import Block
from honk.errors import HonkError

_log = structlog.get_logger()

#: What opens a form with one field for words: title, label, hint, button.
_WORDS = {
    "change": ("Change the plan", "What should be different?", "leave the database alone", "Plan again"),
    "answer": ("Answer", "Your answer", "", "Answer"),
    "interrupt": ("Interrupt", "What should it hear now?", "wrong file: look at player.py", "Interrupt"),
}
_TITLES = {
    "merge": "Merge",
    "review": "Review",
    "approve": "Review",
    "undo": "Undo",
    "promote": "Promote",
    "branch": "The branch",
}
_BROKE = "Something went wrong. It is a defect of Honk; its log says more."

Fill = Callable[[Caller, str], Awaitable[Block]]


def verb_of(pressed: Pressed) -> tuple[str, str]:
    """What is to be done, and with what; a menu's option is both."""
    verb = pressed.action_id.removeprefix("honk:").partition(":")[0]
    if verb == "menu":
        verb, _, value = pressed.chosen.partition(":")
        return verb, value
    return verb, pressed.chosen


class Opening:
    """Opens what a press or a shortcut asks for. Nothing is changed by it."""

    def __init__(self, api: Api, people: People, team: str) -> None:
        self._api = api
        self._people = people
        self._team = team
        self._fills: dict[str, Fill] = {
            "merge": self._merge,
            "review": self._review,
            "approve": self._review,
            "promote": self._promote,
            "undo": self._undo,
            "branch": self._branch,
            "hand-over": self._hand_over,
        }

    def opens(self, pressed: Pressed) -> bool:
        """Whether the press opens something."""
        return verb_of(pressed)[0] in {*_WORDS, *self._fills, "search", "code"}

    async def pressed(self, interaction: Interaction) -> None:
        """Raises what Slack says to the opening itself; what goes wrong after that is said in the modal."""
        verb, value = verb_of(interaction.actions[0])
        trigger = interaction.trigger_id
        if verb in _WORDS:
            title, label, hint, submit = _WORDS[verb]
            await self._api.open(trigger, modals.words(verb, value, title, label, hint, submit))
        elif verb == "search":
            await self._api.open(trigger, modals.which(value))
        elif verb == "code":
            await self._api.open(trigger, modals.code())
        else:
            title = _TITLES.get(verb, "Hand over")
            view = await self._api.open(trigger, modals.loading(title))
            await self._api.show(view, await self._filled(verb, title, interaction.user.id, value))

    async def _filled(self, verb: str, title: str, user: str, task: str) -> Block:
        try:
            return await self._fills[verb](await self._people.caller(user), task)
        except HonkError as error:
            return modals.problem(title, error.message, remedy_of(error))
        except Exception:  # noqa: BLE001 - the boundary of a door: the person sees that it broke, the operator the log
            _log.exception("a modal was not filled", verb=verb)
            return modals.problem(title, _BROKE)

    async def shortcut(self, interaction: Interaction) -> None:
        """ "Ask Honk" on somebody's message: its words, to be changed before they are asked."""
        said = interaction.message
        if said is None:
            return
        asked = Asked(
            id=message_id(self._team, interaction.where, said.ts),
            team=self._team,
            channel=interaction.where,
            root=said.root,
            ts=said.ts,
            user=interaction.user.id,
            text="",
            more=bool(said.thread_ts or said.files or said.attachments),
        )
        await self._api.open(interaction.trigger_id, modals.ask(plain_words(said.words), asked.model_dump_json()))

    # ── what they show ─────────────────────────────────────────────────────────────────────────
    async def _merge(self, caller: Caller, task: str) -> Block:
        caller = await self._people.linked(caller.user)
        return modals.merge(await caller.service.merging(task))

    async def _review(self, caller: Caller, task: str) -> Block:
        card = await caller.service.card(task)
        links: list[tuple[str, str]] = []
        if card.page and not card.hint:
            links = [("Difference", f"{card.page}/pull-request"), ("Everything", card.page)]
            if card.build is not None:
                links.append(("The build", f"{card.page}/build"))
        return modals.review(await caller.service.merging(task), links)

    async def _promote(self, caller: Caller, task: str) -> Block:
        caller = await self._people.linked(caller.user)
        found = await caller.service.find(task)
        return modals.promote(await caller.service.promoting(found.id), found.called)

    async def _undo(self, caller: Caller, task: str) -> Block:
        caller = await self._people.linked(caller.user)
        return modals.undo(await caller.service.merging(task))

    async def _branch(self, caller: Caller, task: str) -> Block:
        return modals.branch(await caller.service.branch(task))

    async def _hand_over(self, caller: Caller, task: str) -> Block:
        found = await caller.service.find(task)
        others = [one for one in sorted(caller.service.app.ports.agents) if one != found.options.agent]
        return modals.hand_over(found.id, [found.options.agent, *others])
