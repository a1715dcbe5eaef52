"""A task's page on a phone of 360×740 while somebody works on it: in two tabs, and over a restart of the server.

Real: Chromium, the server, its store. The events are recorded as an agent's work would record them.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import axe
import pytest
from browser import CHROMIUM, Browser, Page, browser
from phone import WIDE, phone, write

from honk.adapters.sql import SqlStore
from honk.domain.access import Scope
from honk.domain.event import (
    AgentCalledTool,
    AgentToolAnswered,
    AgentWrote,
    StepProgressed,
    TaskNoted,
    VerifierFinished,
)
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, IdentityKind
from honk.domain.repository import Repository
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
ID = TaskId("fix-the-crash-4f2a")
#: what the browser itself says of a server that is away
_AWAY = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE")


@asynccontextmanager
async def serving(home: Path, port: int = 0) -> AsyncIterator[tuple[OpenHonk, str]]:
    """The server of that home; nobody works."""
    async with open_honk(Settings.load({"HONK_HOME": str(home)})) as house:
        with listening("127.0.0.1", port) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                yield house, origin


async def begun(house: OpenHonk) -> None:
    """A task on which an agent works."""
    tasks = house.app.ports.tasks
    repository = Repository(url="/nowhere/music", name="music", key="nowhere/music")
    now = house.app.ports.clock()
    task = Task(
        id=ID,
        repository=repository,
        instruction="Fix the crash when a playlist is empty",
        requested_by=house.person.id,
        state=State.ACCEPTED,
        created_at=now,
    )
    message = Message(id=MessageId("m1"), by=house.person.id, text=task.instruction, at=now)
    await tasks.add(task, Turn(task=ID, number=1, message=message))
    for state in (State.PREPARING, State.CODING):
        await tasks.move(ID, state)


async def token(house: OpenHonk, name: str = "") -> str:
    """Of whoever runs the server, or of somebody else."""
    person = house.person
    if name:
        person = await house.app.ports.tasks.person(Identity(kind=IdentityKind.MAIL, value=f"{name}@x.example"), name)
    return (await house.app.ports.tokens.issue(person.id, "phone", frozenset(Scope))).secret.reveal()


async def opened(page: Page, origin: str, secret: str) -> None:
    """Signs in, and stays on the task's page."""
    await page.go(f"{origin}/tasks/{ID}")
    await write(page, "[name=token]", secret)
    await page.click(".sign-in button")
    await page.until("!!document.getElementById('thread') && document.readyState === 'complete'")


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def looked_at(page: Page, into: Path) -> None:
    """Pictures in light and dark; nothing is wider than the screen, and nothing keeps people out."""
    for dark in (False, True):
        await page.screenshot(into / f"at work {'dark' if dark else 'light'}.png", dark=dark)
    assert await page.run(WIDE) == []
    if axe.installed():
        assert await axe.serious(page) == []


async def undisturbed(page: Page) -> None:
    """What a person had typed and unfolded before is as it was."""
    assert await page.run("document.querySelector('.call').open") is True, "it was folded"
    assert await page.run("document.querySelector('#composer textarea').value") == "mind the empty"


async def each_once(page: Page) -> bool:
    """Whether no event is shown twice."""
    return bool(
        await page.run(
            "(all => new Set(all).size === all.length)"
            "([...document.querySelectorAll('[data-seq]:not(main)')].map(e => e.dataset.seq))"
        )
    )


async def test_a_thread_goes_on_in_two_tabs_and_over_a_restart(
    chromium: Browser, tmp_path: Path, short_tmp: Path
) -> None:
    page = await phone(chromium)
    async with serving(short_tmp) as (house, origin):
        await begun(house)
        await opened(page, origin, await token(house))
        record = house.app.ports.events.record
        await record(ID, 1, AgentCalledTool(call="c1", tool="Bash", summary="python -m pytest -q tests/test_player.py"))
        await record(
            ID, 1, AgentToolAnswered(call="c1", ok=False, output="IndexError: list index out of range\n1 failed")
        )
        await page.until("!!document.querySelector('.call .answer')")
        await page.click(".call summary")
        await write(page, "#composer textarea", "mind the empty")
        await record(ID, 1, AgentWrote(text="The playlist is empty ", partial=True))
        await record(ID, 1, AgentWrote(text="there, so", partial=True))
        await page.until("document.getElementById('writing-1').textContent === 'The playlist is empty there, so'")
        await page.run("getSelection().selectAllChildren(document.querySelector('pre.said'))")
        await record(ID, 1, TaskNoted(text="the agent's memory of this task was lost"))
        await record(ID, 1, StepProgressed(step="code", detail="attempt 1"))
        await page.until("document.getElementById('card').textContent.includes('memory of this task')")
        await undisturbed(page)
        assert await page.run("String(getSelection())") == "Fix the crash when a playlist is empty"

        other = await chromium.page(apart=True)
        await opened(other, origin, await token(house, "grace"))
        await page.until("document.getElementById('here').textContent === 'Also here: grace'")
        assert "Also here" in await other.text()
        await looked_at(page, tmp_path)
        port = int(origin.rpartition(":")[2])
        assert chromium.complaints == []
    await page.until("!document.getElementById('offline').hidden")
    await page.run("window.same = true")
    async with SqlStore(f"sqlite:///{short_tmp / 'honk.db'}") as store:
        await store.events.record(ID, 1, AgentWrote(text="The playlist is empty there, so it is out of range."))
    async with serving(short_tmp, port) as (house, _):
        await page.until("document.body.textContent.includes('so it is out of range')")
        await page.until("document.getElementById('offline').hidden")
        record = house.app.ports.events.record
        done = VerifierFinished(verifier="pytest", answer="pass", summary="12 passed", on="change", seconds=2.0)
        await record(ID, 1, done)
        await page.until("document.body.textContent.includes('12 passed')")
        assert await each_once(page)
        assert await page.run("document.getElementById('writing-1').textContent") == ""
        assert await page.run("window.same") is True, "it was loaded anew"
        await undisturbed(page)
        await page.until("document.getElementById('here').textContent === 'Also here: grace'")
        await page.screenshot(tmp_path / "after the restart.png")
    complaints = [one for one in chromium.complaints if not any(away in one for away in _AWAY)]
    assert complaints == []


async def test_where_no_stream_comes_through_the_page_asks(chromium: Browser, tmp_path: Path, short_tmp: Path) -> None:
    page = await phone(chromium)
    refused = (
        "window.EventSource = class { constructor() { this.readyState = 2; setTimeout(() => this.onerror()) }"
        " close() {} }; window.EventSource.CLOSED = 2; window.EventSource.OPEN = 1"
    )
    await page.ask("Page.addScriptToEvaluateOnNewDocument", source=refused)
    async with serving(short_tmp) as (house, origin):
        await begun(house)
        await opened(page, origin, await token(house))
        for words in ("half of it", "the other half"):
            await house.app.ports.events.record(ID, 1, StepProgressed(step="code", detail=words))
            await page.until(f"document.getElementById('doing').textContent.includes({words!r})")
        await house.app.ports.tasks.move(ID, State.STOPPED, "stopped by a person")
        await page.until("!!document.querySelector('.badge.stopped')")
        assert await each_once(page)
        mark = f"seen/{house.person.id}/{ID}"
        while not await house.chats.preferences.read(mark):
            await page.until("true")
        assert chromium.complaints == []
