"""The forges in which Honk has an account of its own; whoever has none pays for none of their libraries."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from honk.adapters.embedded.forge import EmbeddedForge
from honk.adapters.git.targets import GitTargets
from honk.adapters.sql import SqlStore
from honk.ports import Credentials, Policy
from honk.settings import Settings
from honk.wiring.forges import RoutedCredentials, Site, Sites
from honk.wiring.place import Place, now

if TYPE_CHECKING:
    from honk.adapters.github.users import UserTokens
    from honk.wiring.github import Github
    from honk.wiring.gitlab import Gitlab


@dataclass(frozen=True, kw_only=True)
class Outside:
    """None for a forge into which Honk does not get."""

    github: "Github | None" = None
    gitlab: "Gitlab | None" = None

    @property
    def credentials(self) -> Credentials:
        """What git shows them."""
        return RoutedCredentials([one.credentials for one in (self.github, self.gitlab) if one is not None])

    def users(self, place: Place, store: SqlStore, policy: Policy) -> "UserTokens | None":
        """People's own tokens at GitHub; None where Honk is not there."""
        return None if self.github is None else self.github.users(place, store, policy)

    def sites(self, place: Place, store: SqlStore, users: "UserTokens | None") -> Sites:
        """Every forge, the embedded one last."""
        found: list[Site] = []
        if self.github is not None and users is not None:
            found.append(self.github.site(place, store, users))
        if self.gitlab is not None:
            found.append(self.gitlab.site(place, store))
        return Sites(found, EmbeddedForge(GitTargets(place.repositories), store.records, now))


@asynccontextmanager
async def outside_of(settings: Settings) -> AsyncIterator[Outside]:
    """While the context is open."""
    async with AsyncExitStack() as stack:
        github = gitlab = None
        if settings.has_github:
            from honk.wiring.github import github_opened

            github = await stack.enter_async_context(github_opened(settings))
        if settings.has_gitlab:
            from honk.wiring.gitlab import gitlab_opened

            gitlab = await stack.enter_async_context(gitlab_opened(settings))
        yield Outside(github=github, gitlab=gitlab)
