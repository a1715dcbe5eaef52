"""A phone of 360×740 as the only door: ask, reply, merge. Offline in between.

Real: Chromium, the server, git, the sandbox, the agent `command`. In the short form nobody works on the task.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browser
from phone import arrives, look, offline, phone, sign_in, tap, write
from run_world import Honk, world
from serve_world import RELEASED, server

from honk.domain.access import Scope
from honk.domain.event import StepProgressed
from honk.domain.task import Options, Task
from honk.settings import Settings
from honk.wiring import OpenHonk, open_honk
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]


@pytest.fixture
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


@asynccontextmanager
async def at_rest(home: Honk, folder: Path) -> AsyncIterator[tuple[OpenHonk, Task, str, str]]:
    """A server on which nobody works, with one task; its address, and a token."""
    async with open_honk(Settings.load({"HONK_HOME": str(folder)})) as house:
        task = await house.app.submit(house.person, str(home.repository()), "true", Options(agent="command"))
        issued = await house.app.ports.tokens.issue(house.person.id, "phone", frozenset(Scope))
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                yield house, task, origin, issued.secret.reveal()


async def test_what_is_sent_in_a_tunnel_arrives_once_also_after_the_page_was_closed(
    home: Honk, chromium: Browser, tmp_path: Path, short_tmp: Path
) -> None:
    async with at_rest(home, short_tmp) as (house, task, origin, token):
        page = await phone(chromium)
        await sign_in(page, origin, token)
        await page.go(f"{origin}/tasks/{task.id}")
        await write(page, "#composer textarea", "and log it")
        await house.app.ports.events.record(task.id, 1, StepProgressed(step="code", detail="half of it"))
        await page.until("document.querySelector('main').textContent.includes('half of it')")
        assert await page.run("document.activeElement.value") == "and log it", "it was thrown away"

        await offline(page, True)
        await tap(page, "#composer button.main")
        await page.until("document.querySelector('[data-say]').textContent.includes('No network')")
        await look(page, tmp_path, "offline")
        once = await page.run("document.querySelector('#composer [name=once]').value")
        await page.go("about:blank")
        await offline(page, False)
        await page.go(f"{origin}/tasks/{task.id}")
        await page.until("document.body.textContent.includes('Waiting messages')")
        assert [one.message.text for one in await house.app.ports.tasks.waiting(task.id)] == ["and log it"]
        await page.until("Object.keys(localStorage).length === 0")  # what was accepted is not kept
        await look(page, tmp_path, "sent")

        # The same once more, as from a second tab that did not hear of it.
        sent = await page.run(
            "(async () => { const form = document.querySelector('#composer'); const said = new FormData(form);"
            f" said.set('once', {once!r}); said.set('text', 'and log it');"
            " return (await fetch(form.action, { method: 'POST', body: said })).status })()"
        )
        assert sent == 200 and len(await house.app.ports.tasks.waiting(task.id)) == 1
        chromium.complaints = [one for one in chromium.complaints if "ERR_INTERNET_DISCONNECTED" not in one]
        assert chromium.complaints == []


@pytest.mark.slow
@pytest.mark.sandbox
async def test_a_change_goes_from_the_words_to_production_by_thumb(
    home: Honk, chromium: Browser, tmp_path: Path
) -> None:
    music = home.repository(RELEASED)
    bare = music.with_suffix(".git")
    home.git(music, "clone", "-q", "--bare", str(music), str(bare))
    async with server(home) as served:
        page = await phone(chromium)
        await sign_in(page, served.url, served.token)
        await look(page, tmp_path, "ask")
        await write(page, ".ask [name=other]", str(bare))
        await page.run("document.querySelector('#options').open = true")
        await page.run("document.querySelector('[name=agent]').value = 'command'")
        await tap(page, "[name=build]")
        await write(page, ".ask textarea", "sleep 4; echo lala >> song.txt")
        await tap(page, ".ask button.main")
        await page.until("/^\\/tasks\\/./.test(location.pathname) && document.readyState === 'complete'")

        # What is half written, and the keyboard, outlive the page's going on by itself.
        await write(page, "#composer textarea", "echo more")
        await arrives(page, "coding")
        await look(page, tmp_path, "at work")
        await arrives(page, "proposed")
        assert await page.run("document.activeElement === document.querySelector('#composer textarea')")
        assert await page.run("document.activeElement.value") == "echo more"
        assert await page.run("[...document.querySelectorAll('#moves a')].map(a => a.textContent).join()"), "no Merge"
        assert chromium.complaints == []

        await write(page, "#composer textarea", " >> song.txt")
        await offline(page, True)
        await tap(page, "#composer button.main")
        await page.until("document.querySelector('[data-say]').textContent.includes('No network')")
        await look(page, tmp_path, "offline")
        await offline(page, False)
        ended = "!!document.querySelector('#turn-2-head .badge') && !!document.querySelector('#moves a.main')"
        await arrives(page, "proposed", ended)
        chromium.complaints.clear()  # the browser itself tells of requests in the tunnel
        assert "Turn 3" not in await page.text()
        await page.until("Object.keys(localStorage).length === 0")  # what was accepted is not kept
        await look(page, tmp_path, "proposed")

        await tap(page, "#moves a.main")
        await page.until("location.pathname.endsWith('/merge') && document.readyState === 'complete'")
        await look(page, tmp_path, "merge")
        await tap(page, ".press button")
        await arrives(page, "deployed", "location.pathname.split('/').length === 3")
        await look(page, tmp_path, "deployed")
        await page.go(f"{served.url}/")
        await look(page, tmp_path, "first page")
        assert chromium.complaints == []
        assert home.git(bare, "show", "main:song.txt").split() == ["la", "lala", "more"]
