"""Home and the overviews in a real browser, on a small phone: nothing sticks out, breaks off, or keeps people out.

Real: Chromium, HTTP server, store, signing in, axe-core where it is installed. Not real: the tasks.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import axe
import pytest
from browser import CHROMIUM, Browser, Page, browser

from honk.domain.access import Scope
from honk.domain.audit import Entry
from honk.domain.build import Build
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import DeploymentStarted
from honk.domain.limits import Spending
from honk.domain.message import Message, MessageId
from honk.domain.policy import Act, Decision
from honk.domain.repository import Repository, Sha
from honk.domain.task import State, Task, TaskId
from honk.domain.turn import Turn
from honk.settings import Settings
from honk.wiring import OpenHonk, open_honk
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]
PAGES = (
    *("/", "/?tab=all", "/?q=nothing+like+it", "/builds", "/deployments", "/costs", "/repositories", "/people"),
    *("/audit", "/settings", "/more"),
)
#: what goes wrong in a page, kept before anything of the page runs
_LISTEN = """window.wrong = [];
addEventListener("error", event => wrong.push("error: " + (event.message || event.target.outerHTML)), true);
addEventListener("unhandledrejection", event => wrong.push("promise: " + event.reason));
addEventListener("securitypolicyviolation", event => wrong.push("policy: " + event.violatedDirective));
console.error = (...said) => wrong.push("console: " + said.join(" "));"""
LONG = "a-name-without-any-place-at-which-it-could-be-broken-" * 3


@dataclass
class Served:
    """A Honk with something on every page."""

    origin: str
    token: str


async def fill(house: OpenHonk) -> None:
    ports, now = house.app.ports, datetime.now(UTC)
    for number, state in enumerate((State.PROPOSED, State.DRAFT, State.WAITING, State.FAILED, State.CODING)):
        task = Task(
            id=TaskId(f"task-{number}"),
            repository=Repository(url=f"/somewhere/{LONG}", name=LONG if number % 2 else "music-player", key="music-1"),
            instruction=f"fix the crash when a playlist is empty, number {number} {LONG if number == 1 else ''}",
            requested_by=house.person.id,
            state=State.ACCEPTED,
            created_at=now - timedelta(hours=number),
        )
        message = Message(id=MessageId(f"m{number}"), by=house.person.id, text="fix", at=now)
        await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
        await ports.tasks.move(task.id, State.CODING)
        if state is not State.CODING:
            reason = "which of the two playlists do you mean, the empty one?" if state is State.WAITING else ""
            await ports.tasks.move(task.id, state, reason)
        await ports.budgets.reserve(task.id, 1, house.person.id, 5.0)
        await ports.records.add_spending(task.id, Spending(usd=0.31 * number, calls=1))
        said = Decision(allowed=number % 2 == 0, reason=f"roles[0] grants it to {LONG}", version="1")
        await ports.audit.record(Entry.of(house.person, Act.MERGE, task.repository, task, said, now))
        build = Build(id=f"b{number}", task=task.id, commit=Sha("c" * 40), kind="web", digest="d" * 64, size=4711)
        await ports.records.save_build(replace(build, name=LONG, version="1.4.0+abc1234"))
        live = Deployment(
            id=f"x{number}",
            task=task.id,
            repository="music-1",
            environment="production",
            commit=Sha("c" * 40),
            digest="d" * 64,
            state=DeploymentState.STARTED if number == 4 else DeploymentState.LIVE,
            at=now + timedelta(seconds=number),
            previous=f"x{number - 1}" if number else None,
            url=f"https://{LONG}.example",
        )
        await ports.records.save_deployment(live)
        started = DeploymentStarted(deployment=live.id, environment="production", commit="c", undo="undo deploys again")
        await ports.events.record(task.id, 1, started)


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Served]:
    async with open_honk(Settings.load({"HONK_HOME": str(home), "ANTHROPIC_API_KEY": "sk-never-shown"})) as house:
        await fill(house)
        issued = await house.app.ports.tokens.issue(house.person.id, "phone", frozenset(Scope))
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                yield Served(origin, issued.secret.reveal())


async def on_a_phone(chromium: Browser, site: Served, *, dark: bool) -> Page:
    """A page of 360 × 740 whose browser has signed in."""
    page = await chromium.page()
    await page.ask("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    await page.ask(
        "Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    )
    await page.ask("Page.addScriptToEvaluateOnNewDocument", source=_LISTEN)
    await page.go(f"{site.origin}/")
    if await page.run("location.pathname") == "/sign-in":
        await page.run(f"document.querySelector('[name=token]').value = {site.token!r}")
        await page.click(".sign-in button")
        await page.until("location.pathname === '/' && document.readyState === 'complete'")
    return page


async def test_every_overview_fits_a_small_phone_in_light_and_dark(short_tmp: Path, tmp_path: Path) -> None:
    async with served(short_tmp / "home") as site, browser(tmp_path / "profile") as chromium:
        for dark in (False, True):
            page = await on_a_phone(chromium, site, dark=dark)
            for path in PAGES:
                await page.go(site.origin + path)
                wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
                assert wide == 0, f"{path} is {wide} pixels too wide"
                assert await page.run("wrong") == [], path
                assert "sk-never-shown" not in await page.run("document.documentElement.outerHTML")
                low = "[...document.querySelectorAll('nav.bar a')].every(one => one.offsetHeight >= 44)"
                assert await page.run(low), f"the bar of {path} is too low for a thumb"
                name = path.strip("/?").replace("=", "-").replace("+", "-") or "home"
                await page.screenshot(tmp_path / f"{name}{'-dark' if dark else ''}.png", dark=dark)
                if axe.installed():
                    assert await axe.serious(page) == [], (path, dark)


async def test_home_works_by_keyboard_and_keeps_what_is_typed(short_tmp: Path, tmp_path: Path) -> None:
    async with served(short_tmp / "home") as site, browser(tmp_path / "profile") as chromium:
        page = await on_a_phone(chromium, site, dark=False)
        await page.go(f"{site.origin}/?tab=all")
        for kind in ("keyDown", "keyUp"):
            await page.ask("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        assert await page.run("document.activeElement.className") == "skip"
        # the list renews itself while a task is at work, and takes no word out of the field
        await page.run("document.querySelector('[name=q]').focus(); document.querySelector('[name=q]').value = 'draf'")
        await page.run(
            "window.looked = 0; const ask = window.fetch; window.fetch = (...a) => { looked++; return ask(...a) }; 0"
        )
        await page.until("looked >= 2")
        assert await page.run("document.querySelector('[name=q]').value") == "draf"
        await page.run("document.querySelector('[name=q]').value = 'state:draft'")
        await page.click(".filter button")
        await page.until("location.search.includes('state') && document.readyState === 'complete'")
        assert await page.run("document.querySelectorAll('.cards li').length") == 1
        assert "number 1" in await page.text()
