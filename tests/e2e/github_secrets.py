"""Where a token or a key could be seen by somebody: output, events, files, process lists, what the model got."""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.to_thread

from honk.errors import single
from honk.testing.fake_github import FakeGitHub

#: larger files are programs and packages
_LARGE = 64 << 20


@dataclass
class Watch:
    """Command lines and environments of every process below the server's, as they were seen."""

    #: the environment by the command line
    seen: dict[bytes, set[bytes]] = field(default_factory=dict)
    _known: set[tuple[int, bytes]] = field(default_factory=set)

    def look(self, parent: int) -> None:
        """At what runs now. What was forked, and is still the server itself, is no program of its own yet."""
        with suppress(OSError):
            server = Path(f"/proc/{parent}/cmdline").read_bytes()
            self._look_below(parent, server)

    def _look_below(self, parent: int, server: bytes) -> None:
        for one in _below(parent):
            with suppress(OSError):
                place = Path(f"/proc/{one}")
                line = (place / "cmdline").read_bytes()
                if line == server or (one, line) in self._known:
                    continue
                environment = (place / "environ").read_bytes()
                if (place / "cmdline").read_bytes() == line:
                    self.seen.setdefault(line, set()).add(environment)
                    self._known.add((one, line))

    async def keep(self, parent: int) -> None:
        while True:
            await anyio.to_thread.run_sync(self.look, parent)
            await anyio.sleep(0.03)


@asynccontextmanager
async def watching(watch: Watch, parent: int) -> AsyncIterator[None]:
    """Looks all the while."""
    with single():
        async with anyio.create_task_group() as group:
            group.start_soon(watch.keep, parent)
            try:
                yield
            finally:
                group.cancel_scope.cancel()


def _below(parent: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in Path(f"/proc/{parent}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield int(child)
                yield from _below(int(child))


def secrets(hub: FakeGitHub, *more: str) -> tuple[bytes, ...]:
    """Every token that GitHub gave out, and the app's own secrets; of the key a line from its middle."""
    found = [*hub.world.tokens, *more]
    for app in hub.world.apps.values():
        found += [app.client_secret, app.private_key.splitlines()[10]]
    return tuple(one.encode() for one in found if one)


def in_files(root: Path, wanted: Iterable[bytes]) -> list[str]:
    """The files below it that hold one."""
    wanted = tuple(wanted)
    found = []
    for path in root.rglob("*"):
        with suppress(OSError):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < _LARGE:
                content = path.read_bytes()
                found += [f"{path}: {one[:8]!r}…" for one in wanted if one in content]
    return found


def in_words(what: str, words: object, wanted: Iterable[bytes]) -> list[str]:
    """Whether something that was said holds one."""
    content = words if isinstance(words, bytes) else json.dumps(words, default=str).encode()
    return [f"{what}: {one[:8]!r}…" for one in wanted if one in content]
