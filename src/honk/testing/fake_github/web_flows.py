"""The pages of the web flows: OAuth for people, and the manifest of an app.

By https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-user-access-token-for-a-github-app
and https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest.
"""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode
from uuid import uuid4

from aiohttp import web

from honk.testing.fake_github.records import App, Json, Token

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

Handler = Callable[["World", web.Request], Awaitable[web.StreamResponse]]
#: how long a code may be exchanged
CODE_MINUTES = 10
REFRESH_SECONDS = 15897600


def _with(address: str, **more: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode({k: v for k, v in more.items() if v})}"


def _app(world: "World", client_id: str) -> App | None:
    return next((one for one in world.apps.values() if one.client_id == client_id), None)


async def authorize(world: "World", request: web.Request) -> web.StreamResponse:
    """Asks a person. For tests: `login` says who that is and that they agree, `deny` that they do not."""
    query = request.query
    app = _app(world, query.get("client_id", ""))
    if app is None:
        return web.Response(status=404, text="Not Found")
    back = query.get("redirect_uri") or (app.callback_urls or [""])[0]
    if not back or (app.callback_urls and not any(back.startswith(one) for one in app.callback_urls)):
        return web.Response(status=400, text="The redirect_uri is not associated with this application.")
    state = query.get("state", "")
    if "deny" in query:
        raise web.HTTPFound(_with(back, error="access_denied", state=state))
    who = world.accounts.get(query.get("login", "").lower())
    if who is None:
        return web.Response(text="<title>Authorize application</title>", content_type="text/html")
    code = world.new_code(
        app=app, account=who, redirect=query.get("redirect_uri", ""), challenge=query.get("code_challenge", "")
    )
    raise web.HTTPFound(_with(back, code=code, state=state))


async def _form(request: web.Request) -> Json:
    raw = await request.text()
    if "json" in request.headers.get("Content-Type", ""):
        found: Json = json.loads(raw or "{}")
        return found
    return {**request.query, **dict(parse_qsl(raw))}


async def access_token(world: "World", request: web.Request) -> web.StreamResponse:
    """A code, or a refresh token, becomes a token. Errors have status 200, as at GitHub."""
    given = await _form(request)
    found = _exchange(world, given)
    if "json" in request.headers.get("Accept", ""):
        return web.json_response(found)
    return web.Response(text=urlencode(found), content_type="application/x-www-form-urlencoded")


def _wrong(name: str, words: str) -> Json:
    return {"error": name, "error_description": words, "error_uri": "https://docs.github.com/apps/troubleshooting"}


def _exchange(world: "World", given: Json) -> Json:
    app: App | None = _app(world, str(given.get("client_id", "")))
    if app is None or given.get("client_secret") != app.client_secret:
        return _wrong("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
    if given.get("grant_type") == "refresh_token":
        return _refreshed(world, app, str(given.get("refresh_token", "")))
    found: Json | None = world.codes.pop(str(given.get("code", "")), None)
    late = found is not None and world.now() - found["at"] > timedelta(minutes=CODE_MINUTES)
    if found is None or "account" not in found or found["app"].id != app.id or late:
        return _wrong("bad_verification_code", "The code passed is incorrect or expired.")
    if found["redirect"] and given.get("redirect_uri") not in (None, found["redirect"]):
        return _wrong("redirect_uri_mismatch", "The redirect_uri MUST match the registered callback URL.")
    if found["challenge"]:
        digest = hashlib.sha256(str(given.get("code_verifier", "")).encode()).digest()
        if base64.urlsafe_b64encode(digest).decode().rstrip("=") != found["challenge"]:
            return _wrong("bad_verification_code", "The code passed is incorrect or expired.")
    lasts = timedelta(hours=8) if app.expiring_tokens else None
    return _said(world.user_token(app, found["account"], lasts=lasts))


def _refreshed(world: "World", app: App, refresh: str) -> Json:
    for one in list(world.tokens.values()):
        if refresh and one.refresh == refresh and one.app is app and not one.revoked:
            one.revoked, one.refresh = True, ""
            return _said(world.user_token(app, one.account))
    return _wrong("bad_refresh_token", "The refresh token passed is incorrect or expired.")


def _said(token: Token) -> Json:
    found: Json = {"access_token": token.value, "token_type": "bearer", "scope": ""}
    if token.refresh:
        found |= {
            "expires_in": 28800,
            "refresh_token": token.refresh,
            "refresh_token_expires_in": REFRESH_SECONDS,
        }
    return found


async def new_app(world: "World", request: web.Request) -> web.StreamResponse:
    """The form of a manifest, which a person agrees to at once; the way back has a code."""
    form = await request.post()
    try:
        manifest = json.loads(str(form.get("manifest", "")))
    except ValueError:
        return web.Response(status=422, text="The manifest is not valid JSON.")
    hook = manifest.get("hook_attributes") or {}
    wrong = [name for name in ("url",) if not manifest.get(name)]
    if wrong or (hook and not hook.get("url")):
        return web.Response(status=422, text="url wasn't supplied")
    owner = request.match_info.get("org") or "octocat"
    account = world.accounts.get(owner.lower()) or world.user(owner)
    name = manifest.get("name") or f"app-{world.number()}"
    app = world.app(
        name.lower().replace(" ", "-"),
        name=name,
        owner=account,
        permissions=manifest.get("default_permissions") or {},
        events=manifest.get("default_events") or [],
        webhook_url=hook.get("url", "") if hook.get("active", True) else "",
        webhook_secret=uuid4().hex if hook else "",
        callback_urls=manifest.get("callback_urls") or [],
        setup_url=manifest.get("setup_url") or "",
    )
    code = world.new_code(manifest=manifest, app=app)
    back = manifest.get("redirect_url")
    if not back:
        return web.Response(text=code)
    raise web.HTTPFound(_with(back, code=code, state=request.query.get("state", "")))


async def install(world: "World", request: web.Request) -> web.StreamResponse:
    """The page on which an app is installed. For tests: `account` says where, at once."""
    app = next((one for one in world.apps.values() if one.slug == request.match_info["slug"]), None)
    if app is None:
        return web.Response(status=404)
    account = request.query.get("account", "")
    if not account:
        return web.Response(text="<title>Install</title>", content_type="text/html")
    made = world.install(app, account)
    if not app.setup_url:
        raise web.HTTPFound(f"{world.web}/settings/installations/{made.id}")
    state = request.query.get("state", "")
    raise web.HTTPFound(_with(app.setup_url, installation_id=str(made.id), setup_action="install", state=state))


ROUTES: list[tuple[str, str, Handler]] = [
    ("GET", "/login/oauth/authorize", authorize),
    ("POST", "/login/oauth/access_token", access_token),
    ("POST", "/settings/apps/new", new_app),
    ("POST", "/organizations/{org}/settings/apps/new", new_app),
    ("GET", "/apps/{slug}/installations/new", install),
]
