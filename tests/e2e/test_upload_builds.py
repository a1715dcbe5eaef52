"""Builds uploaded to a real server: killed in the middle, by curl as the page says, and on the machine itself."""

import hashlib
import io
import json
import random
import re
import shutil
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import pytest
from anyio.abc import SocketStream
from run_world import QUICK, Honk, world
from serve_world import Server, server

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
PAGE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "upload-builds.md"


def _apk(size: int, seed: int) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("AndroidManifest.xml", "x")
        archive.writestr("classes.dex", random.Random(seed).randbytes(size))
    return made.getvalue()


@dataclass(kw_only=True)
class Line:
    """A line to whichever server is there, which stands still once so many bytes have gone up."""

    to: str
    most: int
    url: str = ""
    gone: int = 0
    full: anyio.Event = field(default_factory=anyio.Event)
    free: anyio.Event = field(default_factory=anyio.Event)

    async def serve(self, near: SocketStream) -> None:
        """One connection."""
        where = urlsplit(self.to)
        try:
            to = (str(where.hostname), where.port or 0)
            async with near, await anyio.connect_tcp(*to) as far, anyio.create_task_group() as group:
                group.start_soon(self._up, near, far)
                async for piece in far:
                    await near.send(piece)
                group.cancel_scope.cancel()
        except* (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass

    async def _up(self, near: SocketStream, far: SocketStream) -> None:
        async for piece in near:
            await far.send(piece)
            self.gone += len(piece)
            if self.gone > self.most:
                self.full.set()
                await self.free.wait()


@asynccontextmanager
async def line(to: str, most: int) -> AsyncIterator[Line]:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        made = Line(to=to, most=most)
        made.url = f"http://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        group.start_soon(listener.serve, made.serve)
        yield made
        group.cancel_scope.cancel()


@pytest.fixture
def home() -> Iterator[Honk]:
    with world() as made:
        made.home.mkdir()
        (made.home / "honk.toml").write_text("[work]\nwarm_agents = 0\nspares = 0\n")
        yield made


async def _changed(home: Honk) -> tuple[str, str]:
    """A task with a pull request, and its head."""
    music = home.repository(QUICK)
    done = await home.change(music, "echo lala >> song.txt")
    assert done.code == 0, done.words
    return done.settled["task"], done.settled["pull_request"]["head"]


async def test_a_server_that_is_killed_in_the_middle_and_a_client_that_goes_on(home: Honk) -> None:
    task, head = await _changed(home)
    file, content = home.root / "app.apk", _apk(20 << 20, 1)
    file.write_bytes(content)
    async with server(home) as first, line(first.url, 6 << 20) as between:
        token = (await home("build", "token", task)).out.strip()
        far = Honk(root=home.root, environment={**first.far.environment, "HONK_URL": between.url, "HONK_TOKEN": token})
        async with far.started("build", "upload", file, "--commit", head, "--json") as client:
            with anyio.fail_after(30):
                await between.full.wait()
            await first.running.killed()
            [left] = home.home.glob("uploads/*/bytes")
            assert 0 < left.stat().st_size < len(content)
            async with server(home) as second:
                between.to = second.url
                between.free.set()
                with anyio.fail_after(40):
                    done = await client.done()
                assert done.code == 0, done.words
                said = json.loads(done.out)
                assert (said["state"], said["kind"], said["commit"]) == ("built", "apk", head)
                await _by_curl(home, second, far, head)
    digest = hashlib.sha256(content).hexdigest()
    assert (home.home / "artifacts" / digest[:2] / digest).stat().st_size == len(content)


async def _by_curl(home: Honk, served: Server, far: Honk, head: str) -> None:
    """The page's own words, with a token for one task and nothing else."""
    if shutil.which("curl") is None:
        return
    found = re.search(r"## With curl\n.*?```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    file = home.root / "by curl.apk"
    file.write_bytes(_apk(1 << 20, 2))
    more = {"HONK_URL": served.url, "FILE": str(file), "COMMIT": head}
    environment = {**far.environment, **more, "no_proxy": "127.0.0.1"}
    for _ in range(2):
        done = await anyio.run_process(["bash", "-euc", found[1]], env=environment, check=False)
        assert done.returncode == 0, done.stderr.decode()
        said = json.loads(done.stdout)
        assert said["state"] in {"received", "built"} and said["name"] == "by curl.apk"
    refused = await anyio.run_process(
        ["curl", "-sS", f"{served.url}/api/v1/tasks", "-H", f"Authorization: Bearer {far.environment['HONK_TOKEN']}"],
        env=environment,
    )
    assert json.loads(refused.stdout)["status"] == 403


async def test_on_the_machine_itself_the_command_does_it_alone(home: Honk) -> None:
    """With commit and task as a CI says them; the same file again is one build, and what is none is refused."""
    task, head = await _changed(home)
    file = home.root / "web.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("index.html", "<h1>la</h1>")
    ci = home.on("http://127.0.0.1:9", CI_COMMIT_SHA=head, CI_COMMIT_REF_NAME=f"honk/{task}")
    done = await ci("build", "upload", file, "--json")
    assert done.code == 0 and json.loads(done.out)["kind"] == "web", done.words
    again = await home("build", "upload", file, "--task", task, "--commit", head[:8])
    assert again.code == 0 and json.loads(done.out)["build"] in again.out, again.words
    no_build = home.root / "app.ipa"
    no_build.write_text("hello")
    refused = await ci("build", "upload", no_build)
    assert refused.code == 2 and "is text/plain" in refused.err, refused.words
    log = await home("log", task, "--json")
    assert len([one for one in log.events if one["event"] == "build.ready"]) == 1
    home.nothing_left()
