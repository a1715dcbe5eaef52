"""`/builds/<id>/try`: a web build in a frame, with a bar at the thumb to point at what is wrong in it.

The frame has no rights: an opaque origin, or the preview's own host. What it says is shown as words, and nothing but
the person's own press of Honk's button sends anything.
"""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
from starlette.requests import Request
from starlette.responses import Response

from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.policy import Act
from honk.domain.task import LANDING, Task
from honk.doors.web.acting import Acting
from honk.doors.web.build_page import found_build
from honk.doors.web.forms import Form
from honk.doors.web.pointing import Pointing
from honk.doors.web.rendering import HEADERS, page
from honk.errors import Unknown
from honk.service import Local
from honk.service.app_servers import Servers, Standing

_SANDBOX = "allow-scripts allow-forms allow-modals allow-popups allow-downloads"


@dataclass(frozen=True, kw_only=True)
class FramePage:
    """The page, and what becomes of its form."""

    acting: Acting
    #: the apps' own servers; None where none is run
    servers: Servers | None
    _lock: anyio.Lock = field(default_factory=anyio.Lock)

    async def shown(self, request: Request, service: Local) -> Response:
        """The page of one build."""
        build = await found_build(request, service)
        return await self._page(request, service, await service.find(build.task), build)

    async def sent(self, request: Request, service: Local) -> Response:
        """Takes the form: it becomes a reply to the build's task."""
        build = await found_build(request, service)
        task = await service.find(build.task)
        pointing = Pointing(servers=self.servers, lock=self._lock)

        async def does(service: Local, form: Form, id: str) -> str:
            await pointing.point(service, task, build, form, id)
            return f"/tasks/{task.id}"

        async def shows() -> Response:
            return await self._page(request, service, task, build)

        return await self.acting.act(request, service, f"point/{build.id}", Scope.STEER, does, shows)

    async def _page(self, request: Request, service: Local, task: Task, build: Build) -> Response:
        ports = service.app.ports
        address = ports.previews.frame(build) if ports.artifacts.path(build.digest).is_file() else None
        if build.kind != "web" or address is None:
            raise Unknown("This build is nothing that a page can show.", f"Open it at /builds/{build.id}.")
        there, here = urlsplit(address), urlsplit(ports.previews.page("/") or "")
        own = there.netloc != here.netloc
        may = Scope.STEER in service.scopes and task.state not in LANDING
        if may:
            may = (await ports.policy.ask(service.person, Act.STEER, task.repository, task)).allowed
        answer = page(
            request,
            "frame.html",
            visit=request.state,
            task=task,
            build=build,
            address=(address if own else there.path) + build.first_page.lstrip("/"),
            sandbox=_SANDBOX + (" allow-same-origin" if own else ""),
            may=may,
            standing=self.servers.standing(build.id) if self.servers and build.server is not None else Standing(),
            typed=request.state.refused.typed,
        )
        source = f"{there.scheme}://{there.netloc}" if own else "'self'"
        answer.headers["Content-Security-Policy"] = f"{HEADERS['Content-Security-Policy']}; frame-src {source}"
        return answer
