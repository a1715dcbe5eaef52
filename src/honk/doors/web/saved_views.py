"""Searches that a person keeps under a name: theirs alone, kept and changed by small forms."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from honk.domain.person import Person
from honk.domain.search import LONGEST
from honk.domain.text import one_line, visible
from honk.doors.web.rendering import HEADERS, problem
from honk.doors.web.signing_in import Sessions
from honk.ports import Preferences
from honk.service import Local
from honk.service.searching import Tab

#: characters of a name, and views of one person
_NAME, _MOST = 40, 30


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """A search under its name."""

    name: str
    text: str
    tab: Tab

    @property
    def link(self) -> str:
        return address(self.tab, self.text)


def address(tab: Tab, text: str) -> str:
    """Where that list is."""
    said = urlencode({name: value for name, value in (("tab", tab), ("q", text)) if value})
    return f"/?{said}"


@dataclass(frozen=True, kw_only=True)
class SavedViews:
    """Nobody sees or changes those of others: they are found by who is signed in, never by an id of the request."""

    sessions: Sessions
    preferences: Preferences

    async def of(self, person: Person) -> tuple[View, ...]:
        """By name."""
        kept = await self.preferences.read(_subject(person))
        return tuple(_view(name, kept[name]) for name in sorted(kept, key=str.casefold))

    async def save(self, request: Request, service: Local) -> Response:
        """Keeps the search; under a name that is taken, the new one replaces it."""

        async def act(form: dict[str, str]) -> str:
            name, text = _name(form.get("name", "")), visible(one_line(form.get("q", "")))[:LONGEST]
            tab = Tab(form.get("tab", "")) if form.get("tab") in set(Tab) else Tab.ALL
            kept = await self.preferences.read(_subject(service.person))
            if not name or (len(kept) >= _MOST and name not in kept):
                return "/?view=refused"
            await self.preferences.write(_subject(service.person), {name: urlencode({"tab": tab, "q": text})})
            return address(tab, text)

        return await self._with_form(request, act)

    async def rename(self, request: Request, service: Local) -> Response:
        """The same search under another name. One that is not there, or a name that is taken: no effect."""

        async def act(form: dict[str, str]) -> str:
            old, new = form.get("view", ""), _name(form.get("name", ""))
            kept = await self.preferences.read(_subject(service.person))
            if not new or old not in kept or (new in kept and new != old):
                return "/?view=refused"
            await self.preferences.write(_subject(service.person), {old: "", new: kept[old]})
            return _view(new, kept[old]).link

        return await self._with_form(request, act)

    async def remove(self, request: Request, service: Local) -> Response:
        """Removed already: no effect."""

        async def act(form: dict[str, str]) -> str:
            old = form.get("view", "")
            if old in await self.preferences.read(_subject(service.person)):
                await self.preferences.write(_subject(service.person), {old: ""})
            return "/"

        return await self._with_form(request, act)

    async def _with_form(self, request: Request, act: Callable[[dict[str, str]], Awaitable[str]]) -> Response:
        form = await self.sessions.form(request)
        if form is None:
            remedy = "Go back, load the page again, and try once more."
            return problem(request, 403, "Nothing was changed", "This form was not filled in here.", remedy)
        return RedirectResponse(await act(form), status_code=303, headers=HEADERS)


def _subject(person: Person) -> str:
    return f"views/{person.id}"


def _name(text: str) -> str:
    return visible(one_line(text))[:_NAME].strip()


def _view(name: str, kept: str) -> View:
    fields = {key: values[0] for key, values in parse_qs(kept).items()}
    tab = fields.get("tab", "")
    return View(name=name, text=fields.get("q", ""), tab=Tab(tab) if tab in set(Tab) else Tab.ALL)
