"""What the demo does with a task, each told until it has settled."""

from dataclasses import dataclass
from pathlib import Path

from rich.syntax import Syntax

from honk.demo import script
from honk.demo.telling import Telling
from honk.domain.landing import Consent
from honk.domain.task import Options, State, Task
from honk.doors.cli.following import last_seq, show
from honk.steps.prepare import chosen_base
from honk.views import Card
from honk.views.shown import card
from honk.wiring import OpenHonk


def at_page(url: str) -> str:
    """The page of the app on which the change can be seen."""
    return url if "#" in url else url + script.PAGE


@dataclass(frozen=True, kw_only=True)
class Verbs:
    """The verbs of the app on the example repository; each returns the task as it is then."""

    house: OpenHonk
    out: Telling
    repository: Path

    async def ask(self, words: str) -> Task:
        """A new task."""
        defaults = self.house.defaults
        options = Options(model=defaults.model or None, limits=defaults.limits)
        task = await self.house.app.submit(self.house.person, str(self.repository), words, options)
        return await self._told(task, 0)

    async def reply(self, task: Task, words: str) -> Task:
        """The next turn of the same task."""
        after = await last_seq(self.house, task)
        await self.house.app.reply(self.house.person, task, words)
        return await self._told(task, after)

    async def merge(self, task: Task, *, accept_unsure: bool = False) -> Task:
        """Merges what was verified, and deploys it."""
        after = await last_seq(self.house, task)
        method = self.house.defaults.merge
        await self.house.app.merge(self.house.person, task, method=method, consent=Consent(accept_unsure=accept_unsure))
        return await self._told(task, after)

    async def undo(self, task: Task) -> Task:
        """The version before goes live again."""
        after = await last_seq(self.house, task)
        await self.house.app.undo(self.house.person, task)
        return await self._told(task, after)

    async def diff(self, task: Task) -> None:
        """Shows the pull request's change."""
        ports = self.house.app.ports
        pull_request = await ports.records.pull_request(task.id)
        if pull_request is None:
            self.out.say("diff", "nothing was changed")
            return
        base = await chosen_base(task, ports=ports)
        self.out.shape(
            Syntax(
                await ports.repositories.diff(task.repository, base.commit, pull_request.head), "diff", word_wrap=True
            )
        )

    async def compare(self, task: Task, before: str) -> None:
        """The addresses at which to see what has changed."""
        shown = await self.card(task)
        self.out.gap()
        self.out.link("before", before)
        if task.state is State.DEPLOYED and shown.production:
            self.out.link("live now", at_page(shown.production), "bold green")
        elif shown.build and shown.build.preview_url:
            self.out.link("build", at_page(shown.build.preview_url), "bold green")
        if task.state in {State.MERGED, State.DEPLOYED}:
            return  # it was said with the build
        took = f"{shown.settled.seconds:.0f} s, " if shown.settled else ""
        price = "nothing paid: a replay" if self.out.replay else f"${shown.spent.usd:.2f}"
        self.out.say("cost", f"{took}{shown.spent.calls} model calls, {price}", "dim")

    async def live(self) -> str | None:
        """The address of what is in production now."""
        ports = self.house.app.ports
        repository = ports.repositories.identify(str(self.repository))
        return ports.previews.production(repository, "production")

    async def card(self, task: Task) -> Card:
        """Everything about the task now."""
        ports = self.house.app.ports
        return await card(await ports.tasks.get(task.id), ports=ports)

    async def _told(self, task: Task, after: int) -> Task:
        await show(self.house, self.out, task, after)
        return await self.house.app.ports.tasks.get(task.id)
