"""An app's own server through the whole house: a repository, its `.honk.toml`, a build, a visit, an end.

Real: git, the sandbox, the store, the HTTP server and its socket. Not real: the agent's turn; the build is put there.
"""

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from honk.domain.build import Build
from honk.domain.event import EventData
from honk.domain.message import Message, MessageId
from honk.domain.repository import Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.ports import Exam
from honk.settings import Settings
from honk.steps.build import build as make_build
from honk.wiring import OpenHonk, open_honk
from honk.wiring.serving import listening

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]

APP = """
import http.server, os, pathlib
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        said = f"{pathlib.Path('words.txt').read_text()} at {self.headers['X-Forwarded-Prefix']}{self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
CONFIG = '[preview]\ncommand = "exec python3 -S app.server"\nport = 9090\nready = "/"\npath = "start?x=1"\n'
VISIT = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Accept": "text/html"}


def _repository(folder: Path) -> Sha:
    folder.mkdir()
    for name, content in (("app.server", APP), (".honk.toml", CONFIG), ("words.txt", "hello")):
        (folder / name).write_text(content)
    git = ("git", "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-C", str(folder))
    for command in (("init", "-q", "-b", "main"), ("add", "."), ("commit", "-qm", "the beginning")):
        subprocess.run([*git, *command], check=True)
    found = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return Sha(found.stdout.strip())


async def _silent(_: EventData) -> None:
    """Nobody listens."""


async def _built(house: OpenHonk, source: Path, commit: Sha) -> Build:
    ports = house.app.ports
    repository = ports.repositories.identify(str(source))
    await ports.repositories.refresh(repository, _silent)
    base = await ports.repositories.base(repository, None)
    assert base.commit == commit
    task = Task(
        id=TaskId("try-it-1"),
        repository=repository,
        instruction="show it",
        requested_by=house.person.id,
        state=State.ACCEPTED,
        options=Options(agent="command"),
        created_at=datetime.now(UTC),
    )
    message = Message(id=MessageId("m1"), by=house.person.id, text="show it", at=task.created_at)
    turn = Turn(task=task.id, number=1, message=message)
    task = await ports.tasks.add(task, turn)
    exam = Exam(task=task.id, repository=repository, base=base, change=None, instruction="show it")
    made = await make_build(task, turn, exam, commit, ports=ports)
    assert made is not None
    return made


def _runs() -> bool:
    found = []
    for process in Path("/proc").iterdir():
        try:
            found.append((process / "cmdline").read_bytes() if process.name.isdigit() else b"")
        except OSError:
            continue
    return any(b"app.server" in line for line in found)


async def test_a_visit_starts_the_server_of_the_builds_commit_and_the_end_of_the_house_ends_it(short_tmp: Path) -> None:
    commit = _repository(short_tmp / "source")
    async with open_honk(Settings.load({"HONK_HOME": str(short_tmp / "home")})) as house:
        made = await _built(house, short_tmp / "source", commit)
        assert made.kind == "web" and made.server is not None and made.server.port == 9090
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener), httpx.AsyncClient() as client:
                link = await house.app.ports.previews.show(made)
                assert link is not None and link.startswith(f"{origin}/app/") and link.endswith("/start?x=1")
                frame = house.app.ports.previews.frame(made)
                assert (await client.head(link, headers=VISIT)).status_code == 503 and not _runs()
                first = await client.get(link, headers=VISIT)
                assert first.status_code == 503 and "It is being started" in first.text
                with anyio.fail_after(60):
                    while (answer := await client.get(link, headers=VISIT)).status_code == 503:
                        assert "does not run" not in answer.text, answer.text
                        await anyio.sleep(0.05)
                prefix = httpx.URL(link).path.removesuffix("/start")
                assert answer.text == f"hello at {prefix}/start?x=1"
                assert answer.headers["content-security-policy"].startswith("sandbox ")
                assert "set-cookie" not in answer.headers and _runs()
                framed = await client.get(f"{frame}start")
                assert framed.text.startswith("hello at ") and ".honk/point.js" in framed.text
                with pytest.raises(InvalidStatus, match="403"):  # Honk's own pages have no sockets
                    async with connect(origin.replace("http:", "ws:") + "/"):
                        pass
                files = house.addresses.path("preview", made.digest)
                assert files not in link, "its files, which are its source, have no address that was given out for it"
        assert not _runs()
        assert list((short_tmp / "home" / "checkouts").iterdir()) == []
        assert replace(made, preview_url=None) == await house.app.ports.records.find_build(made.id)
