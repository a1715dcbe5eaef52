"""Bubblewrap in a folder of its own: what the tests of its holes share."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.ports import Box, Ran, Sandbox

SOON = 15.0
ROOT = os.geteuid() == 0


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.sandboxes = Bubblewrap(self.home)
        self.workspace = folder / "ws"
        self.workspace.mkdir()
        self.sandboxes.own(self.workspace)
        self.python = str(self.sandboxes.runtime("python"))

    @asynccontextmanager
    async def open(self, **fields: object) -> AsyncIterator[Sandbox]:
        async with self.sandboxes.open(Box(workspace=self.workspace, **fields)) as sandbox:  # type: ignore[arg-type]
            yield sandbox

    async def python_says(self, script: str, *arguments: str, **fields: object) -> str:
        """What a Python program prints inside; it must end well."""
        async with self.open(**fields) as sandbox:
            ran = await sandbox.run((self.python, "-c", script, *arguments), seconds=SOON)
        assert ran.exit_code == 0, ran.stderr.decode()
        return ran.stdout.decode().strip()


@pytest.fixture(params=["open", "closed"], name="place")
def place(request: pytest.FixtureRequest, short_tmp: Path) -> Place:
    """Below a folder that everybody may enter, and below one that only its owner may."""
    if request.param == "open":
        short_tmp.chmod(0o755)
    elif not ROOT:
        pytest.skip("only for root is there a difference")
    return Place(short_tmp)


@pytest.fixture(name="closed")
def closed(short_tmp: Path) -> Place:
    return Place(short_tmp)


async def shell(sandbox: Sandbox, script: str) -> Ran:
    return await sandbox.run(("sh", "-c", script), seconds=SOON)
