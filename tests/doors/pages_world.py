"""Honk's pages over a world in memory, with a browser that has signed in."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette

from honk.adapters.pages import Addresses
from honk.adapters.passkeys import WebAuthn
from honk.adapters.push import WebPush
from honk.domain.access import Scope
from honk.domain.limits import Limits
from honk.domain.pull_request import MergeMethod
from honk.doors.web.attempts import Attempts
from honk.doors.web.device_page import DevicePage
from honk.doors.web.github_page import GithubPage
from honk.doors.web.install_page import InstallPage
from honk.doors.web.notices_page import Noticing
from honk.doors.web.overview import Known
from honk.doors.web.pages import Hall, pages
from honk.doors.web.signing_in import Sessions
from honk.service import Defaults, Local
from honk.service.app_servers import Servers
from honk.service.entering import Entering
from honk.service.entering import Known as Provided
from honk.service.feed import Feed
from honk.service.linking import Linking
from honk.testing.fake_push import FakePush
from honk.testing.world import World, world


@dataclass
class Site:
    """A world, its pages, and whoever looks at them."""

    world: World
    addresses: Addresses
    browser: httpx.AsyncClient
    #: what the server says of itself
    closing: bool = False
    #: the service that delivers notices
    push: FakePush = field(default_factory=lambda: FakePush(lambda: datetime.now(UTC)))
    #: what streams are fed by, once it runs; and the pages, for who speaks to them without a browser
    feed: Feed = field(init=False)
    app: Starlette = field(init=False)

    async def token(self, *scopes: Scope, name: str = "phone") -> str:
        """A new token of Ada's; for looking, unless other scopes are named."""
        person = await self.world.person()
        issued = await self.world.store.tokens.issue(person.id, name, frozenset(scopes or (Scope.READ,)))
        return issued.secret.reveal()

    async def sign_in(self, token: str, to: str = "/", **fields: str) -> httpx.Response:
        """Fills in the form as a browser does."""
        form = await self.browser.get("/sign-in", params={"to": to})
        nonce = re.search(r'name="nonce" value="(\w+)"', form.text)
        assert nonce is not None
        return await self.browser.post("/sign-in", data={"nonce": nonce[1], "to": to, "token": token, **fields})

    async def text(self, path: str) -> str:
        """The page at that path, which must be there."""
        answer = await self.browser.get(path)
        assert answer.status_code == 200, (path, answer.status_code, answer.text)
        return answer.text


def linking_of(here: World, addresses: Addresses) -> Linking:
    """What a chat's door makes addresses with."""
    return Linking(sign=addresses.sign, links=here.store.chats.links, app=here.app)


def noticing_of(here: World, addresses: Addresses, push: FakePush) -> Noticing:
    """How people are told who look at no page."""
    sender = WebPush(
        secret=addresses.derived("vapid"),
        contact="https://honk.example",
        post=push.post,
        allow=push.allow,
        clock=here.clock,
    )
    return Noticing(devices=here.store.devices(b"k" * 32), push=sender, sign=addresses.sign, mail=True)


#: The pages for people's own accounts at GitHub.
GithubPages = Callable[[World, Addresses, Sessions], GithubPage]


def app_of(
    here: World,
    addresses: Addresses,
    *,
    secure: bool = False,
    github: GithubPages | None = None,
    providers: Mapping[str, Provided] | None = None,
    closing: Callable[[], bool] = lambda: False,
    noticing: Noticing | None = None,
    feed: Feed | None = None,
    servers: Servers | None = None,
) -> Starlette:
    """The pages alone."""
    ports = here.app.ports
    entering = Entering(
        entrance=here.store.entrance,
        app=here.app,
        linking=linking_of(here, addresses),
        authenticators=WebAuthn(f"{'https' if secure else 'http'}://honk.example", lambda: None),
        providers=providers or {},
    )
    sessions = Sessions(
        tokens=ports.tokens,
        entrance=here.store.entrance,
        attempts=Attempts(clock=ports.clock),
        clock=ports.clock,
        secure=secure,
        providers=tuple((one.name, one.title) for one in entering.providers.values()),
        passkeys_at=entering.authenticators.origin,
    )

    async def nothing() -> tuple[()]:
        return ()

    hall = Hall(
        sessions=sessions,
        service=lambda access: Local(
            app=here.app,
            feed=feed or Feed(ports.events),
            person=access.person,
            scopes=access.scopes,
            defaults=Defaults(limits=Limits(), model="", merge=MergeMethod.MERGE),
            alone=lambda: nullcontext(False),
            doctor=nothing,
        ),
        linking=entering.linking,
        entering=entering,
        address=lambda path: f"http://honk{path}",
        closing=closing,
        known=Known(
            preferences=here.store.chats.preferences,
            rules=lambda: here.who_is_who,
            noticing=noticing or noticing_of(here, addresses, FakePush(here.clock)),
        ),
        github=github(here, addresses, sessions) if github else None,
        install=InstallPage(
            ports=ports, devices=DevicePage(ports=ports, sessions=sessions, key=addresses.derived("device"))
        ),
        servers=servers,
    )
    site = Starlette(routes=pages(hall))
    site.router.redirect_slashes = False
    return site


@asynccontextmanager
async def site_of(
    home: Path,
    *,
    secure: bool = False,
    github: GithubPages | None = None,
    providers: Callable[[World], Mapping[str, Provided]] = lambda _: {},
) -> AsyncIterator[Site]:
    """A world in that folder, served; nobody has signed in yet."""
    async with world(home) as here:
        addresses, push = Addresses(home), FakePush(here.clock)
        noticing = noticing_of(here, addresses, push)
        feed = Feed(here.store.events)
        here.store.listen(feed.heard)
        app = app_of(
            here,
            addresses,
            secure=secure,
            github=github,
            providers=providers(here),
            closing=lambda: made.closing,
            noticing=noticing,
            feed=feed,
        )
        scheme = "https" if secure else "http"
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"{scheme}://honk") as browser:
            made = Site(here, addresses, browser, push=push)
            made.feed, made.app = feed, app
            yield made
