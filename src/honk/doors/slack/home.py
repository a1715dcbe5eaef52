"""The home tab: my tasks, what waits for me, builds, money that is left, settings."""

import time
from collections.abc import Sequence

import anyio
import structlog

from honk.domain.event import BuildReady, Event, TaskMoved, TaskSettled
from honk.domain.task import BUSY, State, Task
from honk.domain.text import shortened
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import EMOJI
from honk.doors.slack.people import Caller, People
from honk.doors.slack.personal import OPEN, WAITS, help_blocks, link_blocks
from honk.doors.slack.writing import Block
from honk.errors import HonkError, NotAllowed
from honk.service import Query
from honk.service.approving import to_approve
from honk.views.standing import SAYS

_log = structlog.get_logger()

_SHOWN, _OVER = 8, 5
#: seconds for which it is kept right after somebody looked, and for how many
_LOOKED, _LOOKERS = 600.0, 50
#: what changes something that it shows
_NEWS = (TaskMoved, TaskSettled, BuildReady)


class Home:
    """Shows it when somebody opens it, and keeps it right for ten minutes after. `keep` runs while the door is open."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people
        #: when each of those who looked lately did so last, and what they saw
        self._looked: dict[str, float] = {}
        self._seen: dict[str, object] = {}
        self._links: dict[tuple[str, str], str] = {}
        self._news = anyio.Event()

    async def opened(self, user: str) -> None:
        """Somebody looks at it: it is right at that moment."""
        self._looked[user] = time.monotonic()
        if len(self._looked) > _LOOKERS:
            self._forget(min(self._looked, key=lambda one: self._looked[one]))
        self._seen.pop(user, None)
        await self._publish(user)

    def heard(self, event: Event) -> None:
        """Is told each event that this process stored."""
        if self._looked and isinstance(event.data, _NEWS):
            self._news.set()

    def acted(self, user: str) -> None:
        """That person did something by which it may look different now."""
        if user in self._looked:
            self._news.set()

    async def keep(self) -> None:
        """Goes on until it is cancelled."""
        while True:
            await self._news.wait()
            await anyio.sleep(self._stage.waits.home)
            self._news = anyio.Event()
            for user, at in list(self._looked.items()):
                if time.monotonic() - at > _LOOKED:
                    self._forget(user)
                    continue
                try:
                    await self._publish(user)
                except Exception as error:  # noqa: BLE001 - one home tab must not end the door
                    _log.warning("a home tab was not brought up to date", user=user, reason=str(error))

    def _forget(self, user: str) -> None:
        self._looked.pop(user, None)
        self._seen.pop(user, None)

    async def _publish(self, user: str) -> None:
        """Says nothing to Slack where nothing is different."""
        try:
            blocks = (await self._blocks(await self._people.caller(user)))[:100]
        except NotAllowed as error:
            blocks = [w.text(error.message)]
        seen = _lasting(blocks)
        if self._seen.get(user) != seen:
            await self._api.home(user, {"type": "home", "blocks": blocks})
            self._seen[user] = seen

    async def _blocks(self, caller: Caller) -> list[Block]:
        waiting, busy = await self._mine(caller, WAITS), await self._mine(caller, BUSY)
        over = await self._mine(caller, frozenset(State) - OPEN, _OVER)
        others = await to_approve(caller.service.app, caller.person, limit=_SHOWN)
        blocks = [w.header("Honk")]
        blocks += await self._section("Waits for you", waiting)
        blocks += await self._section("Waits for your approval", others, theirs=True)
        blocks += await self._section("At work", busy)
        blocks += await self._builds(waiting)
        blocks += await self._section("Over", over)
        if not (waiting or busy or over):
            blocks.append(
                w.text("Nothing yet. Say what should be different in a repository, in the Messages tab or with @.")
            )
        blocks += [w.rule(), *(await self._money(caller)), *(await self._settings(caller)), w.rule(), *help_blocks()]
        return blocks

    async def _mine(self, caller: Caller, states: frozenset[State], limit: int = _SHOWN) -> tuple[Task, ...]:
        return (await caller.service.tasks(Query(states=tuple(sorted(states)), mine=True, limit=limit))).tasks

    async def _section(self, title: str, tasks: Sequence[Task], *, theirs: bool = False) -> list[Block]:
        if not tasks:
            return []
        blocks = [w.text(w.bold(title))]
        for task in tasks:
            parts: list[w.Part] = [w.emoji(EMOJI[task.state]), " ", shortened(task.called, 120)]
            parts.append(w.faint(f" · {SAYS[task.state]} · {task.repository.name}"))
            blocks.append(w.text(*parts))
            blocks += await self._buttons(task, theirs=theirs)
        return blocks

    async def _buttons(self, task: Task, *, theirs: bool) -> list[Block]:
        elements = []
        thread = await self._stage.chats.threads.of(task.id, DOOR)
        there = thread is not None and thread.card and not thread.broken
        if thread is not None and there and (link := await self._link(thread.place.channel, thread.card)):
            elements.append(w.button("Open the thread", "honk:open", url=link))
        page = self._stage.ports.previews.page(f"/tasks/{task.id}")
        if page and not self._stage.ports.previews.hint():
            elements.append(w.button("Details", "honk:open:page", url=page))
        if task.state in BUSY:
            elements.append(w.button("Stop", "honk:stop", f"{task.id} {task.turn}", style="danger"))
        if task.state is State.PROPOSED:
            label, move = ("Review", "honk:review") if theirs else ("Merge…", "honk:merge")
            elements.append(w.button(label, move, task.id, style="primary"))
        return [w.row(*elements)] if elements else []

    async def _link(self, channel: str, ts: str) -> str:
        """Where the message is; "" where Slack does not say. It never moves, so it is asked for once."""
        if len(self._links) > 1000:
            self._links.clear()
        if (channel, ts) not in self._links:
            try:
                self._links[channel, ts] = await self._api.permalink(channel, ts)
            except HonkError:
                return ""
        return self._links[channel, ts]

    async def _builds(self, waiting: Sequence[Task]) -> list[Block]:
        if self._stage.ports.previews.hint():
            return []
        lines: list[w.Mrkdwn] = []
        for task in waiting:
            build = await self._stage.ports.records.build(task.id)
            page = build and self._stage.ports.previews.page(f"/builds/{build.id}")
            if build and page:
                lines.append(
                    w.line(
                        w.link(page, f"{task.repository.name} {build.commit[:7]}"),
                        f" · {shortened(task.called, 80)}",
                    )
                )
        return [w.text(w.bold("Builds")), w.rich(w.points(*lines))] if lines else []

    async def _money(self, caller: Caller) -> list[Block]:
        lines = []
        for one in await caller.service.budgets():
            if one.left_usd is not None and one.person in {"", caller.person.name}:
                whose = "everybody today" if not one.person else "you today"
                lines.append(w.line(f"${one.left_usd:.2f} of ${one.limit_usd:.2f} are left for {whose}"))
        return [w.text(w.bold("Money")), w.rich(*lines)] if lines else []

    async def _settings(self, caller: Caller) -> list[Block]:
        kept = await self._stage.chats.preferences.read(f"{DOOR}/{self._bot.team}/{caller.user}")
        quiet = kept.get("quiet_hours") or self._stage.choices.quiet_hours or "none"
        blocks = [w.text(w.bold("Settings")), w.text(f"Quiet hours: {quiet} (/honk quiet 20:00-08:00)")]
        if caller.linked:
            return [*blocks, w.text(f"You are {caller.person.name}. (/honk unlink ends that)")]
        hint = self._stage.ports.previews.hint()
        return [
            *blocks,
            w.text("You can ask, but not merge: nobody knows who you are outside of Slack."),
            *link_blocks(self._people, caller, self._bot.team_name, hint),
        ]


def _lasting(shown: object) -> object:
    """What tells one home tab from another: an address to link oneself is another one every second."""
    if isinstance(shown, dict):
        return {key: _lasting(one) for key, one in shown.items() if key != "url" or "/link/" not in str(one)}
    return [_lasting(one) for one in shown] if isinstance(shown, list) else shown
