"""`/settings`: what is set, and where; secrets are said to be set, and never shown."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response

from honk.doors.web.gates import demand_administrator
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
    """For who may administer Honk."""

    sessions: Sessions
    settings: Callable[[], tuple[SettingShown, ...]]

    async def shown(self, request: Request, service: Local) -> Response:
        """By section."""
        await demand_administrator(request, self.sessions, service)
        sections = [(name, list(rows)) for name, rows in groupby(self.settings(), key=lambda one: one.section)]
        return page(request, "settings.html", visit=request.state, here="settings", sections=sections)
