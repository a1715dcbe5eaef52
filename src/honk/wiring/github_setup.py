"""`honk github setup`, `check` and `manifest`, with this machine's settings."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from honk.domain.text import Secret
from honk.doors.cli.github import Made, Standing
from honk.errors import NotNow
from honk.service import Diagnosis
from honk.settings import Settings
from honk.settings.github import GithubAccess, place_of_app
from honk.wiring.github_app import EVENTS_PATH, manifest
from honk.wiring.github_asking import asking
from honk.wiring.github_checks import Checks
from honk.wiring.github_registering import Registration, converted, keep, served, write_page
from honk.wiring.place import make_home


class GithubSetup:
    """Implements honk.doors.cli.github.GithubSetup."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def manifest(self, name: str) -> str:
        """The app, as GitHub takes it."""
        file = self._settings.file
        return manifest(name=name, home=file.github.web_url, public_url=file.public_url)

    def standing(self) -> Standing:
        """How far GitHub is set up."""
        settings = self._settings
        return Standing(
            enabled=settings.file.github.enabled,
            app=settings.github.has_app,
            token=bool(settings.github.token),
            missing=() if settings.github.opens else settings.github.missing,
            public_url=settings.file.public_url,
            web_url=settings.file.github.web_url,
            path=settings.path,
            roles=bool(settings.file.roles),
            user=settings.user,
        )

    def begun(self, name: str, org: str) -> Registration:
        """One app that is about to be made. Raises NotNow where there is one already."""
        settings = self._settings
        if settings.github.has_app:
            raise NotNow(
                f"there is an app already, {settings.github.slug or settings.github.app_id}",
                f"honk github check tries it; for another one remove {place_of_app(settings.home)} first",
            )
        file = settings.file

        def made(redirect: str) -> str:
            return manifest(name=name, home=file.github.web_url, public_url=file.public_url, redirect=redirect)

        return Registration(web_url=file.github.web_url, org=org, manifest=made)

    def served(self, registration: Registration, port: int) -> AbstractAsyncContextManager[Registration]:
        """Its page, on loopback."""
        return served(registration, port)

    def written(self, registration: Registration) -> Path:
        """Its page, as a file."""
        make_home(self._settings.home)
        return write_page(self._settings.home, registration)

    async def finish(self, code: str) -> Made:
        """Fetches key and secrets, keeps them, and tells GitHub where to send news, where it does not know."""
        settings = self._settings
        make_home(settings.home)
        app = dict(await converted(settings.file.github.api, code))
        own = not app["webhook_secret"]
        if own:
            app["webhook_secret"] = secrets.token_hex(32)
        path = keep(settings.home, app)
        place_of_app(settings.home).with_name("new-app.html").unlink(missing_ok=True)
        self._settings = settings.model_copy(update={"github": _access(app)})
        if own:
            await self._point()
        return Made(
            slug=app["slug"],
            path=path,
            page=app["html_url"],
            install=f"{app['html_url'].rstrip('/')}/installations/new" if app["html_url"] else "",
        )

    async def point(self) -> str:
        """Where GitHub sends news from now on: to `public_url`; "" where it did so already, or cannot."""
        settings = self._settings
        if not settings.github.has_app or not settings.file.public_url.startswith("https://"):
            return ""
        wanted = f"{settings.file.public_url}{EVENTS_PATH}"
        async with asking(settings) as github:
            told = await github.as_app("GET", "/app/hook/config")
            if told.status != 200 or told.of.get("url") == wanted:
                return ""
        return wanted if await self._point() else ""

    async def _point(self) -> bool:
        """https://docs.github.com/en/rest/apps/webhooks#update-a-webhook-configuration-for-an-app"""
        settings = self._settings
        wanted = {"content_type": "json", "insecure_ssl": "0", "secret": settings.github.webhook_secret.reveal()}
        if settings.file.public_url.startswith("https://"):
            wanted["url"] = f"{settings.file.public_url}{EVENTS_PATH}"
        async with asking(settings) as github:
            return (await github.as_app("PATCH", "/app/hook/config", wanted)).status == 200

    async def installed(self) -> tuple[str, ...]:
        """Accounts at which the app is installed."""
        async with asking(self._settings) as github:
            found = await Checks(github, self._settings).installations()
        return tuple(str((one.get("account") or {}).get("login", "?")) for one in found)

    async def check(self) -> AsyncIterator[Diagnosis]:
        """Everything that Honk needs of GitHub, by trying it."""
        async with asking(self._settings) as github:
            async for one in Checks(github, self._settings).all():
                yield one


def _access(app: Mapping[str, str]) -> GithubAccess:
    return GithubAccess(
        app_id=app["id"],
        private_key=Secret(app["pem"]),
        client_id=app["client_id"],
        client_secret=Secret(app["client_secret"]),
        webhook_secret=Secret(app["webhook_secret"]),
        slug=app["slug"],
    )
