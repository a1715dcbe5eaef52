"""A framed preview in a real browser: a person points at what is wrong, and a hostile page does nothing of the kind.

Real: Chromium, HTTP server, store, signing in, preview, frame. Not real: the task; and no camera takes the screenshot.
"""

import io
import json
import tarfile
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, Page, browser

from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.message import Message, MessageId
from honk.domain.repository import Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.settings import Settings
from honk.testing.fake_outside import FakeCamera
from honk.wiring import OpenHonk, open_honk
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the frame is not tried in a browser (make browser)"),
]

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>player</title><style>body{font:16px system-ui;margin:0;padding:2rem}button{font:inherit;padding:1rem}</style>
<main><h1>Music</h1><p>No songs</p><button id="play" onclick="document.title='pressed'">Play</button></main></html>"""
#: It says at once what the person pointed at, presses what it can reach, and leaves the frame if it can.
HOSTILE = """<!doctype html><title>hostile</title><p>hello</p><script>
const found = {};
const tried = (name, act) => Promise.resolve().then(act)
  .then(v => { found[name] = String(v) }, e => { found[name] = "error: " + e });
const everything = () => Promise.all([
  tried("cookie", () => document.cookie),
  tried("top", () => { top.location = "/sign-out"; return "went" }),
  tried("parent", () => parent.document.body.innerText),
  tried("press", () => parent.document.querySelector("#about button").click()),
  tried("opener", () => open("/tasks/TASK").document.body.innerText),
  tried("fetch", () => fetch("/builds/b1/try", { credentials: "include" }).then(r => r.text())),
  tried("form", () => { const f = document.createElement("form"); f.method = "post"; f.action = "/builds/b1/try";
    f.target = "_top"; document.body.append(f); f.submit(); return "sent" }),
]);
const lie = { honk: "pointed", page: "/", element: "<img src=x onerror=alert(1)>", shown: "x".repeat(100000), role: {},
  width: "wide", height: 1e99, at: ["a", NaN, {}, 1] };
parent.postMessage({ honk: "here" }, "*");
for (const said of [lie, null, 7, "x", [], { honk: "pointed" }]) parent.postMessage(said, "*");
addEventListener("message", async e => {
  if (e.data.honk === "hello") parent.postMessage({ honk: "here" }, "*");
  if (e.data.honk === "point" && e.data.on) { await everything(); parent.postMessage({ ...lie, found }, "*"); }
});
</script>"""


class Scene:
    """A Honk with one task that two builds were made for."""

    def __init__(self, house: OpenHonk, origin: str, token: str, task: Task) -> None:
        self.house, self.origin, self.token, self.task = house, origin, token, task

    async def page(self, chromium: Browser, build: str) -> Page:
        """The framed preview, after signing in."""
        page = await chromium.page()
        await page.go(f"{self.origin}/builds/{build}/try")
        await page.run(f"document.querySelector('[name=token]').value = {self.token!r}")
        await page.click(".sign-in button")
        await page.until(f"location.pathname === '/builds/{build}/try' && document.readyState === 'complete'")
        await page.until("!document.getElementById('point').hidden")
        return page

    async def waiting(self) -> list[Message]:
        return [one.message for one in await self.house.app.ports.tasks.waiting(self.task.id)]


async def _build(house: OpenHonk, task: Task, id: str, text: str) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        entry = tarfile.TarInfo("./index.html")
        entry.size = len(text.encode())
        tar.addfile(entry, io.BytesIO(text.encode()))
    digest = await house.app.ports.artifacts.put(out.getvalue())
    made = Build(id=id, task=task.id, commit=Sha("c" * 40), kind="web", digest=digest, size=1, first_page="?tab=1")
    await house.app.ports.records.save_build(made)


async def _task(house: OpenHonk) -> Task:
    ports = house.app.ports
    task = Task(
        id=TaskId("fix-it-1"),
        repository=Repository(url="/somewhere/app", name="app", key="app"),
        instruction="make the empty state friendlier",
        requested_by=house.person.id,
        state=State.ACCEPTED,
        options=Options(agent="command"),
        created_at=datetime.now(UTC),
    )
    message = Message(id=MessageId("m1"), by=house.person.id, text="fix it", at=task.created_at)
    task = await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
    return await ports.tasks.move(task.id, State.CODING)


@pytest.fixture
async def scene(short_tmp: Path) -> AsyncIterator[Scene]:
    async with open_honk(Settings.load({"HONK_HOME": str(short_tmp)})) as house:
        house.app = replace(house.app, ports=replace(house.app.ports, camera=FakeCamera()))
        task = await _task(house)
        await _build(house, task, "b1", PAGE)
        await _build(house, task, "b2", HOSTILE.replace("TASK", task.id))
        issued = await house.app.ports.tokens.issue(house.person.id, "phone", frozenset(Scope))
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                yield Scene(house, origin, issued.secret.reveal(), task)


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def test_a_person_points_with_a_thumb_or_by_keyboard_and_says_what_is_wrong(
    scene: Scene, chromium: Browser, tmp_path: Path
) -> None:
    page = await scene.page(chromium, "b1")
    await page.until("!!document.querySelector('.here')")
    await page.screenshot(tmp_path / "1-shown.png")
    await page.click("#point")
    await page.until("!!document.querySelector('.listening')")
    await page.screenshot(tmp_path / "2-pointing.png", dark=True)
    await _press(page, "Escape")
    await page.until("!document.querySelector('.pointing')")
    await page.click("#point")
    await page.until("!!document.querySelector('.listening') && document.activeElement.id === 'shown'")
    for key in ("Tab", "Tab", "Tab", "Enter"):
        await _press(page, key)
    await page.until("!document.getElementById('seen').hidden")
    assert await page.run("document.querySelector('[data-of=element]').textContent") == "#play"
    await page.click("#point")
    await page.until("!!document.querySelector('.listening')")
    top = await page.run("document.getElementById('shown').getBoundingClientRect().y")
    for kind in ("mousePressed", "mouseReleased"):
        await page.ask("Input.dispatchMouseEvent", type=kind, x=60, y=top + 123, button="left", clickCount=1)
    await page.until("document.querySelector('[data-of=element]').textContent !== '#play'")
    assert await page.run("document.querySelector('[data-of=shown]').textContent") == "No songs"
    assert await page.run("document.activeElement.name") == "text"
    await page.run("document.querySelector('textarea').value = 'friendlier, please'")
    for name, dark in (("3-light.png", False), ("4-dark.png", True)):
        await page.screenshot(tmp_path / name, dark=dark)
    wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0 and await scene.waiting() == []
    await page.click("#about button")
    await page.until("location.pathname === '/tasks/fix-it-1'")
    (message,) = await scene.waiting()
    assert message.text.startswith("friendlier, please\n\n") and len(message.images) == 1
    assert '- page "/?tab=1", on a screen of 390 × ' in message.text
    assert '- element "body > main > p", role "paragraph"\n- its text "No songs"' in message.text


async def test_a_hostile_preview_sends_nothing_presses_nothing_and_leaves_nothing(
    scene: Scene, chromium: Browser, tmp_path: Path
) -> None:
    """The person is signed in with every right, on the same origin, and has begun to point."""
    page = await scene.page(chromium, "b2")
    assert await page.run("document.getElementById('seen').hidden"), "it spoke before it was asked"
    await page.run(
        "window.heard = []; addEventListener('message', e => { if (e.data && e.data.found) heard.push(e.data.found) })"
    )
    await page.until("!!document.querySelector('.here')")
    await page.click("#point")
    await page.until("heard.length")
    found = json.loads(await page.run("JSON.stringify(heard[0])"))
    assert {name for name, value in found.items() if value.startswith("error: ")} >= {
        *("cookie", "top", "parent", "press", "opener", "fetch")
    }, found
    assert await page.run("location.pathname") == "/builds/b2/try"
    assert await page.run("document.querySelectorAll('img').length") == 0
    assert await page.run("document.querySelector('[name=shown]').value.length") == 300
    assert await page.run("[...document.querySelectorAll('#about [type=hidden]')].map(e => e.value).join()") != ""
    await page.screenshot(tmp_path / "hostile.png")
    assert await scene.waiting() == []
    assert (await scene.house.app.ports.tasks.get(scene.task.id)).state is State.CODING
    await page.go(f"{scene.origin}/tasks/{scene.task.id}")
    assert "Sign in" not in await page.text(), "the person is still signed in"


async def _press(page: Page, key: str) -> None:
    codes = {"Tab": 9, "Enter": 13, "Escape": 27}
    for kind in ("rawKeyDown", "keyUp"):
        await page.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=codes[key])
