"""An implementation of `Sandboxes` and a box to open: what the contract's tests share."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.ports import Box, Sandbox, Sandboxes

IMPLEMENTATIONS = [pytest.param(Bubblewrap, id="bubblewrap")]

#: More than any command here needs, less than the test's own limit.
SOON = 15.0


class Place:
    """An implementation, and a box to open with it."""

    def __init__(self, make: Callable[[Path], Sandboxes], folder: Path) -> None:
        self.folder = folder
        self.sandboxes = make(folder / "home")
        self.box = Box(workspace=self.folder_for_it("ws"))

    def folder_for_it(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        self.sandboxes.own(folder)
        return folder

    @asynccontextmanager
    async def open(self, **changes: object) -> AsyncIterator[Sandbox]:
        async with self.sandboxes.open(replace(self.box, **changes)) as sandbox:  # type: ignore[arg-type]
            yield sandbox


@pytest.fixture(params=IMPLEMENTATIONS, name="place")
def place(request: pytest.FixtureRequest, short_tmp: Path) -> Place:
    return Place(request.param, short_tmp)


def alive(word: str) -> list[str]:
    """Processes of this machine with the word on their command line."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if word.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(process.name)
        except OSError:
            continue
    return found
