"""The home tab: my tasks, what waits for me, builds, money that is left, settings."""

from honk.domain.task import BUSY, State, Task
from honk.domain.text import shortened
from honk.doors.slack import writing as w
from honk.doors.slack.api import Api, Bot
from honk.doors.slack.backstage import DOOR, Backstage
from honk.doors.slack.card import EMOJI, SAYS
from honk.doors.slack.commands import HELP, link_blocks
from honk.doors.slack.people import Caller, People
from honk.doors.slack.writing import Block
from honk.errors import HonkError, NotAllowed
from honk.service import Query

_WAITS = frozenset({State.PROPOSED, State.DRAFT, State.WAITING})
_SHOWN = 8


class Home:
    """Shows it when somebody opens it; it is right at that moment."""

    def __init__(self, backstage: Backstage, api: Api, bot: Bot, people: People) -> None:
        self._stage = backstage
        self._api = api
        self._bot = bot
        self._people = people

    async def opened(self, user: str) -> None:
        try:
            caller = await self._people.caller(user)
        except NotAllowed as error:
            await self._api.home(user, {"type": "home", "blocks": [w.text(error.message)]})
            return
        await self._api.home(user, {"type": "home", "blocks": (await self._blocks(caller))[:100]})

    async def _blocks(self, caller: Caller) -> list[Block]:
        listed = (await caller.service.tasks(Query(limit=100))).tasks
        mine = [one for one in listed if one.requested_by == caller.person.id]
        blocks = [w.header("Honk")]
        blocks += await self._section("Waits for you", [one for one in mine if one.state in _WAITS], caller)
        blocks += await self._section("At work", [one for one in mine if one.state in BUSY], caller)
        blocks += await self._builds(mine)
        over = [one for one in mine if one.state not in _WAITS and one.state not in BUSY]
        blocks += await self._section("Over", over[:5], caller)
        if not mine:
            blocks.append(
                w.text("Nothing yet. Say what should be different in a repository, in the Messages tab or with @.")
            )
        blocks += [w.rule(), *(await self._money(caller)), *(await self._settings(caller)), w.rule(), *_help()]
        return blocks

    async def _section(self, title: str, tasks: list[Task], caller: Caller) -> list[Block]:
        if not tasks:
            return []
        blocks = [w.text(w.bold(title))]
        for task in tasks[:_SHOWN]:
            parts: list[w.Part] = [w.emoji(EMOJI[task.state]), " ", shortened(task.instruction, 120)]
            parts.append(w.faint(f" · {SAYS[task.state]} · {task.repository.name}"))
            blocks.append(w.text(*parts))
            blocks += await self._buttons(task)
        return blocks

    async def _buttons(self, task: Task) -> list[Block]:
        elements = []
        thread = await self._stage.chats.threads.of(task.id)
        if thread is not None and thread.card and not thread.broken:
            try:
                link = await self._api.permalink(thread.place.channel, thread.card)
                elements.append(w.button("Open the thread", "honk:open", url=link))
            except HonkError:
                pass
        page = self._stage.ports.previews.page(f"/tasks/{task.id}")
        if page and not self._stage.ports.previews.hint():
            elements.append(w.button("Details", "honk:open:page", url=page))
        if task.state in BUSY:
            elements.append(w.button("Stop", "honk:stop", task.id, style="danger"))
        if task.state is State.PROPOSED:
            elements.append(w.button("Merge…", "honk:merge", task.id, style="primary"))
        return [w.row(*elements)] if elements else []

    async def _builds(self, mine: list[Task]) -> list[Block]:
        if self._stage.ports.previews.hint():
            return []
        lines: list[Block] = []
        for task in [one for one in mine if one.state in _WAITS][:_SHOWN]:
            build = await self._stage.ports.records.build(task.id)
            page = build and self._stage.ports.previews.page(f"/builds/{build.id}")
            if build and page:
                lines.append(
                    w.line(
                        w.link(page, f"{task.repository.name} {build.commit[:7]}"),
                        f" · {shortened(task.instruction, 80)}",
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


def _help() -> list[Block]:
    return [w.rich(*(w.line(w.code(one), "  ", w.faint(what)) for one, what in HELP))]
