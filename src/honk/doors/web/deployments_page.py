"""`/deployments`: what is live where, since when and by whom, what undoing it means, and what is under way."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.overview import Place, Told
from honk.domain.person import PersonId
from honk.domain.task import State, Task
from honk.domain.verdict import Answer
from honk.doors.web.rendering import page
from honk.service import Local, Query
from honk.views import Promoting, elapsed
from honk.views.shown import in_order

#: earlier deployments that a place shows
_EARLIER = 8
_LANDING = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One deployment, for people."""

    deployment: Deployment
    task: Task
    told: Told
    #: who pressed the button; "" where Honk does not know
    by: str
    age: str
    verdict: Answer | None = None

    @property
    def asks(self) -> bool:
        """Whether a person may say how it ended: its target is waited for, by webhook."""
        return self.deployment.remote.startswith("webhook-") and bool(self.told.waits)


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """One environment of a repository."""

    place: Place
    #: the repository as people call it
    name: str
    live: Shown | None
    #: what an undo makes live again
    before: Shown | None
    #: begun and not ended, newest first
    under_way: tuple[Shown, ...]
    #: what was live before, and what failed
    earlier: tuple[Shown, ...]
    #: of what is live, the way on to the next environment; None where there is none
    onward: Promoting | None = None
    #: why the promotion that was pressed has to wait; "" where none does
    waits: str = ""


async def deployments(request: Request, service: Local) -> Response:
    """Every environment, and the tasks that land."""
    overview = service.app.ports.overview
    places = await overview.places(history=_EARLIER + 4)
    every = [one for place in places for one in _versions(place)]
    told = await overview.told({one.task for one in every}, {one.id for one in every})
    names = {by: await _name(service, by) for by in {one.by for one in told.values()}}
    landing = await service.tasks(Query(states=(State.MERGING, State.DEPLOYING), limit=_LANDING))
    return page(
        request,
        "deployments.html",
        visit=request.state,
        here="deployments",
        deploys=Scope.DEPLOY in service.scopes,
        environments=await _in_order(service, [await _environment(service, one, told, names) for one in places]),
        landing=landing.tasks,
    )


async def _in_order(service: Local, every: list[Environment]) -> list[Environment]:
    """A repository's environments as a version goes through them, each with what is to go on from there."""
    orders: dict[str, tuple[str, ...]] = {}
    for one in every:
        known = (one.live, *one.under_way, *one.earlier)
        latest = max((it.task for it in known if it is not None), key=lambda task: task.created_at, default=None)
        if latest is not None and one.place.repository not in orders:
            orders[one.place.repository] = await in_order(latest, ports=service.app.ports)

    def rank(one: Environment) -> tuple[str, int]:
        names = orders.get(one.place.repository, ())
        here = one.place.environment
        return one.place.repository, names.index(here) if here in names else len(names)

    lasts = {repository: names[-1] for repository, names in orders.items() if names}
    return [
        await _with_onward(service, one) if lasts.get(one.place.repository, "") != one.place.environment else one
        for one in sorted(every, key=rank)
    ]


async def _with_onward(service: Local, one: Environment) -> Environment:
    if one.live is None:
        return one
    ports, task = service.app.ports, one.live.task
    waits = [it for it in await ports.deploys.places() if it.task == task.id and it.landing.environment]
    if waits:
        return replace(one, waits=f"to {waits[0].environment}" + (f": {task.reason}" if task.reason else ""))
    onward = await service.promoting(task.id)
    return replace(one, onward=onward) if onward.came_from in {"", one.place.environment} else one


def _versions(place: Place) -> tuple[Deployment, ...]:
    return place.history + ((place.before,) if place.before is not None else ())


async def _environment(
    service: Local, place: Place, told: Mapping[str, Told], names: Mapping[PersonId | None, str]
) -> Environment:
    now, tasks = service.app.ports.clock(), {one.id: one for one in place.tasks}

    def shown(one: Deployment, verdict: Answer | None = None) -> Shown:
        said = told.get(one.id, Told())
        age = elapsed(one.at, now)
        return Shown(
            deployment=one, task=tasks[one.task], told=said, by=names.get(said.by, ""), age=age, verdict=verdict
        )

    live = next((one for one in place.history if one.state is DeploymentState.LIVE), None)
    before = next((one for one in _versions(place) if live is not None and one.id == live.previous), None)
    under_way = [one for one in place.history if one.state is DeploymentState.STARTED]
    earlier = [one for one in place.history if one is not live and one not in under_way][:_EARLIER]
    given = None if live is None else await service.app.ports.records.verdict(live.task)
    return Environment(
        place=place,
        name=place.tasks[0].repository.name if place.tasks else place.repository,
        live=None if live is None else shown(live, None if given is None else given.answer),
        before=None if before is None else shown(before),
        under_way=tuple(map(shown, under_way)),
        earlier=tuple(map(shown, earlier)),
    )


async def _name(service: Local, person: PersonId | None) -> str:
    return "" if person is None else (await service.app.ports.tasks.get_person(person)).name
