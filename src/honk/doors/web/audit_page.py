"""`/audit`: who did what, allowed or refused, and by which rule; for who may administer Honk."""

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.policy import Act
from honk.doors.web.gates import demand_administrator
from honk.doors.web.rendering import page
from honk.doors.web.signing_in import Sessions
from honk.errors import Usage
from honk.service import GREATEST, Local
from honk.service.governing import AuditQuery

_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class AuditPage:
    """The log, as the service gives it to this person."""

    sessions: Sessions

    async def audit(self, request: Request, service: Local) -> Response:
        """Newest first, of one person, act and repository where they are named."""
        await demand_administrator(request, self.sessions, service)
        asked = request.query_params
        kept = {name: asked.get(name, "")[:200].strip() for name in ("person", "act", "repository")}
        if kept["act"] and kept["act"] not in set(Act):
            raise Usage(f"there is no act {kept['act'][:80]!r}", f"one of: {', '.join(Act)}")
        query = AuditQuery(
            person=kept["person"],
            act=Act(kept["act"]) if kept["act"] else None,
            repository=kept["repository"],
            before=_number(asked.get("before", "")),
            limit=_PAGE + 1,
        )
        found = await service.audit(query)
        return page(
            request,
            "audit.html",
            visit=request.state,
            here="audit",
            rows=found[:_PAGE],
            kept=kept,
            acts=tuple(Act),
            first=_link(kept) if query.before is not None else "",
            more=_link({**kept, "before": str(found[_PAGE - 1].number)}) if len(found) > _PAGE else "",
        )


def _number(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:12]) <= GREATEST):
        raise Usage(f"there is no entry {text[:80]!r}", "Begin with the newest: /audit")
    return int(text[:12])


def _link(query: dict[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value})
    return f"/audit?{said}" if said else "/audit"
