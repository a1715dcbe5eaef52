"""Reviewing in a real browser of a phone's size: by thumb, by keyboard, light and dark.

Real: Chromium, HTTP server, pages. Not real: the world behind them, which is in memory.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from browser import CHROMIUM, Page, browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Send
from starlette.types import Scope as AsgiScope

sys.path.insert(0, str(Path(__file__).parents[1] / "doors"))
from pages_world import Site, app_of, site_of

from honk.domain.access import Scope
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Proof, Verdict
from honk.doors.web.changed_files import file_id
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]

#: Keeps what goes wrong in a page.
WATCH = """
window.wrong = [];
addEventListener("error", e => wrong.push(String(e.message || e.target.src || e.type)), true);
addEventListener("unhandledrejection", e => wrong.push(String(e.reason)));
addEventListener("securitypolicyviolation", e => {
  if (e.blockedURI !== "data") wrong.push(e.violatedDirective + " " + e.blockedURI);  // the empty icon
});
"""
BODY = "".join(f"    total_{number} = price * {number}  # how much it is\n" for number in range(40))
OLD: Mapping[str, bytes] = {
    "app.py": f'"""A shop."""\n\n\ndef play(song):\n{BODY}    return "the song is " + song\n'.encode(),
    "gone.py": b"x = 1\n" * 30,
    "yarn.lock": b"a@1:\n",
}
NEW: Mapping[str, bytes] = {
    "app.py": OLD["app.py"].replace(b"song", b"track").replace(b"# how much it is", b"# its price", 1),
    "yarn.lock": b"a@2:\n",
    "test_app.py": b"def test_play():\n    assert play(None) == 'nothing is played, and this line goes on and on'\n",
    "long.ts": b"export const value = 17;\n" * 1500 + "\u202eevil".encode() + b"x" * 5000 + b"\n",
}


@dataclass
class Reviewed:
    site: Site
    task: Task
    origin: str
    #: forms that were sent
    sent: list[dict[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"{self.origin}/tasks/{self.task.id}/pull-request"


async def proposed(site: Site) -> Task:
    """A task that turns OLD into NEW, with a proof."""
    async with site.world.working():
        task = await site.world.settled(await site.world.ask())
    code = site.world.code
    code.trees[code.commits[code.branches["main"]].tree] = dict(OLD)
    await at(site, task, NEW)
    red = Evidence(command="pytest test_app.py", exit_code=1, seconds=1.0, condensed="E  assert None == 'x'\n1 failed")
    verdict = Verdict(
        answer=Answer.UNSURE,
        tree=Sha("t" * 40),
        commit=(await site.world.pull_request(task)).head,
        findings=(Finding(verifier="pytest", kind=Kind.TEST, answer=Answer.PASS, summary="12 passed"),),
        proof=Proof(tests=("test_app.py::test_play",), red=red, green=replace(red, exit_code=0, condensed="1 passed")),
        not_proven=("Nobody has tried it on a device.",),
    )
    await site.world.store.records.save_verdict(task.id, 1, 9, verdict)
    return task


async def at(site: Site, task: Task, files: Mapping[str, bytes]) -> None:
    pull_request = await site.world.pull_request(task)
    head = site.world.code.commit(site.world.code.tree(files), (pull_request.head,), "a change")
    await site.world.store.records.save_pull_request(task.repository.key, replace(pull_request, head=head))


@pytest.fixture
async def reviewed(tmp_path: Path) -> AsyncIterator[Reviewed]:
    async with site_of(tmp_path) as site:
        task = await proposed(site)
        sent: list[dict[str, str]] = []
        inner = app_of(site.world, site.addresses)

        async def allowed(scope: AsgiScope, receive: Receive, send: Send) -> None:
            scope.setdefault("state", {})["may"] = frozenset({Scope.READ, Scope.STEER})
            await inner(scope, receive, send)

        async def reply(request: Request) -> Response:
            sent.append({name: str(value) for name, value in (await request.form()).items()})
            return RedirectResponse(sent[-1]["to"], status_code=303)

        app = Starlette(routes=[Route(f"/tasks/{task.id}/reply", reply, methods=["POST"]), Mount("/", allowed)])
        with listening("127.0.0.1", 0) as (listener, origin):
            server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            yield Reviewed(site, task, origin, sent)
            server.should_exit = True
            await serving


async def press(page: Page, selector: str) -> None:
    """Scrolls there as a thumb does, waits until what came into sight is laid out, and taps."""
    for _ in range(2):
        await page.run(
            f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'center'}});"
            " new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        )
    box = await page.run(
        f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
        " return [b.x + b.width / 2, b.y + b.height / 2] })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        await page.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


async def shots(page: Page, into: Path, name: str, *selectors: str) -> None:
    """The screen, with each of these at its top, light and dark."""
    for scheme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await page.ask("Emulation.setEmulatedMedia", features=features)
        for number, selector in enumerate(selectors):
            await page.run(
                f"document.querySelector({json.dumps(selector)}).scrollIntoView();"
                " new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
            )
            shot = await page.ask("Page.captureScreenshot", format="png")
            (into / f"{name}-{number}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))


async def key(page: Page, name: str) -> None:
    for kind in ("keyDown", "keyUp"):
        await page.ask("Input.dispatchKeyEvent", type=kind, key=name, text=name if kind == "keyDown" else "")


async def fits(page: Page, where: str) -> None:
    wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{where} is {wide} pixels too wide for a phone"
    assert await page.run("window.wrong") == [], where


async def test_a_change_is_reviewed_on_a_phone(reviewed: Reviewed, tmp_path: Path) -> None:
    async with browser(tmp_path / "profile") as chromium:
        page = await chromium.page()
        await page.ask("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        await page.go(f"{reviewed.origin}/sign-in")
        token = await reviewed.site.token(Scope.READ, Scope.STEER, Scope.MERGE)
        await page.run(f"document.querySelector('[name=token]').value = {token!r}")
        await page.click(".sign-in button")
        await page.until("location.pathname === '/'")
        await page.go(reviewed.address)
        await fits(page, "the page")
        await shots(page, tmp_path, "first", "body", "#diff", "[data-path='app.py']")
        assert await page.run("document.querySelector('#progress').textContent") == "0 of 5 read"
        beside = "document.querySelector('[data-path=\"long.ts\"] tr.a td:not(.c)').offsetHeight"
        assert await page.run(beside) < 30, "numbers are beside their line"

        await alone(page, reviewed, tmp_path)
        await page.go(reviewed.address)
        await loads(page)
        await asks(page, reviewed, tmp_path)
        await reads(page, reviewed)
        await shots(page, tmp_path, "read", "#diff")


async def alone(page: Page, reviewed: Reviewed, into: Path) -> None:
    """A file on a page of its own, as a link without JavaScript leads there; and a question in it."""
    await page.ask("Emulation.setScriptExecutionDisabled", value=True)
    await page.go(f"{reviewed.address}/file?file={file_id('long.ts')}&from=1000&line=7")
    await fits(page, "a file's page")
    assert "U+202E" in await page.text() and "3,005 more characters" in await page.text()
    assert "About line 7 of long.ts" in await page.text()
    await page.ask("Emulation.setScriptExecutionDisabled", value=False)
    await page.ask("Page.reload")
    await page.until("document.readyState === 'complete' && !!document.querySelector('#ask')")
    await shots(page, into, "file", "main", "tr:last-child")


async def loads(page: Page) -> None:
    """A folded file brings its lines when it is opened, and the rest of a long one when it is wanted."""
    await press(page, "details[data-path='gone.py'] > summary")
    await page.until("document.querySelectorAll(\"[data-path='gone.py'] tr.d\").length === 30")
    long = "document.querySelectorAll(\"[data-path='long.ts'] tr\").length"
    before = await page.run(long)
    await press(page, "[data-path='long.ts'] [data-next]")
    await page.until(f"{long} > {before}")
    await page.until("!document.querySelector(\"[data-path='long.ts'] .body\").dataset.busy")
    if await page.run("!!document.querySelector(\"[data-path='long.ts'] [data-next]\")"):
        await press(page, "[data-path='long.ts'] [data-next]")
    await page.until(f"{long} === 1501")
    await press(page, "[data-path='app.py'] .wider a")
    await page.until("document.querySelectorAll(\"[data-path='app.py'] tr\").length >= 45")
    await fits(page, "the page with more lines")


async def asks(page: Page, reviewed: Reviewed, into: Path) -> None:
    """A tap on a number opens a form below the line; Escape closes it; it is sent with file and line."""
    number = "[data-path='app.py'] tr.a td a"
    await press(page, number)
    await page.until("document.activeElement.name === 'text'")
    await fits(page, "the page with a form")
    assert await page.run(f"document.querySelector({json.dumps(number)}).getAttribute('aria-expanded')") == "true"
    await page.run("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {key: 'Escape', bubbles: true}))")
    await page.until("!document.querySelector('form.ask')")
    await press(page, number)
    await page.until("document.activeElement.name === 'text'")
    await shots(page, into, "asked", "tr.asking")
    assert await page.run("document.activeElement.offsetWidth") > 250, "there is room for words"
    await page.run("document.activeElement.value = 'why?'")
    await press(page, "form.ask button")
    await page.until("!document.querySelector('form.ask') && document.readyState === 'complete'")
    (sent,) = reviewed.sent
    assert (sent["file"], sent["line"], sent["text"]) == ("app.py", "4", "why?")
    assert len(sent["once"]) == len(sent["nonce"]) == 32
    assert sent["to"] == f"/tasks/{reviewed.task.id}/pull-request#file-{file_id('app.py')}"


async def reads(page: Page, reviewed: Reviewed) -> None:
    """What was read folds, also after a reload, until the file changes; by button and by keyboard."""
    count = "document.querySelector('#progress').textContent"
    await press(page, "[data-path='app.py'] button.read")
    await page.until(f"{count} === '1 of 5 read'")
    assert await page.run("document.querySelector(\"[data-path='app.py']\").open") is False
    await page.run("document.activeElement.blur()")
    names = []
    for _ in range(6):
        await key(page, "j")
        names.append(await page.run("document.activeElement.closest('details.file').dataset.path"))
    assert names == ["yarn.lock", "gone.py", "long.ts", "app.py", "test_app.py", "test_app.py"]
    assert await page.run("document.activeElement.matches(':focus-visible')")
    await key(page, "r")
    await page.until(f"{count} === '2 of 5 read'")
    await key(page, "k")
    assert await page.run("document.activeElement.closest('details.file').dataset.path") == "app.py"
    await page.go(reviewed.address)
    assert await page.run(count) == "2 of 5 read"
    assert await page.run("document.querySelector(\"[data-path='test_app.py']\").open") is False
    await at(reviewed.site, reviewed.task, {**NEW, "app.py": NEW["app.py"] + b"# more\n"})
    await page.go(reviewed.address)
    assert await page.run(count) == "1 of 5 read"
    assert await page.run("document.querySelector(\"[data-path='app.py'] .news\").hidden") is False
    assert await page.run("document.querySelector(\"[data-path='gone.py'] .news\").hidden") is True
    await fits(page, "the page after it changed")
