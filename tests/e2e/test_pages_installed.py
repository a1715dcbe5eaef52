"""Honk as an installed app in a real browser: the worker, the offline page, notices and what is pressed on them.

Real: Chromium with its service worker and its notices, HTTP server, store, signing in. Not real: the push service
(the browser is handed a message by its debugger) and the agent.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import axe
import pytest
from browser import CHROMIUM, Browser, Page, browser
from test_pages_site import SECRET, Served, served, sign_in

from honk.domain.event import QuestionAsked
from honk.domain.notice import Notice
from honk.doors.notices.payloads import payload_of
from honk.views.notices import notice_of

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]
SHOWN = """navigator.serviceWorker.ready.then(r => r.getNotifications()).then(all => JSON.stringify(
  all.map(one => ({ title: one.title, body: one.body, actions: one.actions.map(a => a.title), data: one.data }))))"""


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[Served]:
    async with served(short_tmp) as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def phone(chromium: Browser, site: Served, path: str = "/") -> Page:
    """Signed in, with the worker at work, and listening for complaints."""
    page = await chromium.page()
    await page.ask("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2, mobile=True)
    await chromium.ask("Browser.grantPermissions", origin=site.origin, permissions=["notifications"])
    await sign_in(page, site, path)
    await page.run("navigator.serviceWorker.ready.then(ready => ready.active.state)")
    await page.go(site.at(path))
    await page.until("navigator.serviceWorker.controller?.state === 'activated'")
    for domain in ("Log", "Runtime", "Network", "ServiceWorker"):
        await page.ask(f"{domain}.enable")
    return page


async def offline(page: Page, worker: Page, off: bool) -> None:
    """For the page, and for its worker, which asks by itself."""
    for one in (page, worker):
        await one.ask("Network.enable")
        await one.ask(
            "Network.emulateNetworkConditions", offline=off, latency=0, downloadThroughput=-1, uploadThroughput=-1
        )


async def notice(site: Served) -> Notice:
    """What the agent asks."""
    ports = site.house.app.ports
    asked = QuestionAsked(question="May I delete the old table?", choices=("Yes", "No"))
    event = await ports.events.record(site.task.id, 1, asked)
    found = notice_of(event, (), await ports.tasks.get(site.task.id))
    assert found is not None
    return found


async def deliver(page: Page, chromium: Browser, site: Served, payload: bytes) -> list[dict[str, Any]]:
    """As a push service does; what is shown then."""
    registration = chromium.registrations[site.at("/")]
    await page.ask(
        "ServiceWorker.deliverPushMessage", origin=site.origin, registrationId=registration, data=payload.decode()
    )
    await page.until(f"{SHOWN}.then(all => all !== '[]')")
    shown: list[dict[str, Any]] = json.loads(await page.run(SHOWN))
    return shown


async def test_a_link_from_a_chat_leads_there_while_the_worker_works(site: Served, chromium: Browser) -> None:
    page = await phone(chromium, site)
    port = site.origin.rpartition(":")[2]
    await page.go(f"http://chat.example:{port}/anything")
    there = site.at(f"/tasks/{site.task.id}")
    for way in ("", " rel=noreferrer"):
        await page.run(f"document.body.innerHTML = '<a id=link href=\"{there}\"{way}>a task</a>'")
        await page.click("#link")
        await page.until(f"location.href === {there!r} && document.readyState === 'complete'")
        assert SECRET in await page.text()
        await page.go(f"http://chat.example:{port}/anything")


async def test_without_a_network_there_is_a_page_that_says_so_and_nothing_of_anybody(
    site: Served, chromium: Browser, tmp_path: Path
) -> None:
    page = await phone(chromium, site, f"/tasks/{site.task.id}")
    assert SECRET in await page.text()
    await page.run("localStorage.setItem('honk:ada:/x', JSON.stringify({ said: { text: '<b>not yet sent</b>' } }))")
    kept = json.loads(
        await page.run(
            "caches.keys().then(all => Promise.all(all.map(n => caches.open(n).then(c => c.keys())))).then("
            "all => JSON.stringify(all.flat().map(one => new URL(one.url).pathname)))"
        )
    )
    assert "/offline" in kept and all(one == "/offline" or one.startswith("/static/") for one in kept), kept
    assert chromium.complaints == []
    worker = await chromium.worker()
    await offline(page, worker, True)
    await page.go(site.at(f"/tasks/{site.task.id}/pull-request"))
    text = await page.text()
    assert "Honk cannot be reached" in text and "<b>not yet sent</b>" in text and SECRET not in text
    assert await page.url() == site.at(f"/tasks/{site.task.id}/pull-request")
    assert await page.run("getComputedStyle(document.querySelector('main')).maxWidth") == "960px", "no style"
    if axe.installed():
        assert await axe.serious(page) == []
    for dark in (False, True):
        await page.screenshot(tmp_path / f"offline-{dark}.png", dark=dark)
    await offline(page, worker, False)
    await page.go(site.at(f"/tasks/{site.task.id}"))
    assert SECRET in await page.text()


async def test_a_notice_is_shown_and_what_is_pressed_on_it_is_done_once(
    site: Served, chromium: Browser, tmp_path: Path
) -> None:
    page = await phone(chromium, site)
    said = await notice(site)
    (shown,) = await deliver(page, chromium, site, payload_of(said, site.house.person, site.house.addresses.sign))
    assert (shown["body"], shown["actions"]) == ("May I delete the old table?", ["Yes", "No"])
    worker = await chromium.worker()
    tasks = site.house.app.ports.tasks

    async def press(number: int) -> str:
        """As the handler of a tap does; only a person can tap a notice itself."""
        await worker.run(f"press({json.dumps(shown['data'])}, {json.dumps(shown['data']['buttons'][number])})")
        (after,) = json.loads(await page.run(SHOWN))
        assert after["actions"] == [] and after["data"]["page"] == f"/tasks/{site.task.id}"
        return str(after["title"])

    assert await press(0) == await press(0) == "The agent has your answer"
    assert "answered already" in await press(1)
    assert [one.message.text for one in await tasks.waiting(site.task.id)] == ["Yes"]
    await offline(page, worker, True)
    await worker.run(f"press({json.dumps(shown['data'])}, {json.dumps(shown['data']['buttons'][0])})")
    (kept,) = json.loads(await page.run(SHOWN))
    assert kept["title"].startswith("Not done, there is no network") and kept["actions"] == ["Yes", "No"]
    await offline(page, worker, False)
    for rubbish in (b"", b"<b>", b'{"title": "<img src=x>", "page": "https://evil.example/"}'):
        await deliver(page, chromium, site, rubbish)
    await worker.run("open('https://evil.example/').then(() => true)")
    assert (await page.url()).startswith(site.origin)
    await page.go(site.at("/settings"))
    await page.until("!document.querySelector('[data-push] button').hidden")
    if axe.installed():
        assert await axe.serious(page) == []
    for dark in (False, True):
        await page.screenshot(tmp_path / f"settings-{dark}.png", dark=dark)
    assert chromium.complaints == []


async def test_signing_out_leaves_nothing_and_no_preview_gets_a_worker(site: Served, chromium: Browser) -> None:
    page = await phone(chromium, site)
    await page.go(site.preview)
    found = await page.run("everything.then(JSON.parse)")
    assert found["worker"].startswith("error: "), found
    await page.go(site.at("/"))
    refused = await page.run(
        f"navigator.serviceWorker.register({site.preview!r} + 'worker.js', {{ scope: '/' }})"
        ".then(() => 'registered', String)"
    )
    assert refused != "registered", refused
    own = await page.run(
        f"navigator.serviceWorker.register({site.preview!r} + 'worker.js').then(() => 'registered', String)"
    )
    assert own != "registered" and "403" in own, own
    await page.run("localStorage.setItem('honk:ada:/x', '{}')")
    await page.click(".top button")
    await page.until("location.pathname === '/sign-in' && document.readyState === 'complete'")
    assert await page.run("caches.keys().then(all => all.length)") in {0, 1}
    assert await page.run("localStorage.length") == 0
