"""`/settings`: what a person wants to be told; what is set, and where. Secrets are said to be set, and never shown."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from honk.doors.web.gates import administers, demand_administrator
from honk.doors.web.notices_page import NoticesPage
from honk.doors.web.rendering import page
from honk.doors.web.signing_in import Sessions
from honk.service import Local


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingShown:
    """One setting as it is now."""

    #: of honk.toml; "" for those at its top, and "environment" for what is no key of the file
    section: str
    name: str
    value: str
    #: "honk.toml", "the environment" or "default"
    origin: str


@dataclass(frozen=True, kw_only=True)
class SettingsPage:
    """One's own for everybody; the server's for who may administer Honk."""

    sessions: Sessions
    settings: Callable[[], tuple[SettingShown, ...]]
    #: None: nobody is told anything here
    notices: NoticesPage | None = None

    async def shown(self, request: Request, service: Local) -> Response:
        """The server's by section."""
        if self.notices is None:
            await demand_administrator(request, self.sessions, service)
        all_of_it = await administers(request, self.sessions, service)
        rows = self.settings() if all_of_it else ()
        return page(
            request,
            "settings.html",
            visit=request.state,
            here="settings",
            told=None if self.notices is None else await self.notices.told(request, service.person),
            kept=request.query_params.get("kept") == "notices",
            all_of_it=all_of_it,
            sections=[(name, list(of)) for name, of in groupby(rows, key=lambda one: one.section)],
        )
