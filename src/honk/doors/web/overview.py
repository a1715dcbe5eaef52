"""Pages that look over everything: builds, deployments, money, repositories, people, the audit log and the settings.

Whoever may look may see builds, deployments, costs, the repositories that are theirs to use and their own settings.
The audit log, all people and the server's settings are for who may administer Honk, in a visit that is for it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from honk.domain.rules import Rules
from honk.doors.web.audit_page import AuditPage
from honk.doors.web.builds_page import builds
from honk.doors.web.costs_page import costs
from honk.doors.web.deployments_page import deployments
from honk.doors.web.notices_page import NoticesPage, Noticing
from honk.doors.web.people_page import PeoplePage
from honk.doors.web.rendering import page
from honk.doors.web.repositories_page import RepositoriesPage
from honk.doors.web.settings_page import SettingShown, SettingsPage
from honk.doors.web.signing_in import Sessions
from honk.ports import Preferences
from honk.service import Local

_Page = Callable[[Request, Local], Awaitable[Response]]


@dataclass(frozen=True, kw_only=True)
class Known:
    """What these pages show besides what the service answers."""

    preferences: Preferences
    #: the policy as it is now
    rules: Callable[[], Rules] = Rules
    #: what is set, without secrets
    settings: Callable[[], tuple[SettingShown, ...]] = tuple
    #: how people are told who look at no page; None: not at all
    noticing: Noticing | None = None

    def notices(self, sessions: Sessions) -> NoticesPage | None:
        """Where people say what they want to be told."""
        if self.noticing is None:
            return None
        return NoticesPage(sessions=sessions, preferences=self.preferences, noticing=self.noticing)


def overview(
    sessions: Sessions, known: Known, notices: NoticesPage | None, *, github: bool = False
) -> tuple[tuple[str, _Page], ...]:
    """The pages by their addresses; `github`: people may have an account of their own there."""

    async def more(request: Request, service: Local) -> Response:
        about = await service.about()
        return page(request, "more.html", visit=request.state, here="more", about=about, github=github)

    return (
        ("/builds", builds),
        ("/deployments", deployments),
        ("/costs", costs),
        ("/repositories", RepositoriesPage(sessions=sessions).repositories),
        ("/people", PeoplePage(sessions=sessions, rules=known.rules).people),
        ("/audit", AuditPage(sessions=sessions).audit),
        ("/settings", SettingsPage(sessions=sessions, settings=known.settings, notices=notices).shown),
        ("/more", more),
    )
