"""`/costs`: what was spent by day, person, repository and task, and what remains of the budgets."""

from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.overview import Cost, CostOf
from honk.domain.person import PersonId
from honk.domain.text import shortened
from honk.doors.web.rendering import page
from honk.errors import Defect, Usage
from honk.service import Local

_SPANS = (7, 30, 90)
_ROWS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One row of a table."""

    name: str
    link: str
    cost: Cost


async def costs(request: Request, service: Local) -> Response:
    """Of the last days; a budget is that of the present day (UTC)."""
    asked = request.query_params.get("days", "30")
    if asked not in set(map(str, _SPANS)):
        raise Usage(f"there is no table for {asked[:20]!r} days", f"one of: {', '.join(map(str, _SPANS))}")
    today = service.app.ports.clock().date()
    since = today - timedelta(days=int(asked) - 1)
    tables = []
    for of in CostOf:
        found = await service.app.ports.overview.costs(of, since=since, limit=int(asked) if of is CostOf.DAY else _ROWS)
        lines = [await _line(service, of, one) for one in found]
        tables.append((of, lines, max((one.usd for one in found), default=0.0)))
    return page(
        request,
        "costs.html",
        visit=request.state,
        here="costs",
        budgets=await service.budgets(),
        tables=tables,
        total=sum(line.cost.usd for line in tables[0][1]),
        spans=[(span, f"/costs?days={span}", str(span) == asked) for span in _SPANS],
        days=asked,
        rows=_ROWS,
    )


async def _line(service: Local, of: CostOf, cost: Cost) -> Line:
    ports = service.app.ports
    if of is CostOf.PERSON:
        try:
            name = (await ports.tasks.get_person(PersonId(cost.of))).name
        except Defect:
            name = cost.of
        return Line(name=name, link="", cost=cost)
    if of is CostOf.TASK:
        task = await ports.tasks.get(cost.of)
        return Line(name=shortened(task.called, 90), link=f"/tasks/{task.id}", cost=cost)
    if of is CostOf.REPOSITORY:
        newest = await ports.tasks.list(repository=cost.of, limit=1)
        return Line(name=newest[0].repository.name if newest else cost.of, link="", cost=cost)
    return Line(name=cost.of, link="", cost=cost)
