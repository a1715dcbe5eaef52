"""The example's builds in a real browser, on a phone's screen: its modules run although the page has no origin.

Skipped where there is no Chromium; `make browser` installs it and runs this.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tarfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import uvicorn

from honk.adapters.pages import Addresses
from honk.demo import script
from honk.demo.example import example
from honk.doors.web.previews import preview_app
from honk.testing.scripted_model import Say

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]

FIX = [step for step in script.SCENARIOS[0].steps if isinstance(step, Say)]
REPLY = [step for step in script.SCENARIOS[1].steps if isinstance(step, Say)]


def build(into: Path, turns: Iterable[Say]) -> Path:
    """The archive of the example after these turns of the replayed session."""
    tree = into / "tree"
    shutil.copytree(example(), tree, ignore=shutil.ignore_patterns("dist", "__pycache__"))
    for call in (call for turn in turns for call in turn.calls if call.tool == "Edit"):
        file = tree / str(call.input["file_path"]).removeprefix("/workspace/")
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(str(call.input["old_string"]), str(call.input["new_string"])), encoding="utf-8")
    subprocess.run([sys.executable, "-B", "build.py"], cwd=tree, check=True, capture_output=True)
    archive = into / "build.tar"
    with tarfile.open(archive, "w:") as tar:
        tar.add(tree / "dist", arcname=".")
    return archive


@asynccontextmanager
async def served(home: Path, builds: dict[str, Path]) -> AsyncIterator[dict[str, str]]:
    """The builds' addresses, while they are served."""
    addresses = Addresses(home)
    server = uvicorn.Server(
        uvicorn.Config(preview_app(addresses, builds.__getitem__, lambda _: None), log_level="error", lifespan="off")
    )
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield {name: origin + addresses.path("preview", name) for name in builds}
    finally:
        server.should_exit = True
        await running


async def look(url: str, profile: Path) -> str:
    """The page as it is after its scripts have run."""
    process = await asyncio.create_subprocess_exec(
        *(CHROMIUM or "", "--headless=new", "--disable-gpu", "--no-first-run", "--window-size=393,852"),
        *(["--no-sandbox"] if os.geteuid() == 0 else []),
        *(f"--user-data-dir={profile}", "--virtual-time-budget=4000", "--dump-dom", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        out, _ = await asyncio.wait_for(process.communicate(), 60)
    except TimeoutError:
        process.kill()
        raise
    return out.decode()


async def test_before_and_after_are_visibly_different(tmp_path: Path) -> None:
    """Each address is opened for itself, as by a phone's camera: directly on the page of the empty playlist."""
    builds = {}
    for name, turns in (("before", []), ("fixed", FIX), ("friendlier", [*FIX, *REPLY])):
        (tmp_path / name).mkdir()
        builds[name] = build(tmp_path / name, turns)
    async with served(tmp_path / "home", builds) as urls:
        start = await look(urls["before"], tmp_path / "profile")
        assert "Rainy Sundays" in start and "Something went wrong" not in start
        before, fixed, friendlier = [await look(urls[name] + script.PAGE, tmp_path / "profile") for name in builds]
    assert "Something went wrong" in before and "No songs yet" not in before
    assert "No songs yet" in fixed and "Something went wrong" not in fixed and "cassette" not in fixed
    assert "No songs yet" in friendlier and 'class="cassette"' in friendlier
