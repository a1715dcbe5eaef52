"""`honk serve` as its users have it: a process, an access token, and commands that reach it by HONK_URL."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from run_world import Done, Honk, Running

#: something with a build, a deployment and nothing that takes time
RELEASED = {
    "song.txt": "la\n",
    ".honk.toml": 'verify = ["grep -q la song.txt"]\n[build]\ncommand = "mkdir out; cp song.txt out/index.html"\n'
    'output = "out"\n[deploy]\ncommand = "true"\n',
}
SCOPES = ("read", "ask", "steer", "merge", "deploy", "administer")


@dataclass(kw_only=True)
class Server:
    """A server at work."""

    home: Honk
    running: Running
    url: str
    token: str

    @property
    def far(self) -> Honk:
        """Commands of somebody who has nothing but the address and a token."""
        kept = self.home.without("HONK_HOME", "ANTHROPIC_API_KEY", "ANTHROPIC_BASE_URL")
        root = self.home.root / "far"
        root.mkdir(exist_ok=True)
        more = {"HONK_HOME": str(root / "h"), "HONK_URL": self.url, "HONK_TOKEN": self.token}
        return Honk(root=root, environment={**kept.environment, **more})

    async def ends(self, number: int, *, seconds: float = 20) -> Done:
        """What it says when it gets that signal."""
        os.kill(self.running.process.pid, number)
        with anyio.fail_after(seconds):
            return await self.running.done()


@asynccontextmanager
async def server(home: Honk, *options: str) -> AsyncIterator[Server]:
    """`honk serve`, once it answers."""
    async with home.started("serve", "--port", "0", *options) as running:
        with anyio.fail_after(30):
            found = await running.says(r"serving \S+ on (\S+);")
        made = await home("token", "create", "--name", "test", *(f"--scope={one}" for one in SCOPES))
        assert made.code == 0, made.words
        yield Server(home=home, running=running, url=found[1], token=made.out.strip())
