"""A real `honk serve` on a home of its own, which is started again whenever it dies."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import Process

_PATIENCE = 60.0
KEY = "sk-ant-chaos"


@dataclass(kw_only=True)
class Place:
    """HONK_HOME, the person's home beside it, and the server."""

    root: Path
    environment: dict[str, str]
    server: Process | None = None
    #: what servers said on stderr
    said: bytearray = field(default_factory=bytearray)
    ready: anyio.Event = field(default_factory=anyio.Event)
    starts: list[float] = field(default_factory=list)
    closing: bool = False

    @property
    def home(self) -> Path:
        return Path(self.environment["HONK_HOME"])

    def git(self, folder: Path, *argv: str) -> str:
        """git as the person."""
        done = subprocess.run(["git", "-C", str(folder), *argv], env=self.environment, capture_output=True, check=True)
        return os.fsdecode(done.stdout).strip()

    def repository(self, files: dict[str, str], name: str) -> Path:
        """A bare repository with one commit on `main`."""
        source = Path(tempfile.mkdtemp(prefix="s", dir=self.root))
        self.git(source, "init", "-q", "-b", "main")
        for path, content in files.items():
            (source / path).write_text(content)
        self.git(source, "add", "-A")
        self.git(source, "commit", "-q", "-m", "one")
        target = self.root / f"{name}.git"
        self.git(self.root, "clone", "-q", "--bare", str(source), str(target))
        shutil.rmtree(source)
        return target

    async def keep_serving(self) -> None:
        """Starts the server whenever there is none, as systemd would."""
        while not self.closing:
            began = time.monotonic()
            if self.ready.is_set():
                self.ready = anyio.Event()
            async with await self.start() as server:
                self.server = server
                assert server.stdout is not None and server.stderr is not None
                async with anyio.create_task_group() as readers:
                    readers.start_soon(self._listen, server)
                    async for chunk in server.stdout:
                        if b"serving " in chunk and not self.ready.is_set():
                            self.starts.append(time.monotonic() - began)
                            self.ready.set()
                await server.wait()

    async def start(self) -> Process:
        """One more `honk serve`."""
        # It ends with this run, however that ends.
        command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "honk", "serve", "--port", "0"]
        return await anyio.open_process(
            command, env=self.environment, cwd=self.root, stdin=subprocess.DEVNULL, start_new_session=True
        )

    async def _listen(self, server: Process) -> None:
        assert server.stderr is not None
        async for chunk in server.stderr:
            self.said += chunk

    async def end(self) -> None:
        """Ends the server as an operator does."""
        self.closing = True
        if self.server is not None and self.server.returncode is None:
            self.server.send_signal(signal.SIGTERM)
            with anyio.move_on_after(_PATIENCE):
                await self.server.wait()


@contextlib.contextmanager
def place(url: str) -> Iterator[Place]:
    """A fresh one, whose model is at that address."""
    root = Path(tempfile.mkdtemp(prefix="hk", dir="/tmp"))
    person = root / "person"
    person.mkdir()
    (person / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n")
    environment = {
        **{name: value for name, value in os.environ.items() if name == "PYTHONPATH"},
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(person),
        "USER": "ada",
        "HONK_HOME": str(root / "h"),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": url,
    }
    try:
        yield Place(root=root, environment=environment)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextlib.asynccontextmanager
async def serving(here: Place) -> AsyncIterator[None]:
    """A server is kept up while the context is open."""
    async with anyio.create_task_group() as group:
        group.start_soon(here.keep_serving)
        try:
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await here.end()
            group.cancel_scope.cancel()
