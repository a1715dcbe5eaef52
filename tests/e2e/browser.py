"""A real Chromium on a phone's screen, driven over its debugging pipe (DevTools protocol)."""

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
#: width and height of a common phone
PHONE = (390, 844)
#: The pipe is expected at 3 (to the browser) and 4 (from it).
_START = """
import os, sys
read, write = os.dup(int(sys.argv[1])), os.dup(int(sys.argv[2]))
high = [os.dup2(read, 100), os.dup2(write, 101)]
os.dup2(100, 3), os.dup2(101, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One browser; its pages share cookies."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded: dict[str, asyncio.Event] = {}
        #: what pages complained of; a page that is to be heard enables Log and Runtime
        self.complaints: list[str] = []
        #: of service workers, by their scopes; a page that is to know them enables ServiceWorker
        self.registrations: dict[str, str] = {}

    async def listen(self) -> None:
        """Takes what the browser says, until it ends."""
        while True:
            try:
                said = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" in said:
                self._answers.pop(said["id"]).set_result(said)
            elif said["method"] == "Page.loadEventFired":
                self._loaded.setdefault(said["sessionId"], asyncio.Event()).set()
            elif said["method"] == "ServiceWorker.workerRegistrationUpdated":
                for one in said["params"]["registrations"]:
                    self.registrations[one["scopeURL"]] = one["registrationId"]
            elif said["method"] == "Runtime.exceptionThrown" or (
                said["method"] == "Log.entryAdded" and said["params"]["entry"]["level"] in {"error", "warning"}
            ):
                self.complaints.append(json.dumps(said["params"]))

    async def ask(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """One command; fails with what the browser says."""
        self._number += 1
        self._answers[self._number] = answer = asyncio.get_running_loop().create_future()
        command = {"id": self._number, "method": method, "params": params}
        self._writer.write(json.dumps({**command, **({"sessionId": session} if session else {})}).encode() + b"\0")
        said: dict[str, Any] = await asyncio.wait_for(answer, 30)
        assert "error" not in said, (method, said)
        result: dict[str, Any] = said["result"]
        return result

    async def page(self, *, apart: bool = False) -> "Page":
        """A new, empty page; apart: as in another person's browser, with cookies of its own."""
        within = await self.ask("Target.createBrowserContext") if apart else {}
        target = (await self.ask("Target.createTarget", url="about:blank", **within))["targetId"]
        session = (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        await self.ask("Page.enable", session)
        width, height = PHONE
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            session,
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=True,
        )
        return Page(self, session)

    async def worker(self) -> "Page":
        """The service worker that runs, to be asked as a page is."""
        found = (await self.ask("Target.getTargets"))["targetInfos"]
        (target,) = (one["targetId"] for one in found if one["type"] == "service_worker")
        return Page(self, (await self.ask("Target.attachToTarget", targetId=target, flatten=True))["sessionId"])

    def loaded(self, session: str) -> asyncio.Event:
        """Set when the page of that session has loaded."""
        return self._loaded.setdefault(session, asyncio.Event())


class Page:
    """One page as a person has it before them."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self._session = session

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """A command to this page."""
        return await self._browser.ask(method, self._session, **params)

    async def go(self, url: str) -> None:
        """Types the address, and waits until the page is there."""
        self._browser.loaded(self._session).clear()
        await self.ask("Page.navigate", url=url)
        await asyncio.wait_for(self._browser.loaded(self._session).wait(), 30)
        await self.until("document.readyState === 'complete'")  # the event may have been the page before's

    async def run(self, script: str) -> Any:
        """The value of an expression in the page; a promise is waited for."""
        done = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    async def until(self, script: str) -> Any:
        """Waits until the expression is true, also over a change of pages; gives its value."""
        for _ in range(200):
            try:
                value = await self.run(script)
            except AssertionError:
                value = None  # the page went away while it was asked
            if value:
                return value
            await asyncio.sleep(0.05)
        raise AssertionError(f"never became true: {script}; at {await self.url()}: {await self.text()}")

    async def url(self) -> str:
        return str(await self.run("location.href"))

    async def text(self) -> str:
        return str(await self.run("document.body.innerText"))

    async def click(self, selector: str) -> None:
        """Presses with a real finger's event, as only a person can."""
        box = await self.run(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView();"
            " const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2] })()"
        )
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)

    async def screenshot(self, into: Path, *, dark: bool = False) -> None:
        """The whole page, as tall as it is."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.ask("Emulation.setEmulatedMedia", features=features)
        shot = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        into.write_bytes(base64.b64decode(shot["data"]))


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator[Browser]:
    """A running Chromium with a fresh profile."""
    assert CHROMIUM is not None
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _START, str(to_read), str(from_write), CHROMIUM),
        *("--headless=new", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe", "--mute-audio"),
        *("--host-resolver-rules=MAP *.example 127.0.0.1", f"--user-data-dir={profile}"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        pass_fds=(to_read, from_write),
        stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 << 20)
    incoming, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(from_read, "rb", 0)
    )
    outgoing, protocol = await loop.connect_write_pipe(
        lambda: asyncio.streams.FlowControlMixin(loop=loop), os.fdopen(to_write, "wb", 0)
    )
    made = Browser(reader, asyncio.StreamWriter(outgoing, protocol, reader, loop))
    listening = asyncio.ensure_future(made.listen())
    try:
        yield made
    finally:
        outgoing.close()
        incoming.close()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        if process.returncode is None:
            process.terminate()
        await process.wait()
