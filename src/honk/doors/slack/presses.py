"""Buttons and menus that do something. Each press was kept before it was acknowledged, and counts once."""

from collections.abc import Awaitable, Callable

from honk.domain.event import QuestionAsked
from honk.domain.policy import Act
from honk.domain.task import TaskId
from honk.domain.thread import Delivery, Thread
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api
from honk.doors.slack.asking import Asking
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.hearing import Hearing
from honk.doors.slack.opening import verb_of
from honk.doors.slack.payloads import Interaction
from honk.doors.slack.people import Caller, People, identity
from honk.doors.slack.plain_words import said_of
from honk.doors.slack.telling import Telling
from honk.errors import HonkError, NotNow, Usage
from honk.service import Approval, Go, Reply

Does = Callable[[Interaction, Caller, str, str], Awaitable[None]]


class Presses:
    """What happens when somebody presses."""

    def __init__(
        self, backstage: Backstage, api: Api, people: People, asking: Asking, hearing: Hearing, telling: Telling
    ) -> None:
        self._stage = backstage
        self._api = api
        self._people = people
        self._asking = asking
        self._hearing = hearing
        self._telling = telling
        self._does: dict[str, Does] = {
            "stop": self._stop,
            "cancel": self._stop,
            "retry": self._retry,
            "go": self._go,
            "choice": self._choice,
            "deploy": self._deploy,
            "now": self._now,
            "update": self._update,
            "revert": self._revert,
            "repository": self._repository,
            "unlink": self._unlink,
            **dict.fromkeys(("mute", "unmute", "listen", "unlisten"), self._thread),
        }

    async def pressed(self, delivery: Delivery) -> None:
        """One press. What is refused is said to whoever pressed."""
        interaction = Interaction.model_validate_json(delivery.body)
        for pressed in interaction.actions:
            verb, value = verb_of(pressed)
            if (does := self._does.get(verb)) is None:
                continue  # a link, or a field whose value counts when its form is sent
            try:
                await does(interaction, await self._people.caller(interaction.user.id), value, delivery.id)
            except Usage as error:
                await self.tell(interaction, error)

    async def tell(self, interaction: Interaction, error: HonkError) -> None:
        """Says to the person why it was not done, where they pressed."""
        words = said_of(error)
        channel = interaction.where or await self._api.direct(interaction.user.id)
        root = interaction.container.thread_ts or (interaction.message.thread_ts if interaction.message else "")
        await self._api.whisper(channel, interaction.user.id, w.notice(words), [w.text(words[:2900])], thread=root)

    async def _stop(self, _: Interaction, caller: Caller, value: str, __: str) -> None:
        await caller.service.stop(await self._of_turn(caller, value))

    async def _retry(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        await caller.service.retry(await self._of_turn(caller, value), id=_act(id))

    async def _of_turn(self, caller: Caller, value: str) -> TaskId:
        """The task, as long as the turn is the one that was seen by whoever pressed: a press may be worked on late."""
        task, _, turn = value.partition(" ")
        found = await caller.service.find(task)
        if turn and turn != str(found.turn):
            raise NotNow("this was about an earlier turn", "press it on the card as it is now")
        return found.id

    async def _go(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        task, *plans = value.split(" ", 1)
        await caller.service.approve_plan(task, Go(plan=plans[0] if plans else ""), id=id)

    async def _choice(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        """One of the answers that the agent proposed, to the question that it stood below."""
        task, seq, number = value.split(" ")
        events = await caller.service.events(task, after=int(seq) - 1, limit=1)
        asked = events[0].data if events else None
        if not isinstance(asked, QuestionAsked) or not 1 <= int(number) <= len(asked.choices):
            raise NotNow("this question is not there any more")
        found = await caller.service.find(task)
        if found.turn != events[0].turn:
            raise NotNow("this question was answered already", "say something new in the thread")
        await caller.service.reply(task, Reply(text=asked.choices[int(number) - 1]), id=id)

    async def _deploy(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        caller = await self._people.linked(caller.user)
        await caller.service.retry(await self._of_turn(caller, value), point="deploy", id=_act(id))

    async def _now(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        """What waits for its window, a thaw or its turn is deployed in spite of that."""
        caller = await self._people.linked(caller.user)
        task = await self._of_turn(caller, value)
        if not (await caller.service.card(task)).waits_to_deploy:
            raise NotNow("it does not wait any more", "look at the card as it is now")
        await caller.service.merge(task, Approval(now=True), id=_act(id))

    async def _update(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        await caller.service.update(value, id=_act(id))

    async def _revert(self, _: Interaction, caller: Caller, value: str, id: str) -> None:
        """The new task has its card in the same thread."""
        found = await caller.service.find(value)
        made = (await caller.service.revert(found.id, id=_act(id))).task
        thread = await self._stage.chats.threads.of(found.id, DOOR)
        if thread is not None:
            await self._stage.chats.threads.add(Thread(task=made.id, place=thread.place, asked_by=caller.user))
            self._telling.added(made.id)

    async def _repository(self, interaction: Interaction, caller: Caller, value: str, _: str) -> None:
        """The repository that was in doubt; the one who asked may say, nobody else for them."""
        id, _, address = value.partition(" ")
        asked = await self._asking.chosen(id, address)
        if asked.user != caller.user:
            raise Usage("somebody else asked for this", "ask for it yourself")
        await self._hearing.keep_chosen(asked)

    async def _thread(self, interaction: Interaction, caller: Caller, task: str, _: str) -> None:
        verb = verb_of(interaction.actions[0])[0]
        found = await caller.service.find(task)
        await caller.service.app.allow(caller.person, Act.STEER, found)
        threads = self._stage.chats.threads
        if verb in {"mute", "unmute"}:
            await threads.change(found.id, DOOR, muted=verb == "mute")
        else:
            await threads.change(found.id, DOOR, listens=verb == "listen")
        self._telling.added(found.id)

    async def _unlink(self, interaction: Interaction, caller: Caller, _: str, __: str) -> None:
        await self._stage.linking.undo(identity(caller.user))


def _act(delivery: str) -> str:
    """Names what the press does: worked on again, it has no second effect."""
    return delivery.replace("/", "-")
