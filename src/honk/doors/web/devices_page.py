"""`/devices`: the browsers that are signed in as oneself, and the passkeys that open these pages.

POST /devices/end ends one visit, …/end-others all but this one, …/end-all every one; …/passkeys adds a passkey, and
…/passkeys/remove removes one. What is ended is over at once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.domain.person import Person
from honk.domain.visit import Came
from honk.doors.web.rendering import HEADERS, page
from honk.doors.web.signing_in import ANSWER_LIMIT, NOT_OURS, Sessions, away
from honk.errors import NotAllowed
from honk.service import Local
from honk.service.entering import Entering

_GONE = "That was gone already."
_Page = Callable[[Request, Local], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class DevicesPage:
    """Everybody sees and ends what is their own, and nobody else's."""

    sessions: Sessions
    entering: Entering
    #: what a browser shows and keeps ends with its visit
    leaving: Callable[[Request, Response], Awaitable[None]]

    def pages(self) -> tuple[tuple[str, str, _Page], ...]:
        """Method, path and page."""
        return (
            ("GET", "/devices", self.shown),
            ("POST", "/devices/end", self.end),
            ("POST", "/devices/end-others", self.end_others),
            ("POST", "/devices/end-all", self.end_all),
            ("POST", "/devices/passkeys/options", self.options),
            ("POST", "/devices/passkeys", self.add),
            ("POST", "/devices/passkeys/remove", self.remove),
        )

    async def shown(self, request: Request, service: Local, error: str = "") -> Response:
        """This browser first."""
        person, entrance = _visitor(request), self.entering.entrance
        this = await self.sessions.visit(request)
        visits = sorted(await entrance.visits.of(person.id), key=lambda one: this is None or one.id != this.id)
        return page(
            request,
            "devices.html",
            status=403 if error else 200,
            visit=request.state,
            here="devices",
            visits=visits,
            this="" if this is None else this.id,
            titles={"token": "an access token", "link": "a link", "passkey": "a passkey", **self._titles()},
            passkeys=await entrance.passkeys.of(person.id),
            passkeys_at=self.sessions.passkeys_at(),
            narrow=this is not None and this.scopes != frozenset(Scope),
            error=error,
        )

    async def end(self, request: Request, service: Local) -> Response:
        """Of somebody else's visit it says no more than of none."""
        form = await self.sessions.form(request)
        if form is None:
            return await self.shown(request, service, NOT_OURS)
        this, id = await self.sessions.visit(request), form.get("id", "")
        if not await self.entering.entrance.visits.end(_visitor(request).id, id):
            return await self.shown(request, service, _GONE)
        return await self._out(request) if this is not None and this.id == id else away("/devices")

    async def end_others(self, request: Request, service: Local) -> Response:
        """This browser stays."""
        if await self.sessions.form(request) is None:
            return await self.shown(request, service, NOT_OURS)
        this = await self.sessions.visit(request)
        await self.entering.entrance.visits.end_all(_visitor(request).id, but="" if this is None else this.id)
        return away("/devices")

    async def end_all(self, request: Request, service: Local) -> Response:
        """Also this browser."""
        if await self.sessions.form(request) is None:
            return await self.shown(request, service, NOT_OURS)
        await self.entering.entrance.visits.end_all(_visitor(request).id)
        return await self._out(request)

    async def options(self, request: Request, _: Local) -> Response:
        """What the browser asks its devices with."""
        if await self.sessions.form(request) is None:
            return Response(status_code=403, headers=HEADERS)
        asked = await self.entering.to_add(_visitor(request))
        return Response(asked, media_type="application/json", headers=HEADERS)

    async def add(self, request: Request, service: Local) -> Response:
        """It opens what this visit may do, and ends with the access token that the visit comes of."""
        form = await self.sessions.form(request, ANSWER_LIMIT)
        this = await self.sessions.visit(request)
        if form is None or this is None:
            return await self.shown(request, service, NOT_OURS)
        came = Came(person=_visitor(request), scopes=this.scopes, way=this.way, token=this.token)
        try:
            await self.entering.add(came, form.get("name", "") or this.device, form.get("answer", ""))
        except NotAllowed as refused:
            return await self.shown(request, service, str(refused))
        return away("/devices")

    async def remove(self, request: Request, service: Local) -> Response:
        """From now on it opens nothing; browsers that signed in with it are signed in still."""
        form = await self.sessions.form(request)
        if form is None:
            return await self.shown(request, service, NOT_OURS)
        if not await self.entering.entrance.passkeys.remove(_visitor(request).id, form.get("id", "")):
            return await self.shown(request, service, _GONE)
        return away("/devices")

    def _titles(self) -> dict[str, str]:
        return {one.name: one.title for one in self.entering.providers.values()}

    async def _out(self, request: Request) -> Response:
        answer = away("/sign-in")
        self.sessions.forget(answer)
        await self.leaving(request, answer)
        return answer


def _visitor(request: Request) -> Person:
    visitor: Person = request.state.visitor
    return visitor
