"""GitHub's manifest flow on this machine: a page that sends a browser there, and takes it back with a code.

The page is on loopback and for this once: its address holds a number that nobody can guess, and what comes back must
hold it too. Where the browser is on another machine, the page is a file to be carried there.
"""

import asyncio
import hmac
import html
import json
import os
import re
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
from aiohttp import web

from honk.errors import ForgeRefused, HonkError, Unreachable, Usage
from honk.settings.github import place_of_app

_CODE = re.compile(r"[A-Za-z0-9_-]{8,200}")
_PATIENCE = 30.0
_KEPT = ("slug", "name", "html_url", "client_id", "client_secret", "webhook_secret", "pem")
_DONE = "<!doctype html><meta charset=utf-8><title>Honk</title><p>{}</p>"


class Registration:
    """One app that is about to be made."""

    def __init__(self, *, web_url: str, org: str, manifest: Callable[[str], str]) -> None:
        """`manifest` is told where the browser is to come back."""
        self._web_url = web_url
        self._org = org
        self._manifest = manifest
        #: nothing answers there: the browser shows the address, to be pasted
        self.redirect = "http://127.0.0.1/made"
        self._state = secrets.token_hex(16)
        self._arrived: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        #: where the page is; "" while nothing is served
        self.address = ""
        #: the same page as a file, for a browser on another machine
        self.file: Path | None = None

    @property
    def path(self) -> str:
        """Below the loopback address."""
        return f"/{self._state}"

    def page(self, nonce: str = "") -> str:
        """Sends the browser to GitHub by itself, or at a press where scripts do not run."""
        below = f"/organizations/{quote(self._org, safe='')}/settings/apps/new" if self._org else "/settings/apps/new"
        action = html.escape(f"{self._web_url}{below}?state={self._state}", quote=True)
        content = html.escape(json.dumps(json.loads(self._manifest(self.redirect))), quote=True)
        return (
            "<!doctype html><meta charset=utf-8><title>Honk and GitHub</title>"
            f'<form method=post action="{action}"><input type=hidden name=manifest value="{content}">'
            f"<p>GitHub shows the app and asks for its name. <button>Go to GitHub</button></form>"
            f'<script nonce="{nonce}">document.forms[0].submit()</script>'
        )

    @property
    def policy(self) -> str:
        """What the page may do."""
        return f"default-src 'none'; form-action {self._web_url}; base-uri 'none'; frame-ancestors 'none'"

    def right(self, state: str) -> bool:
        """Whether this is what was sent along."""
        return hmac.compare_digest(state.encode(), self._state.encode())

    def arrive(self, code: str) -> None:
        """The browser came back."""
        if not self._arrived.done():
            self._arrived.set_result(code)

    async def code(self, seconds: float) -> str:
        """Waits for the browser. Raises Unreachable after so long."""
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(self._arrived)
        except TimeoutError:
            raise Unreachable(
                "nobody came back from GitHub", "run it again; --paste where the browser is on another machine"
            ) from None

    def pasted(self, text: str) -> str:
        """The code within an address that a browser was sent to, or by itself. Raises Usage."""
        words = text.strip()
        if "?" in words:
            query = parse_qs(urlsplit(words).query)
            if not self.right(query.get("state", [""])[0]):
                raise Usage("this address is of another attempt", "paste the one that the browser shows now")
            words = query.get("code", [""])[0]
        if not _CODE.fullmatch(words):
            raise Usage("there is no code in that", "paste the whole address that begins with http://127.0.0.1")
        return words


@asynccontextmanager
async def served(registration: Registration, port: int) -> AsyncIterator[Registration]:
    """On loopback alone, while the context is open."""
    app = web.Application()
    app.router.add_get(registration.path, partial(_page, registration))
    app.router.add_get("/made", partial(_made, registration))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as exc:
            raise HonkError(f"cannot listen on 127.0.0.1:{port}: {exc.strerror}", "choose another --port") from exc
        here = f"http://127.0.0.1:{runner.addresses[0][1]}"
        registration.address, registration.redirect = f"{here}{registration.path}", f"{here}/made"
        yield registration
    finally:
        await runner.cleanup()


async def _page(registration: Registration, _: web.Request) -> web.Response:
    nonce = secrets.token_hex(16)
    policy = f"{registration.policy}; script-src 'nonce-{nonce}'"
    return _answer(registration.page(nonce), policy=policy)


async def _made(registration: Registration, request: web.Request) -> web.Response:
    code = request.query.get("code", "")
    if not registration.right(request.query.get("state", "")) or not _CODE.fullmatch(code):
        return _answer(_DONE.format("This is of another attempt. Run honk github setup again."), status=403)
    registration.arrive(code)
    return _answer(_DONE.format("The app is made. Go on in the terminal; this page can be closed."))


def _answer(
    text: str, *, status: int = 200, policy: str = "default-src 'none'; frame-ancestors 'none'"
) -> web.Response:
    headers = {
        "Content-Security-Policy": policy,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return web.Response(text=text, content_type="text/html", status=status, headers=headers)


async def converted(api_url: str, code: str) -> Mapping[str, str]:
    """What GitHub made: id, key and secrets. Raises ForgeRefused and Unreachable; the code is good once."""
    url = f"{api_url}/app-manifests/{code}/conversions"
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE) as client:
            answer = await client.post(url, headers={"Accept": "application/vnd.github+json"})
    except httpx.HTTPError as exc:
        raise Unreachable(f"{api_url} cannot be reached ({type(exc).__name__})", "run honk doctor") from None
    try:
        found: Any = answer.json()
    except ValueError:
        found = {}
    if answer.status_code != 201 or not isinstance(found, dict) or not found.get("pem") or not found.get("id"):
        raise ForgeRefused(
            f"GitHub did not take the code (status {answer.status_code})",
            "it is good once and for an hour: run honk github setup again, and delete the app that was made",
        )
    return {"id": str(found["id"]), **{name: str(found.get(name) or "") for name in _KEPT}}


def keep(home: Path, app: Mapping[str, str]) -> Path:
    """Writes it where the settings look, readable for whoever runs Honk and nobody else."""
    path = place_of_app(home)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.parent.chmod(0o700)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(dict(app), indent=2))
        file.flush()
        os.fsync(file.fileno())
    aside.chmod(0o600)
    if os.geteuid() == 0:  # root sets it up for the user that the service runs as
        owner = home.stat()
        for one in (path.parent, aside):
            os.chown(one, owner.st_uid, owner.st_gid)
    aside.replace(path)
    return path


def write_page(home: Path, registration: Registration) -> Path:
    """The page as a file, for a browser on another machine. It holds no secret but the number of this attempt."""
    path = place_of_app(home).with_name("new-app.html")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(registration.page(), encoding="utf-8")
    registration.file = path
    return path
