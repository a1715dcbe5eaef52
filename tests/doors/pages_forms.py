"""Filling in the forms of a page, as a browser does."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from typing import Any

import httpx
from pages_world import Site

from honk.domain.access import Scope
from honk.domain.task import Task

EVERYTHING = (Scope.READ, Scope.ASK, Scope.STEER, Scope.MERGE, Scope.DEPLOY)


@dataclass
class Filled:
    """One form, with what stands in it."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page that act."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[Filled] = []
        self._words: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        at = {name: value or "" for name, value in attrs}
        if tag == "form" and at.get("method") == "post":
            self.found.append(Filled(at["action"]))
        if not self.found or "name" not in at:
            return
        unpressed = at.get("type") in {"radio", "checkbox"} and "checked" not in at
        if tag == "input" and at.get("type") != "file" and not unpressed:
            self.found[-1].fields[at["name"]] = at.get("value", "")
        if tag == "textarea":
            self._words = at["name"]
            self.found[-1].fields[at["name"]] = ""

    def handle_data(self, data: str) -> None:
        if self._words is not None:
            self.found[-1].fields[self._words] += data.removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._words = None


def forms(page: str) -> list[str]:
    """Where the forms of the page lead, but for signing out, and for saying that it was read."""
    return [one.action for one in Forms(page).found if one.action != "/sign-out" and not one.action.endswith("/seen")]


def form(page: str, action: str, **like: str) -> Filled:
    """The form that leads there, with these fields; there must be one."""
    found = [one for one in Forms(page).found if one.action == action and like.items() <= one.fields.items()]
    assert found, (action, like, [(one.action, one.fields) for one in Forms(page).found])
    return found[0]


async def send(site: Site, filled: Filled, files: Any = None, **fields: str) -> httpx.Response:
    """Presses the form's button."""
    return await site.browser.post(filled.action, data={**filled.fields, **fields}, files=files)


async def press(
    site: Site, task: Task, verb: str, *, page: str = "", files: Any = None, **fields: str
) -> httpx.Response:
    """Opens the task's page, or one below it, and presses the button there."""
    text = await site.text(f"/tasks/{task.id}{page}")
    return await send(site, form(text, f"/tasks/{task.id}/{verb}"), files, **fields)


async def signed_in(site: Site, *scopes: Scope, name: str = "Ada") -> None:
    """In this browser, as that person, with a token for that."""
    person = await site.world.person(name)
    issued = await site.world.store.tokens.issue(person.id, "phone", frozenset(scopes or EVERYTHING))
    site.browser.cookies.clear()
    await site.sign_in(issued.secret.reveal())


async def done(site: Site, text: str = "fix the crash", **options: Any) -> Task:
    """A task that is at rest."""
    async with site.world.working():
        return await site.world.settled(await site.world.ask(text, **options))


async def settled(site: Site, task: Task) -> Task:
    """The same once everything that was started for it has ended."""
    async with site.world.working():
        return await site.world.settled(task)


def words(answer: httpx.Response) -> str:
    """What a person reads."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def led_to(answer: httpx.Response) -> str:
    """Where the browser goes, and asks with GET."""
    assert answer.status_code == 303, (answer.status_code, words(answer))
    return answer.headers["location"]
