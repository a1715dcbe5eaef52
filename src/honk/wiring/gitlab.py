"""GitLab in an opened Honk: the forge that repositories there have, its token for git, and the door for its events."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from honk.adapters.git.targets import GitTargets
from honk.adapters.gitlab import GitlabCi, GitlabCredentials, GitlabForge, Server
from honk.adapters.sql import SqlStore
from honk.domain.repository import Repository
from honk.domain.task import TaskId
from honk.doors.gitlab import GitlabDoor
from honk.settings import Settings
from honk.wiring.forges import Site
from honk.wiring.place import Place, now


@dataclass(frozen=True, kw_only=True)
class Gitlab:
    """One GitLab, with Honk in it."""

    settings: Settings
    server: Server
    credentials: GitlabCredentials

    def site(self, place: Place, store: SqlStore) -> Site:
        """The forge of the repositories that lie there."""
        forge = GitlabForge(self.server, GitTargets(place.repositories), store.records)
        return Site(has=self._has, forge=forge, ci=GitlabCi(self.server))

    def door(self, store: SqlStore, look: Callable[[TaskId], Awaitable[object]]) -> GitlabDoor | None:
        """Closed until it is opened; None where no token says which events are GitLab's."""
        token = self.settings.gitlab.webhook
        return GitlabDoor(token, store.chats.deliveries, now, look) if token else None

    def _has(self, repository: Repository) -> bool:
        return self.server.path_of(repository) is not None


@asynccontextmanager
async def gitlab_opened(settings: Settings) -> AsyncIterator[Gitlab]:
    """While the context is open. Nothing is asked of GitLab before somebody needs it."""
    server = Server(settings.file.gitlab.url, settings.gitlab.api, ca_bundle=settings.ca_bundle)
    try:
        yield Gitlab(settings=settings, server=server, credentials=GitlabCredentials(server))
    finally:
        server.close()
