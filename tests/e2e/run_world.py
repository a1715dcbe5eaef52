"""`honk` as its users have it: a process on real repositories, in a home of its own, with planted secrets."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import Process

from honk.errors import single

#: the operator's secrets; each may appear nowhere but where it is used
KEY = "sk-ant-canary-91d4"
TOKEN = "canary-token-6b1f"
GIT_PASSWORD = "canary-git-7c2a"
NPM_TOKEN = "canary-npm-03be"
PIP_PASSWORD = "canary-pip-58aa"
CANARIES = (KEY, TOKEN, GIT_PASSWORD, NPM_TOKEN, PIP_PASSWORD)

#: a repository whose verification costs no time: no toolchain, one command
QUICK = {"song.txt": "la\n", ".honk.toml": 'verify = ["grep -q la song.txt"]\n'}

#: every key of the last line of `honk run --json`
SETTLED = {
    *(
        "event",
        "type",
        "task",
        "state",
        "reason",
        "outcome",
        "plan",
        "verdict",
        "pull_request",
        "build",
        "production_url",
    ),
    *("cost_usd", "model_calls", "seconds", "seconds_verifying", "notes"),
}

Event = dict[str, Any]


@dataclass(kw_only=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[Event]:
        """The lines of `--json`."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def settled(self) -> Event:
        """The last line, which must be the settled one, whole."""
        last: Event = json.loads(self.out.splitlines()[-1])
        assert last["event"] == "task.settled", last
        assert set(last) == SETTLED
        return last

    @property
    def words(self) -> str:
        """Everything that was said."""
        return self.out + self.err


@dataclass(kw_only=True)
class Running:
    """A command at work."""

    process: Process
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    _news: anyio.Event = field(default_factory=anyio.Event)
    _open: int = 2

    async def read(self, stream: Any, into: bytearray) -> None:
        async for chunk in stream:
            into += chunk
            self._news.set()
        self._open -= 1
        self._news.set()

    def events(self) -> list[Event]:
        """The whole lines so far."""
        return [json.loads(line) for line in self.out.rpartition(b"\n")[0].splitlines()]

    async def until(self, wanted: Callable[[Event], bool] | str) -> Event:
        """Waits for an event: a type, or what a function accepts."""
        accepts = wanted if callable(wanted) else lambda event: bool(event["event"] == wanted)
        while True:
            self._news = anyio.Event()
            for event in self.events():
                if accepts(event):
                    return event
            assert self._open, f"ended before {wanted}: {self.out.decode()} {self.err.decode()}"
            await self._news.wait()

    async def says(self, pattern: str) -> re.Match[str]:
        """Waits for words on its standard output."""
        while True:
            self._news = anyio.Event()
            if found := re.search(pattern, self.out.decode()):
                return found
            assert self._open, f"ended before {pattern}: {self.out.decode()} {self.err.decode()}"
            await self._news.wait()

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    async def done(self) -> Done:
        """Waits for the end."""
        code = await self.process.wait()
        while self._open:
            self._news = anyio.Event()
            if self._open:
                await self._news.wait()
        return Done(code=code, out=self.out.decode(), err=self.err.decode())

    async def killed(self) -> None:
        """kill -9, and gone."""
        self.process.kill()
        await self.process.wait()


@dataclass(kw_only=True)
class Honk:
    """One HONK_HOME, and the person's home beside it."""

    root: Path
    environment: dict[str, str]

    @property
    def home(self) -> Path:
        return Path(self.environment["HONK_HOME"])

    @property
    def command(self) -> tuple[str, ...]:
        """What stands before the arguments."""
        return sys.executable, "-m", "honk"

    @property
    def person(self) -> Path:
        return self.root / "person"

    def on(self, url: str, **more: str) -> "Honk":
        """The same, with the model at that address."""
        return Honk(root=self.root, environment={**self.environment, "ANTHROPIC_BASE_URL": url, **more})

    def without(self, *names: str) -> "Honk":
        """The same, without some variables."""
        return Honk(root=self.root, environment={k: v for k, v in self.environment.items() if k not in names})

    @asynccontextmanager
    async def started(self, *argv: str | Path) -> AsyncIterator[Running]:
        """`honk …`; ended hard on leaving, if it is still there."""
        command = [*self.command, *map(str, argv)]
        process = await anyio.open_process(command, env=self.environment, cwd=self.root, stdin=subprocess.DEVNULL)
        running = Running(process=process)
        with single():
            async with anyio.create_task_group() as readers:
                readers.start_soon(running.read, process.stdout, running.out)
                readers.start_soon(running.read, process.stderr, running.err)
                try:
                    yield running
                finally:
                    if process.returncode is None:
                        process.kill()
                    with anyio.CancelScope(shield=True):
                        await process.wait()
        await process.aclose()

    async def __call__(self, *argv: str | Path, seconds: float = 60, stdin: str = "") -> Done:
        """`honk …` to its end. Raises TimeoutError."""
        with anyio.fail_after(seconds):
            done = await anyio.run_process(
                [*self.command, *map(str, argv)],
                env=self.environment,
                input=stdin.encode(),
                check=False,
                cwd=self.root,
            )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in out + err, out + err
        return Done(code=done.returncode, out=out, err=err)

    async def run(self, repository: Path | str, instruction: str, *options: str | Path, seconds: float = 60) -> Done:
        """`honk run … --json`."""
        return await self("run", repository, instruction, "--json", *options, seconds=seconds)

    async def change(self, repository: Path | str, command: str, *options: str | Path) -> Done:
        """`honk run … --agent command --json`."""
        return await self.run(repository, command, "--agent", "command", *options)

    def git(self, folder: Path, *argv: str, stdin: bytes | None = None, check: bool = True) -> str:
        """git as the person."""
        done = subprocess.run(
            ["git", "-C", str(folder), *argv], env=self.environment, input=stdin, capture_output=True, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return os.fsdecode(done.stdout).strip()

    def repository(self, files: Mapping[str | bytes, str | bytes] | None = None) -> Path:
        """A new repository on `main`, with one commit of `files` (the quick ones if none are given)."""
        folder = Path(tempfile.mkdtemp(prefix="r", dir=self.root))
        self.git(folder, "init", "-q", "-b", "main")
        for name, content in (QUICK if files is None else files).items():
            path = os.path.join(os.fsencode(folder), name if isinstance(name, bytes) else name.encode())
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content if isinstance(content, bytes) else content.encode())
        if files != {}:
            self.git(folder, "add", "-A")
            self.git(folder, "commit", "-q", "-m", "one")
        return folder

    def branches(self, repository: Path) -> list[str]:
        """Honk's branches there."""
        return self.git(repository, "for-each-ref", "--format=%(refname:short)", "refs/heads/honk").split()

    def processes(self) -> list[str]:
        """Command lines of processes that have to do with this home."""
        return self.mentioning(str(self.home))

    def mentioning(self, words: str) -> list[str]:
        """Command lines of other processes in which these words stand."""
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
                if os.fsencode(words) in line and int(entry.name) != os.getpid():
                    found.append(os.fsdecode(line.replace(b"\0", b" ")))
        return found

    def nothing_left(self) -> None:
        """Fails for a process, a socket or a checkout that work left behind."""
        assert not self.processes()
        assert not self.sockets()
        assert not list((self.home / "checkouts").glob("*"))

    def sockets(self) -> list[Path]:
        """What is left of sockets."""
        return [path for path in (self.home / "run").rglob("*") if path.is_socket()]


@contextlib.contextmanager
def world() -> Iterator[Honk]:
    """A home for Honk and one for the person, with a secret wherever people keep theirs."""
    root = Path(tempfile.mkdtemp(prefix="hk", dir="/tmp"))
    person = root / "person"
    person.mkdir()
    (person / ".git-credentials").write_text(f"http://ada:{GIT_PASSWORD}@127.0.0.1:1\n")
    (person / ".npmrc").write_text(f"//registry.example.org/:_authToken={NPM_TOKEN}\n")
    (person / ".gitconfig").write_text("[user]\nname = Ada\nemail = ada@example.org\n[credential]\nhelper = store\n")
    host = {k: v for k, v in os.environ.items() if k.startswith(("PIP_", "UV_", "SSL_CERT", "NODE_EXTRA", "npm_"))}
    environment = {
        **host,
        "PATH": os.environ.get("PATH", os.defpath),
        "LANG": "C.UTF-8",
        "HOME": str(person),
        "HONK_HOME": str(root / "h"),
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:9",
        "SOME_SERVICE_TOKEN": TOKEN,
        "GITHUB_TOKEN": TOKEN,
    }
    try:
        yield Honk(root=root, environment=environment)
    finally:
        shutil.rmtree(root, ignore_errors=True)
