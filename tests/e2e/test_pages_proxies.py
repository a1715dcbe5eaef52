"""The files in deploy/proxy with the real proxies: the check of `public_url` passes, and events are not held back.

Where one of them is missing its test is skipped, but failed in CI; `scripts/partners` installs both.
"""

import asyncio
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from test_pages_site import Served, served

from honk.adapters.pages import Addresses
from honk.adapters.pages.reach import check
from honk.domain.event import StepProgressed

PROXY = Path(__file__).resolve().parents[2] / "deploy" / "proxy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin")
CADDY = shutil.which("caddy")

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[Served]:
    async with served(short_tmp) as made:
        yield made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@asynccontextmanager
async def running(*command: str | Path, port: int, home: Path) -> AsyncIterator[None]:
    """A program that listens on the port, until the context ends."""
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "PATH": "/usr/bin:/bin"}
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            assert process.returncode is None, f"{command[0]} ended with {process.returncode}"
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def an_address(_: str) -> list[str]:
    """A resolver by which the name is that of a machine on the internet."""
    return ["203.0.113.7"]


async def looks_right(site: Served, public: str, tls: ssl.SSLContext) -> None:
    """The check passes, and a follower sees an event while the stream stays open."""
    found = await check(Addresses(site.house.home, public), tls=tls, resolve=an_address)
    assert found.ok, found
    headers = {"Authorization": f"Bearer {site.token}", "Accept": "text/event-stream"}
    url = f"{public}/api/v1/tasks/{site.task.id}/events"
    async with (
        httpx.AsyncClient(verify=tls, trust_env=False, timeout=15) as client,
        client.stream("GET", url, headers=headers) as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        async for line in lines:
            if "task.moved" in line:
                break
        told = StepProgressed(step="code", detail="seen at once")
        await site.house.app.ports.events.record(site.task.id, 1, told)
        async for line in lines:
            if "seen at once" in line:
                break
        else:
            raise AssertionError("the stream ended")


@pytest.mark.partner("nginx")
async def test_through_nginx(site: Served, tmp_path: Path) -> None:
    port, behind = free_port(), site.origin.rpartition(":")[2]
    server = (PROXY / "nginx.conf").read_text(encoding="utf-8").replace(":8000", f":{behind}")
    server = re.sub(r"listen 80;\n\s*listen \[::\]:80;", f"listen 127.0.0.1:{port};", server)
    folders = "".join(
        f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (tmp_path / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\nevents {{}}\npid {tmp_path}/pid;\nerror_log stderr;\n"
        f"http {{\naccess_log off;\n{folders}{server}\n}}\n"
    )
    command = (NGINX or "", "-p", tmp_path, "-c", tmp_path / "nginx.conf")
    async with running(*command, port=port, home=tmp_path):
        await looks_right(site, f"http://127.0.0.1:{port}", ssl.create_default_context())


@pytest.mark.slow
@pytest.mark.partner("caddy")
async def test_through_caddy_with_tls(site: Served, tmp_path: Path) -> None:
    """With a certificate of Caddy's own authority in place of one from the internet."""
    port, behind = free_port(), site.origin.rpartition(":")[2]
    text = (PROXY / "Caddyfile").read_text(encoding="utf-8").replace(":8000", f":{behind}")
    text = text.replace("honk.example.com {", f"https://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls internal")
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    (tmp_path / "Caddyfile").write_text(options + text)
    command = (CADDY or "", "run", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile")
    async with running(*command, port=port, home=tmp_path):
        root = tmp_path / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        await looks_right(site, f"https://localhost:{port}", ssl.create_default_context(cafile=str(root)))
        untrusted = await check(Addresses(site.house.home, f"https://localhost:{port}"), resolve=an_address)
        assert not untrusted.ok and "certificate" in untrusted.detail
