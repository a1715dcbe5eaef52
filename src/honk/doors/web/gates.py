"""Who may see what not everybody may."""

from starlette.requests import Request

from honk.domain.access import Scope
from honk.domain.policy import Act
from honk.doors.web.signing_in import Sessions
from honk.errors import NotAllowed
from honk.service import Local


async def demand_administrator(request: Request, sessions: Sessions, service: Local) -> None:
    """Raises NotAllowed unless the person may administer Honk, and what they signed in with is for that."""
    if Scope.ADMINISTER not in await sessions.scopes(request):
        remedy = (
            "Sign in by a link (honk sign-in), or with a token: honk token create --scope read --scope administer …"
        )
        raise NotAllowed(f"what you signed in with is not for {Scope.ADMINISTER.value!r}", remedy)
    decision = await service.app.ports.policy.ask(service.person, Act.ADMINISTER, None, None)
    if not decision.allowed:
        raise NotAllowed(decision.reason)


async def administers(request: Request, sessions: Sessions, service: Local) -> bool:
    """The same as an answer."""
    try:
        await demand_administrator(request, sessions, service)
    except NotAllowed:
        return False
    return True
