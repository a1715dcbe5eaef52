"""`/repositories`: those that a person may use, with what the policy says there; and whether Honk is ready to work."""

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.policy import Act, Confirmation
from honk.doors.web.gates import administers
from honk.doors.web.home_page import list_of
from honk.doors.web.rendering import page
from honk.doors.web.signing_in import Sessions
from honk.errors import Usage
from honk.service import Candidate, Local
from honk.views import elapsed

_PAGE = 100
_CONFIRMED = {
    Confirmation.PRESS: "a press of the button",
    Confirmation.TYPED: "typing the commit",
    Confirmation.SECOND: "a second person",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One repository."""

    candidate: Candidate
    used: str
    #: what whoever looks may do there
    may: tuple[Act, ...]
    #: what a merge needs
    confirmation: str
    #: its tasks and its builds
    tasks: str
    builds: str


@dataclass(frozen=True, kw_only=True)
class RepositoriesPage:
    """What `honk repositories` lists."""

    sessions: Sessions

    async def repositories(self, request: Request, service: Local) -> Response:
        """Most recently used first. With `?doctor=1`, an administrator sees what `honk doctor` finds as well."""
        text = request.query_params.get("q", "")[:200].strip()
        found = await service.repositories(text, _PAGE)
        may_ask = await administers(request, self.sessions, service)
        tried = await service.diagnose() if may_ask and request.query_params.get("doctor") == "1" else ()
        about = await service.about()
        return page(
            request,
            "repositories.html",
            visit=request.state,
            here="repositories",
            rows=[await _shown(service, one) for one in found],
            text=text,
            full=len(found) == _PAGE,
            defaults=about.defaults,
            may_ask=may_ask,
            tried=sorted(tried, key=lambda one: (one.ok, not one.required)),
        )


async def _shown(service: Local, one: Candidate) -> Shown:
    ports = service.app.ports
    try:
        repository = ports.repositories.identify(one.address)
    except Usage:  # gone from this machine since it was listed
        return Shown(candidate=one, used="", may=(), confirmation="", tasks="", builds="")
    acts = [act for act in Act if act not in {Act.ADMINISTER, Act.STOP, Act.APPROVE, Act.PROMOTE, Act.UNDO}]
    may = tuple([act for act in acts if (await ports.policy.ask(service.person, act, repository, None)).allowed])
    return Shown(
        candidate=one,
        used=elapsed(one.used_at, ports.clock()) if one.used_at else "",
        may=may,
        confirmation=_CONFIRMED[await ports.policy.confirmation(repository)],
        tasks=list_of(repository),
        builds=f"/builds?repository={repository.key}",
    )
