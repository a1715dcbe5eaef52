"""GitHub in an opened Honk: its API, the forge that repositories there have, people's accounts, and the door."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx

from honk.adapters.git.targets import GitTargets
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth, Auth, TokenAuth
from honk.adapters.github.checks import GithubCi
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.deployments import GithubDeployer
from honk.adapters.github.discussions import GithubDiscussions
from honk.adapters.github.forge import GithubForge
from honk.adapters.github.oauth import GithubOauth
from honk.adapters.github.own import Own
from honk.adapters.github.users import NoUsers, UserTokens
from honk.adapters.sql import SqlStore
from honk.app import App
from honk.domain.access import Scope
from honk.domain.discussion import Permission
from honk.domain.person import Person
from honk.domain.repository import Named, Repository
from honk.domain.task import TaskId
from honk.doors.github import Backstage, Choices, GithubDoor
from honk.ports import Chats, Policy
from honk.service import Local
from honk.service.linking import GIVEN, Linking
from honk.settings import Settings
from honk.wiring.forges import Site
from honk.wiring.github_checks import poll_seconds
from honk.wiring.github_contents import MirrorContents
from honk.wiring.github_people import GithubAccounts, GithubTokens
from honk.wiring.place import Place, now

_PURPOSE = "forge-tokens"


@dataclass(frozen=True, kw_only=True)
class Github:
    """One GitHub, with Honk in it."""

    settings: Settings
    api: Api
    own: Own
    addresses: Addresses
    credentials: GithubCredentials
    #: for people's consent, which has nothing to do with Honk's own access
    client: httpx.AsyncClient

    def site(self, place: Place, store: SqlStore, users: UserTokens) -> Site:
        """The forge of the repositories that lie there."""
        web = self.api.web_url
        ci = GithubCi(self.api, self.own, web=web)
        forge = GithubForge(
            api=self.api,
            target=GitTargets(place.repositories),
            contents=MirrorContents(place.repositories),
            records=store.records,
            users=users,
            ci=ci,
            own=self.own,
            clock=now,
            auto=self.settings.file.github.auto_merge,
        )
        return Site(has=self._has, forge=forge, ci=ci, deployer=GithubDeployer(self.api, self.own, now, web=web))

    def users(self, place: Place, store: SqlStore, policy: Policy) -> UserTokens:
        """Those who linked their account; nobody where the app cannot act for people."""
        access, file = self.settings.github, self.settings.file.github
        if not access.links:
            return NoUsers()
        oauth = GithubOauth(
            client=self.client,
            web_url=file.web_url,
            api_url=file.api,
            client_id=access.client_id,
            client_secret=access.client_secret,
            clock=now,
        )
        return GithubTokens(
            oauth=oauth,
            kept=store.forge_tokens(place.addresses.derived(_PURPOSE)),
            links=store.chats.links,
            people=store.tasks,
            policy=policy,
            clock=now,
        )

    def discussions(self, identify: Callable[[str], Repository]) -> GithubDiscussions:
        """What people say there."""
        return GithubDiscussions(self.api, self.own, web=self.api.web_url, identify=identify)

    def _has(self, repository: Repository) -> bool:
        return self.addresses.full_name(repository.url) is not None


@asynccontextmanager
async def github_opened(settings: Settings) -> AsyncIterator[Github]:
    """While the context is open. Nothing is asked yet."""
    file, access = settings.file.github, settings.github
    auth: Auth = TokenAuth(token=access.token)
    if access.has_app:
        auth = AppAuth(app_id=access.app_id, private_key=access.private_key)
    addresses = Addresses(file.web_url)
    async with (
        Api(api_url=file.api, web_url=file.web_url, auth=auth, clock=now) as api,
        httpx.AsyncClient() as client,
    ):
        yield Github(
            settings=settings,
            api=api,
            own=Own(api),
            addresses=addresses,
            credentials=GithubCredentials(api, addresses),
            client=client,
        )


# ── the door ───────────────────────────────────────────────────────────────────────────────────
class Host(Protocol):
    """The opened Honk, as far as the door needs it."""

    settings: Settings
    app: App
    chats: Chats
    linking: Linking
    store: SqlStore

    @property
    def listed(self) -> Callable[[], tuple[Named, ...]]:
        """The repositories of honk.toml, as it is now."""
        ...

    def service_for(self, person: Person, scopes: frozenset[Scope]) -> Local:
        """What that person may ask of this Honk."""
        ...


def github_door(house: Host, github: Github) -> GithubDoor:
    """Closed until it is opened. Honk is not administered from there, whoever is linked."""
    wanted, app = house.settings.file.github, house.app

    async def look(task: TaskId) -> None:
        await app.look(task)

    backstage = Backstage(
        ports=app.ports,
        chats=house.chats,
        service=lambda person: house.service_for(person, GIVEN),
        linking=house.linking,
        listen=house.store.listen,
        listed=house.listed,
        look=look,
        queue=app.answer_queue,
        show=app.show_verdict,
        choices=Choices(
            name=wanted.name,
            label=wanted.label,
            least_public=Permission(wanted.ask_public),
            least_private=Permission(wanted.ask_private),
            bots=wanted.bot_turns,
            asking_bots=wanted.bots,
            poll=poll_seconds(house.settings),
        ),
    )
    return GithubDoor(
        backstage, github.discussions(app.ports.repositories.identify), house.settings.github.webhook_secret
    )


def github_accounts(house: Host, users: UserTokens) -> GithubAccounts | None:
    """What the pages need; None where the app cannot act for people."""
    return GithubAccounts(tokens=users, linking=house.linking) if isinstance(users, GithubTokens) else None
