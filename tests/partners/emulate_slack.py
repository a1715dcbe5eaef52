"""emulate's Slack, which knows scopes and Slack's errors; the Web API only, on loopback."""

import asyncio
import json
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from honk.testing.fake_slack import App
from partners.namespace import die_with_parent

_HERE = Path(__file__).resolve().parent


def installed() -> bool:
    """Whether it is there, and Node."""
    return shutil.which("node") is not None and (_HERE / "node_modules" / "emulate").exists()


@asynccontextmanager
async def emulated_slack(app: App) -> AsyncIterator[str]:
    """The base_url of a workspace with the people and the channel of FakeSlack, strict about the app's scopes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    seed = {
        "slack": {
            "team": {"name": "Acme", "domain": "acme"},
            "users": [{"name": one, "email": f"{one}@acme.example"} for one in ("ada", "ben", "cleo")],
            "channels": [{"name": "general"}],
            "bots": [{"name": app.name}],
            "tokens": [{"token": app.bot_token, "user": "ada", "scopes": sorted(app.scopes)}],
            "strict_scopes": True,
        }
    }
    process = await asyncio.create_subprocess_exec(
        "node",
        "emulate.mjs",
        str(port),
        json.dumps(seed),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
        cwd=_HERE,
    )
    assert process.stdout is not None and process.stdin is not None
    try:
        async with asyncio.timeout(15):
            url = (await process.stdout.readline()).decode().strip()
        assert url, "emulate did not start"
        yield f"http://127.0.0.1:{port}/api/"
    finally:
        process.stdin.close()
        await process.wait()
