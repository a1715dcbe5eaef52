"""The Slack door on the world of fakes, in front of a whole small Slack that behaves."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio

from honk.adapters.sql import SqlStore
from honk.domain.limits import Limits
from honk.domain.person import Identity, IdentityKind, Person
from honk.domain.pull_request import MergeMethod
from honk.domain.task import State, Task
from honk.domain.text import Secret
from honk.doors.slack import Backstage, Choices, SlackDoor, Waits
from honk.ports import Chats
from honk.service import Defaults, Diagnosis, Feed, Local
from honk.service.linking import Linking
from honk.service.repositories import Named
from honk.testing.fake_slack import FakeSlack, Message
from honk.testing.fake_slack import Limits as SlackLimits
from honk.testing.world import ADDRESS, World, world

T = TypeVar("T")
#: nobody waits long in tests
QUICK = Waits(again=0.2, ping=0.25, lost=2.0, look=0.1, later=0.05, rest=0.5, home=0.05, counts=7200.0)


@dataclass(kw_only=True)
class SlackWorld:
    """A world with the door, and the workspace in front of it."""

    world: World
    slack: FakeSlack
    door: SlackDoor
    feed: Feed
    linking: Linking
    #: what [repositories] says
    listed: list[Named] = field(default_factory=list)

    def local(self, person: Person) -> Local:
        """The service in this process."""
        return Local(
            app=self.world.app,
            feed=self.feed,
            person=person,
            defaults=Defaults(limits=Limits(usd=3.0), model="", merge=MergeMethod.MERGE),
            alone=lambda: nullcontext(False),
            doctor=self._doctor,
            listed=lambda: tuple(self.listed),
        )

    async def _doctor(self) -> tuple[Diagnosis, ...]:
        return ()

    async def link(self, user: str, name: str = "") -> Person:
        """The user of Slack has shown who they are."""
        id = self.slack.space.user(user).id
        person = await self.world.person(name or user.capitalize())
        identity = Identity(kind=IdentityKind.SLACK, value=id)
        now = self.world.store.now()
        await self.world.store.chats.links.offer(identity, person.id, "12345678", now.replace(year=now.year + 1))
        assert await self.world.store.chats.links.accept(identity, "12345678")
        return person

    async def ask(self, words: str = "fix the crash", *, user: str = "ada", channel: str = "general") -> str:
        """Somebody asks in a channel; the message's ts, which is the thread."""
        return await self.slack.say(user, channel, f"{self.slack.mention} {words}")

    def said(self, ts: str, channel: str = "general") -> list[Message]:
        """What Honk says in the thread."""
        return [one for one in self.slack.thread(channel, ts) if one.user == self.slack.app.user]

    async def card(self, ts: str, words: str = "", channel: str = "general") -> Message:
        """The card of the thread, once these words are on it."""
        return await self.slack.until(lambda: self._card(ts, words, channel))

    def _card(self, ts: str, words: str, channel: str) -> Message | None:
        said = self.said(ts, channel)
        return said[0] if said and words in text_of(said[0]) else None

    async def message(self, ts: str, words: str, channel: str = "general") -> Message:
        """A message of Honk's in the thread besides the card, once it is there."""
        found = lambda: [one for one in self.said(ts, channel)[1:] if words in text_of(one)]  # noqa: E731
        return (await self.slack.until(found))[-1]

    async def built(self, ts: str) -> Message:
        """The message of the build in the thread, once what was asked for last can be merged."""
        build = await self.message(ts, "is ready to try")
        await self.rests()
        return build

    async def task(self) -> Task:
        """The task that was asked for last; waits until there is one."""
        while (found := await self.world.latest()) is None:
            await anyio.sleep(0.01)
        return found

    async def rests(self, *states: State) -> Task:
        """The task that was asked for last, once it is in one of these states."""
        while (found := await self.world.latest()) is None or found.state not in (states or {State.PROPOSED}):
            await anyio.sleep(0.01)
        return found


def text_of(message: Message) -> str:
    """Every word that a message shows, without the marks of its format."""
    return re.sub(r"[*`\u2060]", "", " ".join(_texts(message.blocks)) + " " + message.text)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        shown = [
            each for key, each in value.items() if key in {"text", "elements", "blocks", "element", "label", "options"}
        ]
        return [text for each in shown for text in _texts(each)]
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else []


def labels(message: Message) -> list[str]:
    """The buttons of a message."""
    return [
        one["text"]["text"]
        for block in message.blocks
        for one in block.get("elements", [])
        if one.get("type") == "button"
    ]


@asynccontextmanager
async def slack_world(
    home: Path,
    *,
    choices: Choices | None = None,
    limits: SlackLimits | None = None,
    prepare: Callable[[FakeSlack], None] = lambda _: None,
    opened: bool = True,
    waits: Waits = QUICK,
    database: str = "sqlite://",
) -> AsyncIterator[SlackWorld]:
    """The worker is at work, the door is open, and one repository has been used before."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world(home, database=database))
        feed = Feed(made.store.events)
        made.store.listen(feed.heard)
        await stack.enter_async_context(feed.running())
        slack = await stack.enter_async_context(FakeSlack(limits=limits))
        prepare(slack)
        linking = Linking(sign=lambda kind, text: "a" * 20, links=made.store.chats.links, app=made.app)
        here = SlackWorld(world=made, slack=slack, door=None, feed=feed, linking=linking)  # type: ignore[arg-type]
        here.listed.append(Named(name="music-player", address=ADDRESS))
        here.door = door_of(here, choices or Choices(), waits)
        await stack.enter_async_context(made.working())
        if opened:
            await stack.enter_async_context(here.door.opened())
            await slack.until(lambda: slack.connections)
        yield here


def door_of(
    here: SlackWorld,
    choices: Choices,
    waits: Waits = QUICK,
    *,
    store: SqlStore | None = None,
    chats: Chats | None = None,
) -> SlackDoor:
    """A door on the same store: there may be several."""
    store = store or here.world.store
    backstage = Backstage(
        ports=here.world.app.ports,
        chats=chats or store.chats,
        service=here.local,
        linking=here.linking,
        listen=store.listen,
        stamp=store.stamp,
        choices=choices,
        waits=waits,
    )
    app = here.slack.app
    return SlackDoor(
        backstage,
        token=Secret(app.bot_token),
        app_token=Secret(app.app_token),
        signing_secret=Secret(app.signing_secret),
        api_url=here.slack.api,
    )
