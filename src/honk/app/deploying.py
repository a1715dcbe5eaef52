"""What is merged and waits to be deployed: begun when it may be; and freezes, by people.

Nothing waits in memory. Each look reads the lines, the windows and the clock as they are, so that a server that was
down when an environment opened, or a clock that was set, changes only when it is seen.
"""

import json
import re
from collections import defaultdict
from dataclasses import replace
from datetime import datetime

import structlog

from honk.app.turns import Turns
from honk.domain.codec import dump
from honk.domain.deploy_line import HELD, Freeze, Place, Stand
from honk.domain.landing import Landing
from honk.domain.person import Person
from honk.domain.policy import Act
from honk.domain.task import State
from honk.errors import HonkError, Unknown, Usage
from honk.steps.deploy import behind, deploy_config, rest, site_of, why_closed
from honk.steps.prepare import chosen_base

_log = structlog.get_logger()
_ENVIRONMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})?")
_WHY = 300


class Deploying(Turns):
    """Begins deployments that waited; freezes and thaws."""

    async def begin_waiting(self) -> None:
        """Begins the deployments that may begin by now, and says anew why the others wait."""
        lines: dict[tuple[str, str], list[Place]] = defaultdict(list)
        for place in await self.ports.deploys.places():
            if place.stand in HELD or not await self._left_behind(place):
                lines[place.repository, place.environment].append(place)
        for line in lines.values():
            if any(one.stand is Stand.GOING for one in line):
                continue  # nothing else begins there, and why it waits was said
            ready: list[Place] = []
            for place in (one for one in line if one.stand in HELD):
                try:
                    if await self._may_begin(place):
                        ready.append(place)
                except HonkError as error:
                    _log.warning("a deployment cannot be begun", task=place.task, reason=str(error))
            await self._begin_one(line, ready)

    async def look_at_health(self) -> None:
        """Begins the looks that are due."""
        for watch in await self.ports.deploys.watches():
            if watch.due(self.ports.clock()):
                payload = json.dumps({"task": watch.task, "deployment": watch.deployment})
                name = f"watched/{watch.task}/{watch.deployment}-{watch.looks}"
                await self.journal.start("watched", name, payload)

    async def _left_behind(self, place: Place) -> bool:
        """Whether nobody is at work on a place that comes or goes, as after a restored backup: it leaves the line."""
        if any(one.split("/")[1] == place.task for one in await self.journal.unfinished()):
            return False
        task = await self.ports.tasks.get(place.task)
        if task.state is State.DEPLOYING:
            base = (await chosen_base(task, ports=self.ports)).commit
            config = await deploy_config(task, base, place.environment, ports=self.ports)
            if config is not None and config.elsewhere:
                return False  # somebody else is at work on it
        return await self.ports.deploys.leave(place.task)

    async def _may_begin(self, place: Place) -> bool:
        """Whether its environment is open. Where its task has moved on, it leaves the line."""
        task = await self.ports.tasks.get(place.task)
        base = await chosen_base(task, ports=self.ports)
        config = await deploy_config(task, base.commit, place.environment, ports=self.ports)
        if task.state is not place.rests or config is None:
            if not await self._landing(place):
                await self.ports.deploys.leave(place.task, waiting=True)
            return False
        closed = await why_closed(task.repository, config, ports=self.ports)
        if closed and place.stand is not Stand.CLOSED:
            await self.ports.deploys.hold(place.task, Stand.CLOSED)
        if closed:
            await rest(place, closed, ports=self.ports)
        return not closed

    async def _begin_one(self, line: list[Place], ready: list[Place]) -> None:
        """The first of the line; of those that waited for it to open, the newest of a branch has the others within."""
        newest = {one.branch: one for one in ready}
        rows = [one for one in ready if one.stand is not Stand.CLOSED or newest[one.branch] is one]
        ahead: Place | None = None
        coming = [one for one in line if one.stand is Stand.COMING]
        for place in rows:
            front = ahead or next((one for one in coming if one.merged_at < place.merged_at), None)
            if front is not None:
                await rest(place, behind(front), ports=self.ports)
            elif not await self._landing(place):
                landing = replace(place.landing, act=place.act, now=False)
                payload = json.dumps({"task": place.task, "landing": dump(Landing, landing)})
                await self.journal.start("land", f"land/{place.task}/{place.act}", payload)
            ahead = ahead or front or place

    async def _landing(self, place: Place) -> bool:
        """Whether a landing of it is at work."""
        return any(one.startswith(f"land/{place.task}/") for one in await self.journal.unfinished())

    async def freeze(
        self, person: Person, address: str, why: str, *, environment: str = "", until: datetime | None = None
    ) -> Freeze:
        """Nothing is deployed there until that moment, or until it is thawed; `environment` "" is every one.

        It is merged as always, and what is deployed already goes on. Raises NotAllowed, Usage.
        """
        repository, now = self.ports.repositories.identify(address), self.ports.clock()
        said = " ".join(why.split())
        if not said or len(said) > _WHY or "\0" in said:
            raise Usage(f"a freeze has a reason, of at most {_WHY} characters", 'honk freeze REPO "the release is cut"')
        if until is not None and until <= now:
            raise Usage(f"{until.isoformat()} is over", "give a time that is to come")
        await self.allow_on(person, Act.FREEZE, repository)
        freeze = Freeze(
            repository=site_of(repository),
            environment=_environment(environment),
            by=person.id,
            why=said,
            at=now,
            until=until,
        )
        await self.ports.deploys.freeze(freeze)
        return freeze

    async def thaw(self, person: Person, address: str, *, environment: str = "") -> Freeze:
        """The freeze that is over now. Raises NotAllowed, or Unknown where there is none."""
        repository = self.ports.repositories.identify(address)
        await self.allow_on(person, Act.THAW, repository)
        gone = await self.ports.deploys.thaw(site_of(repository), _environment(environment))
        if gone is None:
            there = await self.ports.deploys.freezes(site_of(repository))
            named = ", ".join(one.environment or "every environment" for one in there)
            remedy = f"frozen are: {named}" if named else "nothing of it is frozen"
            raise Unknown(f"{environment or 'that repository as a whole'} is not frozen", remedy)
        return gone

    async def freezes(self, address: str) -> tuple[Freeze, ...]:
        """What of that repository is frozen now."""
        repository, now = self.ports.repositories.identify(address), self.ports.clock()
        there = await self.ports.deploys.freezes(site_of(repository))
        return tuple(one for one in there if one.until is None or now < one.until)


def _environment(name: str) -> str:
    if _ENVIRONMENT.fullmatch(name) is None:
        raise Usage(f"{name[:80]!r} is no name of an environment", "such as production")
    return name
