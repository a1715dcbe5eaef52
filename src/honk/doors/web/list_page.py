"""`/`: tasks, newest first, with filters and pages."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.person import PersonId
from honk.domain.task import BUSY, State
from honk.doors.web.ask_page import asking
from honk.doors.web.rendering import page
from honk.errors import Usage
from honk.service import Local, Query
from honk.views import elapsed

_PAGE = 30
#: Filters by what a person wants to know; each is also possible by a single state.
GROUPS: dict[str, tuple[State, ...]] = {
    "all": (),
    "at work": tuple(state for state in State if state in BUSY),
    "for you": (State.PROPOSED, State.DRAFT, State.WAITING),
    "landed": (State.MERGED, State.DEPLOYED),
    "ended": (State.STOPPED, State.FAILED),
}


async def tasks(request: Request, service: Local) -> Response:
    """The list."""
    asked = request.query_params
    show, repository, before = asked.get("show", "all"), asked.get("repository", ""), asked.get("before", "")
    listed = await service.tasks(Query(states=_states(show), repository=repository.strip(), limit=_PAGE, before=before))
    now = service.app.ports.clock()
    names: dict[PersonId, str] = {}
    for task in listed.tasks:
        if task.requested_by not in names:
            names[task.requested_by] = (await service.app.ports.tasks.get_person(task.requested_by)).name
    kept = {"show": show, "repository": repository}
    return page(
        request,
        "tasks.html",
        visit=request.state,
        rows=[(task, names[task.requested_by], elapsed(task.created_at, now)) for task in listed.tasks],
        groups=[(name, _link({**kept, "show": name}), name == show) for name in GROUPS],
        single=show if show not in GROUPS else "",
        repository=repository,
        show=show,
        first=_link(kept) if before else "",
        more=_link({**kept, "before": listed.next}) if listed.next else "",
        asking=await asking(service),
        live=any(task.state in BUSY for task in listed.tasks) and not before,
    )


def _states(show: str) -> tuple[State, ...]:
    if show in GROUPS:
        return GROUPS[show]
    if show in set(State):
        return (State(show),)
    raise Usage(f"there is no state {show[:80]!r}", f"one of: {', '.join((*GROUPS, *State))}")


def _link(query: dict[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value and (name, value) != ("show", "all")})
    return f"/?{said}" if said else "/"
