"""Honk's pages in a real browser, on one origin with previews that an agent made to be hostile.

Real: Chromium, HTTP server, store, signing in, previews. Not real: the tasks, which are put into the store.
"""

import io
import json
import re
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, Page, browser

from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.event import StepProgressed
from honk.domain.message import Message, MessageId
from honk.domain.repository import Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.settings import Settings
from honk.wiring import OpenHonk, open_honk
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]

SECRET = "the-instruction-that-nobody-else-may-read"
#: What a build may try against the pages beside it. Every finding is kept in `found`.
PREVIEW = """<!doctype html><meta charset=utf-8><title>preview</title><body><script>
const found = {}; window.found = found;
const note = (name, value) => { found[name] = String(value).slice(0, 20000); };
const tried = (name, act) => Promise.resolve().then(act).then(v => note(name, v), e => note(name, "error: " + e));
const frame = () => new Promise(done => {
  const f = document.createElement("iframe"); f.src = "/tasks/TASK"; document.body.append(f);
  const say = () => { try { done("read: " + f.contentDocument.body.innerText) } catch (e) { done("error: " + e) } };
  f.onload = say; setTimeout(say, 1500);
});
const post = (path, fields) => {
  const form = document.createElement("form"); form.method = "post"; form.action = path;
  for (const [name, value] of Object.entries(fields)) {
    const input = document.createElement("input"); input.name = name; input.value = value; form.append(input);
  }
  document.body.append(form); return form;
};
const popup = path => new Promise(done => {
  const other = window.open(path);
  setTimeout(() => { try { done("read: " + other.document.body.innerText) } catch (e) { done("error: " + e) } }, 1500);
});
window.everything = Promise.all([
  tried("cookie", () => document.cookie),
  tried("storage", () => localStorage.length),
  tried("fetch", () => fetch("/tasks/TASK", { credentials: "include" }).then(r => r.text())),
  tried("blind fetch", () => fetch("/tasks/TASK", { credentials: "include", mode: "no-cors" }).then(r => r.text())),
  tried("api", () => fetch("/api/v1/tasks", { credentials: "include" }).then(r => r.text())),
  tried("merge", () => fetch("/api/v1/tasks/TASK/merge", { method: "POST", credentials: "include", mode: "no-cors",
    headers: { "Content-Type": "text/plain" }, body: "{}" }).then(r => r.type)),
  tried("script", () => new Promise(done => { const s = document.createElement("script"); s.src = "/tasks/TASK";
    s.onload = () => done("ran"); s.onerror = () => done("refused"); document.body.append(s); })),
  tried("picture", () => new Promise(done => { const i = new Image(); i.src = "/static/x/style.css";
    i.onload = () => done("drawn"); i.onerror = () => done("refused"); })),
  tried("frame", frame),
  tried("popup", () => popup("/tasks/TASK")),
  tried("worker", () => navigator.serviceWorker.register("worker.js").then(() => "registered")),
]).then(() => JSON.stringify(found));
</script></body>"""


@dataclass
class Served:
    """A Honk with one task, its pages, and a preview beside them."""

    house: OpenHonk
    origin: str
    task: Task
    preview: str
    token: str

    def at(self, path: str) -> str:
        return self.origin + path


async def task_of(house: OpenHonk) -> Task:
    ports = house.app.ports
    task = Task(
        id=TaskId("fix-it-1"),
        repository=Repository(url="/somewhere/app", name="app", key="app"),
        instruction=SECRET,
        requested_by=house.person.id,
        state=State.ACCEPTED,
        options=Options(agent="command"),
        created_at=datetime.now(UTC),
    )
    message = Message(id=MessageId("m1"), by=house.person.id, text=SECRET, at=task.created_at)
    task = await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
    return await ports.tasks.move(task.id, State.CODING)


async def build_of(house: OpenHonk, task: Task) -> Build:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        for name, text in (("index.html", PREVIEW.replace("TASK", task.id)), ("worker.js", "")):
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    digest = await house.app.ports.artifacts.put(out.getvalue())
    made = Build(id="b1", task=task.id, commit=Sha("c" * 40), kind="web", digest=digest, size=len(out.getvalue()))
    await house.app.ports.records.save_build(made)
    return made


@asynccontextmanager
async def served(home: Path) -> AsyncIterator[Served]:
    async with open_honk(Settings.load({"HONK_HOME": str(home)})) as house:
        task = await task_of(house)
        made = await build_of(house, task)
        scopes = frozenset(Scope)
        issued = await house.app.ports.tokens.issue(house.person.id, "phone", scopes)
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                shown = await house.app.ports.previews.show(made)
                assert shown is not None
                yield Served(house, origin, task, shown, issued.secret.reveal())


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[Served]:
    async with served(short_tmp) as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def sign_in(page: Page, site: Served, path: str = "/") -> None:
    """Types the token as a person does."""
    await page.go(site.at(path))
    assert "Sign in" in await page.text()
    await page.run(f"document.querySelector('[name=token]').value = {site.token!r}")
    await page.click(".sign-in button")
    await page.until(f"location.pathname === {path!r} && document.readyState === 'complete'")


async def test_a_person_signs_in_looks_around_and_signs_out(site: Served, chromium: Browser) -> None:
    page = await chromium.page()
    await sign_in(page, site, f"/tasks/{site.task.id}")
    assert SECRET in await page.text()
    assert await page.run("document.cookie") == ""
    for path in ("/", f"/tasks/{site.task.id}", f"/tasks/{site.task.id}/pull-request", f"/tasks/{site.task.id}/build"):
        await page.go(site.at(path))
        wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide == 0, f"{path} is {wide} pixels too wide for a phone"
        assert await page.run("getComputedStyle(document.querySelector('main')).maxWidth") == "960px", "no style"
    await page.click(".top button")
    await page.until("location.pathname === '/sign-in'")
    await page.go(site.at("/"))
    assert SECRET not in await page.text()


async def test_a_busy_page_goes_on_by_itself(site: Served, chromium: Browser) -> None:
    page = await chromium.page()
    await sign_in(page, site, f"/tasks/{site.task.id}")
    await page.run("window.same = true; document.querySelector('#events-1').open = false")
    ports = site.house.app.ports
    await ports.events.record(site.task.id, 1, StepProgressed(step="code", detail="half of it"))
    await page.until("document.querySelector('main').textContent.includes('half of it')")
    assert await page.run("window.same") is True, "it was loaded anew"
    assert await page.run("document.querySelector('#events-1').open") is False
    await ports.tasks.move(site.task.id, State.STOPPED, "stopped by a person")
    await page.until("!!document.querySelector('.badge.stopped')")
    assert await page.run("window.same") is True, "it was loaded anew"


async def test_a_hostile_preview_reads_and_presses_nothing(site: Served, chromium: Browser) -> None:
    """The person is signed in with every right, in the same browser, on the same origin."""
    page = await chromium.page()
    await sign_in(page, site)
    await page.go(site.preview)
    assert await page.run("document.title") == "preview"
    found = await page.run("everything.then(JSON.parse)")
    assert set(found) == {
        *("cookie", "storage", "fetch", "blind fetch", "api", "merge", "script", "picture", "frame", "popup", "worker")
    }
    assert SECRET not in str(found)
    errors = {name for name, value in found.items() if value.startswith("error: ")}
    assert errors >= {"cookie", "storage", "fetch", "blind fetch", "api", "frame", "popup", "worker"}, found
    assert found["script"] == found["picture"] == "refused"
    assert (await site.house.app.ports.tasks.get(site.task.id)).state is State.CODING
    await page.go(site.at("/"))
    assert SECRET in await page.text(), "the person is still signed in"


@pytest.mark.parametrize("path", ["/sign-in", pytest.param("/sign-out", marks=pytest.mark.slow)])
async def test_a_hostile_preview_cannot_sign_anybody_in_or_out(path: str, site: Served, chromium: Browser) -> None:
    page = await chromium.page()
    if path == "/sign-out":
        await sign_in(page, site)
    else:
        await page.go(site.at("/sign-in"))
    await page.go(site.preview)
    fields = f"{{ token: {site.token!r}, nonce: '{'0' * 32}', to: '/' }}"
    await page.run(f"void post({path!r}, {fields}).submit()")
    await page.until("document.title !== 'preview' && document.readyState === 'complete'")
    await page.go(site.at("/"))
    assert (SECRET in await page.text()) is (path == "/sign-out")


@pytest.mark.parametrize("verb", ["merge", *(pytest.param(one, marks=pytest.mark.slow) for one in ("stop", "reply"))])
async def test_a_hostile_preview_presses_no_button(verb: str, site: Served, chromium: Browser) -> None:
    """Even one that knew what stands in the form of the person's own page."""
    page = await chromium.page()
    await sign_in(page, site, f"/tasks/{site.task.id}")
    fields = dict(await page.run("[...new FormData(document.querySelector('#composer'))].filter(e => e[1] !== '')"))
    fields = {name: value for name, value in fields.items() if isinstance(value, str)}
    assert len(fields["nonce"]) == len(fields["once"]) == 32
    await page.go(site.preview)
    fields |= {"turn": "1", "head": "c" * 40, "text": "give me everything"}
    await page.run(f"void post('/tasks/{site.task.id}/{verb}', {json.dumps(fields)}).submit()")
    await page.until("document.title !== 'preview' && document.readyState === 'complete'")
    tasks = site.house.app.ports.tasks
    assert not await tasks.stop_asked(site.task.id) and await tasks.waiting(site.task.id) == ()
    assert (await tasks.get(site.task.id)).state is State.CODING


async def test_a_link_from_a_chat_leads_to_the_page(site: Served, chromium: Browser) -> None:
    """From another site the browser sends no strict cookie at first; the person must not notice."""
    page = await chromium.page()
    await sign_in(page, site)
    port = site.origin.rpartition(":")[2]
    await page.go(f"http://chat.example:{port}/anything")
    await page.run(f"document.body.innerHTML = '<a id=link href=\"{site.at(f'/tasks/{site.task.id}')}\">a task</a>'")
    await page.click("#link")
    await page.until(f"location.href === {site.at(f'/tasks/{site.task.id}')!r} && document.readyState === 'complete'")
    assert SECRET in await page.text()


async def test_no_page_may_be_framed_and_no_inline_script_runs(site: Served, chromium: Browser) -> None:
    page = await chromium.page()
    await sign_in(page, site)
    ran = await page.run(
        "(() => { const one = document.createElement('script'); one.textContent = 'window.ran = 1';"
        " const two = document.createElement('div'); two.setAttribute('onclick', 'window.ran = 2');"
        " document.body.append(one, two); two.click(); return window.ran || 0 })()"
    )
    assert ran == 0
    text = (await page.run("fetch('/').then(r => r.headers.get('content-security-policy'))")) or ""
    assert re.search(r"frame-ancestors 'none'", text)
