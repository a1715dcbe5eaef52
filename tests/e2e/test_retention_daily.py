"""The daily sweep of a server, whose time is in the test's hands."""

import os
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from honk.settings import Settings
from honk.wiring import open_honk

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


async def test_a_server_sweeps_after_a_while_and_then_every_day(tmp_path: Path) -> None:
    home = tmp_path / "h"
    settings = Settings.load({"HONK_HOME": str(home), "PATH": os.defpath, "HOME": str(tmp_path)})
    asked, answer = anyio.create_memory_object_stream[float](1)
    go, gone = anyio.create_memory_object_stream[None](1)

    async def pause(seconds: float) -> None:
        await asked.send(seconds)
        await gone.receive()

    def leave() -> Path:
        path = home / "artifacts" / "arriving-killed"
        path.parent.mkdir(exist_ok=True)
        path.write_text("half")
        os.utime(path, (0, 0))
        return path

    with asked, answer, go, gone, anyio.fail_after(30):
        async with open_honk(settings) as honk:
            honk.retention = replace(honk.retention, pause=pause)
            leftover = leave()
            async with honk.serving("127.0.0.1", 0):
                assert await answer.receive() == 600
                for _ in range(3):
                    assert leave().exists()
                    await go.send(None)
                    assert await answer.receive() == 24 * 3600
                    assert not leftover.exists()
