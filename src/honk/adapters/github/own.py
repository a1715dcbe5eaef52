"""As whom Honk is seen on GitHub."""

from honk.adapters.github.api import Api
from honk.adapters.github.reading import Login, Shape, Text, Voice, read
from honk.domain.discussion import Author


class _App(Shape):
    slug: Text = ""


class Own:
    """Honk's account: the user of its GitHub App, "<slug>[bot]"; or whoever the personal token is of.

    GitHub is asked once. https://docs.github.com/en/rest/apps/apps#get-the-authenticated-app
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._slug: str | None = None
        self._login = ""

    async def slug(self) -> str:
        """Of the App; "" with a personal token, which may make no check runs."""
        if self._slug is None:
            app = await self._api.tokens.as_app() is not None
            self._slug = read(_App, (await self._api.get("/app")).json, "Honk's GitHub App").slug if app else ""
        return self._slug

    async def login(self) -> str:
        if not self._login:
            slug = await self.slug()
            user = "" if slug else read(Login, (await self._api.get("/user")).json, "Honk's own account").login
            self._login = user or f"{slug}[bot]"
        return self._login

    async def voice(self) -> Voice:
        """How its words are told from those of others."""
        return Voice(await self.login(), shared=not await self.slug())

    async def author(self) -> Author:
        return Author(login=await self.login(), bot=bool(await self.slug()), own=True)
