"""The Web API: who may call what, what of it is broken today, and a record of every call."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from honk.testing.fake_slack.limits import Limits
from honk.testing.fake_slack.workspace import Json
from honk.testing.fake_slack.world import Refused, World

#: arguments that are JSON, also where the rest is a form
_JSON_ARGUMENTS = {
    "attachments",
    "blocks",
    "chunks",
    "files",
    "loading_messages",
    "metadata",
    "prompts",
    "unfurls",
    "view",
}
FEATURES = {
    "streaming": ("chat.startStream", "chat.appendStream", "chat.stopStream"),
    "assistant": (
        "assistant.threads.setStatus",
        "assistant.threads.setTitle",
        "assistant.threads.setSuggestedPrompts",
    ),
}


@dataclass
class Args:
    """The arguments of one call, whether they came as a form or as JSON."""

    values: Json

    def text(self, name: str, *, needed: str = "") -> str:
        """A string, empty where it was not given; refused with `needed` where it must be."""
        value = self.values.get(name)
        if value is None or value == "":
            if needed:
                raise Refused(needed)
            return ""
        return value if isinstance(value, str) else json.dumps(value)

    def flag(self, name: str, otherwise: bool = False) -> bool:
        """A boolean, as Slack reads one."""
        value = self.values.get(name)
        return otherwise if value is None else str(value).lower() in ("1", "true")

    def number(self, name: str, otherwise: int) -> int:
        """A whole number."""
        try:
            return int(str(self.values[name]))
        except (KeyError, ValueError):
            return otherwise

    def json(self, name: str) -> Any:
        """A structure, None where it was not given; text that is no JSON stays text."""
        value = self.values.get(name)
        if isinstance(value, str) and value:
            try:
                return json.loads(value)
            except ValueError:
                return value
        return value


Handler = Callable[[World, Args], Awaitable[Json]]


@dataclass(frozen=True)
class Method:
    """One method: its code, the scopes of which it needs one, and the kind of token."""

    run: Handler
    scopes: tuple[str, ...] = ()
    token: str = "bot"


class Methods(dict[str, Method]):
    """Methods by their names."""

    def add(self, name: str, *scopes: str, token: str = "bot") -> Callable[[Handler], Handler]:
        """Makes a function the method of that name."""

        def keep(run: Handler) -> Handler:
            self[name] = Method(run, scopes, token)
            return run

        return keep


@dataclass
class Call:
    """One call of the app, with what it got."""

    method: str
    arguments: Json
    at: float
    status: int = 0
    answer: Json = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether Slack did it."""
        return bool(self.answer.get("ok"))

    @property
    def error(self) -> str:
        """Slack's word for why not; empty where it did."""
        return str(self.answer.get("error", ""))


@dataclass(eq=False)
class Trouble:
    """What is to go wrong with the next calls of a method."""

    method: str
    times: int = 1
    error: str = ""
    status: int = 200
    retry_after: int = 0
    #: the connection breaks, before or (`stored`) after the call was done
    drop: bool = False
    stored: bool = False
    gate: asyncio.Event | None = None


class WebApi:
    """Answers `/api/METHOD`."""

    def __init__(self, world: World, methods: Mapping[str, Method], limits: Limits | None) -> None:
        self.world = world
        self.methods = methods
        self.limits = limits
        self.calls: list[Call] = []
        self.troubles: list[Trouble] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call."""
        name = request.match_info["method"]
        arguments = await _arguments(request)
        token = _token(request, arguments)
        arguments.pop("token", None)
        call = Call(name, _decoded(arguments), self.world.space.clock())
        self.calls.append(call)
        self.world.ring()
        trouble = self._trouble(name)
        if trouble is not None:
            if trouble.gate is not None:
                await trouble.gate.wait()
            elif (broken := self._broken(request, call, trouble)) is not None:
                return broken
        call.status, call.answer, headers = await self._answer(name, Args(arguments), token)
        self.world.ring()
        if trouble is not None and trouble.stored:
            return _cut(request)
        return web.json_response(call.answer, status=call.status, headers=headers)

    def _trouble(self, name: str) -> Trouble | None:
        for trouble in self.troubles:
            if trouble.method in (name, "*") and trouble.times > 0:
                trouble.times -= 1
                return trouble
        return None

    def _broken(self, request: web.Request, call: Call, trouble: Trouble) -> web.StreamResponse | None:
        """The answer of a call that is not done at all."""
        if trouble.stored:
            return None
        if trouble.drop:
            return _cut(request)
        call.status, headers = trouble.status, {}
        call.answer = {"ok": False, "error": trouble.error or "internal_error"}
        if trouble.retry_after:
            headers["Retry-After"] = str(trouble.retry_after)
        if trouble.status >= 500:
            return web.Response(status=trouble.status, text="<html>Server Error</html>", content_type="text/html")
        return web.json_response(call.answer, status=call.status, headers=headers)

    async def _answer(self, name: str, args: Args, token: str) -> tuple[int, Json, dict[str, str]]:
        app = self.world.app
        found = self.methods.get(name)
        missing = _missing(app.missing, name)
        if found is None or missing == "unknown_method":
            return 200, {"ok": False, "error": "unknown_method", "req_method": name}, {}
        scopes = app.app_scopes if token == app.app_token else app.scopes
        headers = {
            "x-oauth-scopes": ",".join(sorted(scopes)),
            "x-accepted-oauth-scopes": ",".join(found.scopes),
        }
        try:
            self._admit(found, token, scopes)
            if missing:
                raise Refused(missing)
            wait = self.limits and self.limits.refuse(name, _place(args), self.world.space.clock())
            if wait:
                return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(wait)}
            return 200, {"ok": True, **await found.run(self.world, args)}, headers
        except Refused as refused:
            return 200, {"ok": False, "error": refused.error, **refused.more}, headers

    def _admit(self, found: Method, token: str, scopes: set[str]) -> None:
        app = self.world.app
        if found.token == "none":
            return
        if not token:
            raise Refused("not_authed")
        if token in app.revoked:
            raise Refused("token_revoked")
        if token not in (app.bot_token, app.app_token):
            raise Refused("invalid_auth")
        if not app.installed:
            raise Refused("account_inactive")
        if found.token not in ("any", "app" if token == app.app_token else "bot"):
            raise Refused("not_allowed_token_type")
        if found.scopes and not scopes & set(found.scopes):
            raise Refused("missing_scope", needed=",".join(found.scopes), provided=",".join(sorted(scopes)))


def _missing(missing: dict[str, str], name: str) -> str:
    for feature, error in missing.items():
        if name == feature or name in FEATURES.get(feature, ()):
            return error
    return ""


def _place(args: Args) -> str:
    return args.text("channel") or args.text("channel_id")


def _cut(request: web.Request) -> web.StreamResponse:
    """Breaks the connection in place of an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _arguments(request: web.Request) -> Json:
    values: Json = dict(request.query)
    kind = request.content_type
    if kind == "application/json":
        try:
            found = json.loads(await request.text() or "{}")
        except ValueError:
            return values
        return values | (found if isinstance(found, dict) else {})
    if kind == "multipart/form-data":
        values |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    else:
        values |= dict(parse_qsl(await request.text(), keep_blank_values=True))
    return values


def _token(request: web.Request, arguments: Json) -> str:
    said = request.headers.get("Authorization", "")
    return said[7:] if said.lower().startswith("bearer ") else str(arguments.get("token", ""))


def _decoded(arguments: Json) -> Json:
    args = Args(arguments)
    return {key: args.json(key) if key in _JSON_ARGUMENTS else value for key, value in arguments.items()}
