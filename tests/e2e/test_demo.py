"""`honk demo` as a person has it: a terminal, keys, pages; the real Claude Code with replayed answers."""

import asyncio
import fcntl
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urldefrag

import httpx
import pytest

from honk.demo import script

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]

ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07")
ADDRESS = re.compile(r"http://\S+")
PROMPT = "\n> "
#: seconds until something must have been said
PATIENCE = 90


class Screen:
    """A terminal of 80 columns with the demo in it."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._said = b""
        self._news = asyncio.Event()
        #: how much of what was said is behind us
        self._seen = 0
        os.set_blocking(master, False)
        asyncio.get_running_loop().add_reader(master, self._read)

    def _read(self) -> None:
        try:
            self._said += os.read(self._master, 1 << 16)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._master)
        self._news.set()

    @property
    def text(self) -> str:
        """All that was said, without colours and the spinner's moves."""
        return ANSI.sub("", self._said.decode("utf-8", "replace")).replace("\r", "")

    async def said(self, words: str) -> str:
        """What was said since the last time, up to these words."""
        try:
            async with asyncio.timeout(PATIENCE):
                while (at := self.text.find(words, self._seen)) < 0:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            pytest.fail(f"{words!r} was not said; the screen shows:\n{self.text[-3000:]}")
        since, self._seen = self.text[self._seen : at], at + len(words)
        return since

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())


@asynccontextmanager
async def demo(home: Path, *options: str) -> AsyncIterator[tuple[Screen, asyncio.subprocess.Process]]:
    """The demo on a terminal of its own, without a key."""
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 80, 0, 0))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "HONK_"))}
    environment |= {"HONK_HOME": str(home), "TERM": "xterm-256color"}
    process = await asyncio.create_subprocess_exec(
        *("setsid", "--ctty", sys.executable, "-m", "honk", "demo", *options),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    screen = Screen(master)
    try:
        yield screen, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        asyncio.get_running_loop().remove_reader(master)
        os.close(master)


async def page(url: str, path: str = script.STATIC_PAGE) -> str:
    """A page below the address of a build or of production."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(urldefrag(url).url + path)
    assert answer.status_code == 200, answer.text
    return answer.text


def left_of(home: Path) -> list[str]:
    """Command lines of processes that still have to do with this home."""
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(home) in (folder / "mountinfo").read_text() or str(home) in (folder / "cmdline").read_text():
                left.append((folder / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return left


@pytest.mark.seconds(240)
async def test_a_person_goes_through_the_whole_journey(short_tmp: Path) -> None:
    async with demo(short_tmp / "h") as (screen, process):
        first = await screen.said("Overtone")
        assert first.startswith("replay:") and "ANTHROPIC_API_KEY" in first and "ANTHROPIC_AUTH_TOKEN" in first
        screen.type("\n")  # an impatient Enter must not merge what nobody has seen
        screen.type("hello\n")

        story = await screen.said(PROMPT)
        for words in (script.INSTRUCTION, "attempt 1: Claude Code", "verdict: fail", "attempt 2", "verdict: pass"):
            assert words in story, words
        assert "weakened tests" in story and "red without the change" in story
        assert "not taken: hello" in story and "into main" not in story
        before, build = list(dict.fromkeys(ADDRESS.findall(story)))
        assert before.endswith(script.PAGE) and build.endswith(script.PAGE)
        assert script.BEFORE in await page(before)
        assert script.AFTER in await page(build)

        screen.type("add a dark mode\n")
        assert "this is a replay" in await screen.said(PROMPT)
        screen.type("l\n")
        await look_from_the_phone(await screen.said(PROMPT), newest=build)

        screen.type("\n")
        merged = await screen.said(PROMPT)
        assert "into main" in merged and "undo deploys the version before" in " ".join(merged.split())
        live = ADDRESS.findall(merged)[-1]
        assert script.AFTER in await page(live)

        screen.type("u\n")
        assert "goes to production again" in " ".join((await screen.said(PROMPT)).split())
        assert script.BEFORE in await page(live)

        screen.type("\x03")
        await screen.said("nothing is left running")
        assert await asyncio.wait_for(process.wait(), 20) == 0
        assert "a step ended" not in screen.text, "the log is not part of the story"
    assert left_of(short_tmp) == []


async def look_from_the_phone(said: str, *, newest: str) -> None:
    """The page behind the QR code leads to the app before and to the newest build."""
    if "on no network" in said:
        return
    url = ADDRESS.findall(said)[0]
    assert "▀" in said
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(url)
        assert script.INSTRUCTION in answer.text
        links = re.findall(r'href="(/[^"]+)"', answer.text)
        pages = [(await client.get(str(httpx.URL(url).join(urldefrag(link).url)))).status_code for link in links]
        assert pages == [200] * len(links) and len(links) == 3
        assert any(newest.endswith(link) for link in links)
        assert (await client.get(url[:-1])).status_code == 404


async def test_ctrl_c_in_the_middle_leaves_nothing_and_a_second_demo_is_refused(short_tmp: Path) -> None:
    async with demo(short_tmp / "h") as (screen, process):
        await screen.said("Overtone")
        async with demo(short_tmp / "h") as (second, other):
            await second.said("another demo runs in")
            assert await asyncio.wait_for(other.wait(), 20) == 2
        screen.type("\x03")
        await screen.said("nothing is left running")
        assert await asyncio.wait_for(process.wait(), 20) == 130
    assert left_of(short_tmp) == []
