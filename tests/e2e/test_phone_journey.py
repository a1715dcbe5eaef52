"""The whole journey by thumb, on the phones that people have, under what phones meet.

A slow network, a clock that is wrong, a server that is killed, a second tab, going back, a reload in every state.
Real: Chromium, the server, git, the sandbox, the agent `command`. The pictures are in pytest's folder of the test.
"""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import CHROMIUM, Browser, Page, browser
from phone import IPHONE, LOADED, PIXEL, Model, arrives, look, phone, sign_in, slow_3g, tap, there, write
from run_world import Honk, world
from serve_world import RELEASED, Server, server

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]
#: a change that is held until somebody puts `go` beside it
HELD = "until [ -e go ]; do sleep 0.1; done; rm go; echo lala >> song.txt"
WHERE = "[location.pathname, document.querySelector('h1')?.innerText]"


@pytest.fixture
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def steady(page: Page, into: Path, name: str) -> None:
    """Nothing is wrong with how it looks, and a reload shows the same."""
    await look(page, into, name)
    before = await page.run(WHERE)
    await page.run("window.old = true")
    await page.ask("Page.reload")
    await page.until(f"!window.old && {LOADED}")
    assert await page.run(WHERE) == before, name


async def back_and_forth(page: Page, behind: str) -> None:
    """The button that goes back shows the page before, and the other one this one again, afresh."""
    here = str(await page.run("location.pathname"))
    await page.run("window.old = true; history.back()")
    await there(page, behind)
    await page.run("history.forward()")
    await page.until(f"location.pathname === {here!r} && !window.old && {LOADED}")


async def ask(page: Page, served: Server, bare: Path, into: Path) -> str:
    """A change is asked for; the task's id."""
    await sign_in(page, served.url, served.token)
    await steady(page, into, "1 ask")
    await tap(page, "#options summary")
    await write(page, ".ask #options [name=other], .ask [name=other]", str(bare))
    await page.run("document.querySelector('[name=agent]').value = 'command'")
    await write(page, ".ask textarea", HELD)
    await tap(page, ".ask button.main")
    await page.until(f"/^\\/tasks\\/./.test(location.pathname) && {LOADED}")
    await arrives(page, "coding")
    await back_and_forth(page, "/ask")
    return str(await page.run("location.pathname")).split("/")[-1]


async def review(page: Page, task: str, into: Path) -> None:
    """What changed is read; something is asked for, and comes."""
    await tap(page, ".tabs a[href$='/pull-request']")
    await there(page, "/pull-request")
    await tap(page, "button.read")
    await page.until("document.querySelector('button.read').ariaPressed === 'true'")
    await steady(page, into, "4 review")
    assert await page.run("document.querySelector('button.read').ariaPressed") == "true"
    await tap(page, "#thumb a[href$='#composer']")
    await there(page, f"/tasks/{task}")
    await back_and_forth(page, "/pull-request")
    await write(page, "#composer textarea", "echo more >> song.txt")
    await tap(page, "#composer button.main")
    ended = "!!document.querySelector('#turn-2-head .badge') && !!document.querySelector('#moves a.main')"
    await arrives(page, "proposed", ended)
    await steady(page, into, "5 turn 2")
    assert "Turn 3" not in await page.text()


async def merge(page: Page, other: Page, task: str, into: Path) -> None:
    """Two tabs are at the same button. Both are pressed, and one merges."""
    for tab in (page, other):
        await tap(tab, "#moves a.main")
        await there(tab, "/merge")
    await steady(page, into, "7 merge")
    await tap(page, ".press button")
    await arrives(page, "deployed", f"location.pathname === '/tasks/{task}'")
    await tap(other, ".press button")
    await other.until("document.readyState === 'complete' && /already|deployed/.test(document.body.innerText)")
    await look(other, into, "8 the other tab")
    await steady(page, into, "9 deployed")
    await page.run("history.back()")
    await there(page, "/merge")
    await look(page, into, "9 back at merge")


@pytest.mark.seconds(300)
@pytest.mark.slow  # its short form is test_pages_by_thumb.py
@pytest.mark.parametrize("model", [pytest.param(PIXEL, id="Pixel"), pytest.param(IPHONE, id="iPhone")])
async def test_from_words_to_production_and_back(home: Honk, chromium: Browser, tmp_path: Path, model: Model) -> None:
    music = home.repository(RELEASED)
    bare = music.with_suffix(".git")
    home.git(music, "clone", "-q", "--bare", str(music), str(bare))
    first = await home.change(bare, "echo one >> song.txt")
    assert (await home("merge", first.settled["task"])).code == 0
    page = await phone(chromium, model)
    await slow_3g(page)
    async with server(home) as served:
        task = await ask(page, served, bare, tmp_path)
        await steady(page, tmp_path, "2 at work")
        assert chromium.complaints == []
        await served.running.killed()
        port = urlsplit(served.url).port
    async with server(home, "--port", str(port)):
        (home.home / "tasks" / task / "workspace" / "go").touch()
        await arrives(page, "proposed")  # the page goes on by itself, as the work does
        chromium.complaints.clear()  # the browser itself tells of a server that was away
        await steady(page, tmp_path, "3 proposed")
        await review(page, task, tmp_path)
        await tap(page, ".tabs a[href$='/build']")
        await there(page, "/build")
        await look(page, tmp_path, "6 build")
        other = await phone(chromium, model)
        for tab in (page, other):
            await tab.go(f"{served.url}/tasks/{task}")
        await merge(page, other, task, tmp_path)
        await page.go(f"{served.url}/tasks/{task}")
        await tap(page, "#moves a[href$='/undo']")
        await there(page, "/undo")
        await steady(page, tmp_path, "10 undo")
        await tap(page, ".thumb form button")
        await page.until(f"location.pathname === '/tasks/{task}' && document.body.innerText.includes('undone:')")
        await steady(page, tmp_path, "11 undone")
        for path in ("/", "/builds", "/deployments"):
            await page.go(served.url + path)
            await steady(page, tmp_path, f"12 {path.strip('/') or 'home'}")
    assert chromium.complaints == []
    assert home.git(bare, "show", "main:song.txt").split() == ["la", "one", "lala", "more"]
    assert home.git(bare, "rev-list", "--count", "--merges", "main") == "2"
