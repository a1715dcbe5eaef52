"""Whether the app may do what this door needs: each scope by trying it, where that does no harm.

What is posted goes into a direct message with one person, and is deleted again at once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from honk.doors.slack.api import Api, Bot
from honk.doors.slack.scopes import APP_SCOPE, SCOPES
from honk.doors.slack.trouble import SlackDown, SlackLacks, SlackRevoked, translated
from honk.doors.slack.writing import text
from honk.errors import HonkError
from honk.service import Diagnosis

Json = Mapping[str, Any]
_EXAMPLE = "https://honk.example.com"
_REINSTALL = "add it at OAuth & Permissions → Scopes → Bot Token Scopes, and press Reinstall to Workspace"
_WORDS = "Honk tries whether it may write here. This message goes by itself."
_KINDS = {"channels": "public_channel", "groups": "private_channel", "mpim": "mpim", "im": "im"}
_PLACES = {"channels": "public channel", "groups": "private channel", "mpim": "group message", "im": "direct message"}


def manifest(address: str = "") -> str:
    """The app as Slack takes it from a paste, in YAML; with an address for mode "http", otherwise for "socket"."""
    name = "manifest-http.yaml" if address else "manifest.yaml"
    found = resources.files("honk.doors.slack").joinpath(name).read_text(encoding="utf-8")
    return found.replace(_EXAMPLE, address.rstrip("/")) if address else found


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One thing to try: the scopes that it needs, and what it says when it went well."""

    name: str
    scopes: tuple[str, ...]
    run: Callable[[], Awaitable[str]]
    required: bool = True


class NotTried(Exception):
    """There is nothing to try it on. The argument says why."""


class Checks:
    """Tries everything in turn. Each answer is a line; nothing is raised for what Slack refuses."""

    def __init__(self, client: AsyncWebClient, api: Api, user: str = "") -> None:
        self._client = client
        self._api = api
        #: who gets the message that is deleted again; "" for nobody
        self._user = user
        self._bot: Bot | None = None
        self._direct = ""
        self._ts = ""

    async def all(self) -> AsyncIterator[Diagnosis]:
        """The token, the scopes that it says it has, then each by trying."""
        try:
            bot = self._bot = await self._api.bot()
        except HonkError as error:
            yield refused("Slack: bot token", error)
            return
        yield Diagnosis(name="Slack: bot token", ok=True, detail=f"{bot.user} in {bot.team_name} ({bot.team})")
        for one in lacking(bot.scopes):
            yield one
        for trial in self._reading():
            yield await self._try(trial)
        if not self._user:
            yield Diagnosis(
                name="Slack: writing",
                ok=False,
                required=False,
                detail="not tried: nobody is named to whom a message may go",
                remedy="honk slack check --user U… (Slack: your profile → ⋮ → Copy member ID)",
            )
            return
        try:
            for trial in self._writing():
                yield await self._try(trial)
        finally:
            cleaned = await self._try(Trial(name="cleaning up", scopes=("chat:write",), run=self._clean))
        yield cleaned

    async def _try(self, trial: Trial) -> Diagnosis:
        name = f"Slack: {trial.name}"
        try:
            return Diagnosis(name=name, ok=True, detail=await trial.run())
        except NotTried as why:
            return Diagnosis(name=name, ok=True, required=False, detail=f"not tried: {why}")
        except HonkError as error:
            return refused(name, error, trial.scopes, required=trial.required)

    # ── reading ────────────────────────────────────────────────────────────────────────────────
    def _reading(self) -> list[Trial]:
        found = [Trial(name="users", scopes=("users:read",), run=self._self)]
        for prefix in _KINDS:
            scopes = (f"{prefix}:read", f"{prefix}:history")
            found.append(Trial(name=f"{_PLACES[prefix]}s", scopes=scopes, run=partial(self._read, prefix)))
        return found

    async def _self(self) -> str:
        bot = self._bot
        return f"@{(await self._api.user(bot.user if bot else '')).name}"

    async def _read(self, prefix: str) -> str:
        """Lists, then looks at the newest message of the first one in which the bot is."""
        listed = await self._call("conversations.list", types=_KINDS[prefix], exclude_archived=True, limit=200)
        inside = [one for one in listed.get("channels") or () if one.get("is_member") or prefix in {"im", "mpim"}]
        if not inside:
            if prefix in {"channels", "groups"}:
                raise NotTried(f"Honk is in no {_PLACES[prefix]} yet: /invite @honk in one")
            raise NotTried(f"there is no {_PLACES[prefix]} with Honk yet")
        place = str(inside[0]["id"])
        await self._call("conversations.info", channel=place)
        await self._call("conversations.history", channel=place, limit=1)
        return f"{len(inside)} with Honk"

    # ── writing ────────────────────────────────────────────────────────────────────────────────
    def _writing(self) -> list[Trial]:
        return [
            Trial(name="opening a direct message", scopes=("im:write",), run=self._open),
            Trial(name="posting and changing", scopes=("chat:write",), run=self._post),
            Trial(name="reading it back", scopes=("im:history",), run=self._read_back),
            Trial(name="reacting", scopes=("reactions:write",), run=self._react),
            Trial(name="seeing reactions", scopes=("reactions:read",), run=self._see),
            Trial(name="files", scopes=("files:write", "files:read"), run=self._file),
            Trial(name="home tab", scopes=(), run=self._home),
            Trial(name="assistant", scopes=("assistant:write",), run=self._assistant, required=False),
            Trial(name="streaming", scopes=("chat:write",), run=self._stream, required=False),
        ]

    async def _open(self) -> str:
        self._direct = await self._api.direct(self._user)
        return f"with {(await self._api.user(self._user)).shown}"

    async def _post(self) -> str:
        self._ts = await self._api.post(self._there(), _WORDS, [text(_WORDS)])
        await self._api.pace.permit("chat.update")
        await self._api.update(self._there(), self._ts, _WORDS, [text(_WORDS, " It was changed.")])
        return "a message, which will be deleted"

    async def _read_back(self) -> str:
        place, ts = self._message()
        return "" if await self._api.message(place, ts) else "the message is not there any more"

    async def _react(self) -> str:
        await self._call("reactions.add", channel=self._message()[0], timestamp=self._ts, name="eyes")
        return ""

    async def _see(self) -> str:
        await self._call("reactions.get", channel=self._message()[0], timestamp=self._ts)
        await self._api.unreact(*self._message(), "eyes")
        return ""

    async def _file(self) -> str:
        """Uploads a small text to nowhere in particular, reads it and deletes it."""
        made = await self._ask("files.completeUploadExternal", self._upload)
        file = str(((made.get("files") or [{}])[0]).get("id", ""))
        try:
            await self._call("files.info", file=file)
        finally:
            await self._call("files.delete", file=file)
        return "a text of 5 bytes, deleted again"

    async def _upload(self) -> Any:
        return await self._client.files_upload_v2(filename="honk.txt", title="Honk tries uploads", content="honk\n")

    async def _home(self) -> str:
        words = "Honk was just set up. Open this tab again to see what is at work."
        await self._api.home(self._user, {"type": "home", "blocks": [text(words)]})
        return ""

    async def _assistant(self) -> str:
        place, ts = self._message()
        for status in ("tries its status", ""):
            await self._call("assistant.threads.setStatus", channel_id=place, thread_ts=ts, status=status)
        return ""

    async def _stream(self) -> str:
        place, ts = self._message()
        team = self._bot.team if self._bot else ""
        begun = await self._call(
            "chat.startStream", channel=place, thread_ts=ts, recipient_user_id=self._user, recipient_team_id=team
        )
        stream = str(begun.get("ts", ""))
        try:
            await self._call("chat.stopStream", channel=place, ts=stream)
        finally:
            await self._call("chat.delete", channel=place, ts=stream)
        return ""

    async def _clean(self) -> str:
        place, ts = self._message()
        await self._call("chat.delete", channel=place, ts=ts)
        return "the message is deleted"

    def _there(self) -> str:
        if not self._direct:
            raise NotTried("no direct message could be opened")
        return self._direct

    def _message(self) -> tuple[str, str]:
        if not self._ts:
            raise NotTried("no message could be posted")
        return self._there(), self._ts

    # ── one call ───────────────────────────────────────────────────────────────────────────────
    async def _call(self, method: str, **arguments: Any) -> Json:
        return await self._ask(method, lambda: self._client.api_call(method, params=arguments))

    async def _ask(self, method: str, call: Callable[[], Awaitable[Any]]) -> Json:
        await self._api.pace.permit(method)
        return await asked(method, call)


async def asked(method: str, call: Callable[[], Awaitable[Any]]) -> Json:
    """What Slack answers. Raises this door's errors."""
    try:
        answer = await call()
    except SlackApiError as exc:
        said = exc.response or {}
        if getattr(said, "status_code", 200) >= 500:
            raise SlackDown(f"Slack is in trouble ({method})", "try again later") from exc
        raise translated(method, str(said.get("error") or "no_answer"), str(said.get("needed") or "")) from exc
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as exc:
        raise SlackDown(f"Slack did not answer {method} ({type(exc).__name__})", "is it reachable from here?") from exc
    return answer.data if isinstance(answer.data, dict) else {}


async def socket(client: AsyncWebClient, token: str) -> Diagnosis:
    """Whether a connection may be opened with the app-level token. It is not."""
    name = "Slack: connection"
    try:
        await asked("apps.connections.open", lambda: client.apps_connections_open(app_token=token))
    except SlackLacks:
        remedy = f"Basic Information → App-Level Tokens: make one with the scope {APP_SCOPE}"
        return Diagnosis(name=name, ok=False, detail="SLACK_APP_TOKEN may not open connections", remedy=remedy)
    except SlackRevoked as error:
        remedy = f"Basic Information → App-Level Tokens: make a new one with {APP_SCOPE}, for SLACK_APP_TOKEN"
        return Diagnosis(name=name, ok=False, detail=f"SLACK_APP_TOKEN: {error.message}", remedy=remedy)
    except HonkError as error:
        switched = "is Socket Mode switched on (Settings → Socket Mode)?"
        return Diagnosis(name=name, ok=False, detail=error.message, remedy=error.remedy or switched)
    return Diagnosis(name=name, ok=True, detail="Socket Mode: no public address is needed")


def lacking(has: frozenset[str]) -> list[Diagnosis]:
    """What the token's own list of scopes lacks; nothing where Slack did not send one."""
    if not has:
        return []
    missing = [
        Diagnosis(
            name=f"Slack: scope {scope}",
            ok=False,
            detail=f"missing; without it Honk cannot: {what}",
            remedy=_REINSTALL,
            required=scope != "assistant:write",
        )
        for scope, what in SCOPES.items()
        if scope not in has
    ]
    more = ", ".join(sorted(has - set(SCOPES)))
    detail = f"all {len(SCOPES)}" + (f"; more than Honk needs: {more}" if more else "")
    return missing or [Diagnosis(name="Slack: scopes", ok=True, detail=detail)]


def refused(name: str, error: HonkError, scopes: tuple[str, ...] = (), *, required: bool = True) -> Diagnosis:
    """The line that the error makes, with what to do and what does not work without it."""
    if isinstance(error, SlackRevoked):
        remedy = "OAuth & Permissions → Reinstall to Workspace, and the new token into SLACK_BOT_TOKEN"
        return Diagnosis(name=name, ok=False, detail=error.message, remedy=remedy)
    if not required and isinstance(error, SlackLacks):
        return Diagnosis(name=name, ok=False, required=False, detail="not in this workspace: plain messages are used")
    if isinstance(error, SlackLacks) and error.scope:
        wanted = [one for one in scopes if one in error.scope.split(",")] or list(scopes) or [error.scope]
        lost = "; ".join(f"{one}: {SCOPES[one]}" for one in wanted if one in SCOPES)
        detail = f"missing scope {', '.join(wanted)}; without it Honk cannot {lost}"
        return Diagnosis(name=name, ok=False, detail=detail, remedy=_REINSTALL, required=required)
    return Diagnosis(name=name, ok=False, detail=error.message, remedy=error.remedy, required=required)
