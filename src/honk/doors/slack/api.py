"""Slack's Web API as this door uses it: paced, patient with 429, with Honk's own errors."""

import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import aiohttp
import anyio
import structlog
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from honk.doors.slack.downloading import download
from honk.doors.slack.pacing import Pace
from honk.doors.slack.payloads import ChatChannel, ChatUser, Said
from honk.doors.slack.trouble import SlackDown, SlackLacks, SlackRefused, SlackRevoked, translated
from honk.errors import Defect, HonkError

_log = structlog.get_logger()

T = TypeVar("T")
Blocks = Sequence[Mapping[str, Any]]
#: seconds after which a call is given up although Slack asks for ever longer pauses
_PATIENCE = 300.0
#: seconds for which it is believed who somebody is, and of how many
_KNOWN_FOR = 300.0
_KNOWN = 5_000
#: pages of a thread that are read when something is looked for
_PAGES = 10


@dataclass(frozen=True, kw_only=True, slots=True)
class Bot:
    """Who this door is in Slack."""

    team: str
    team_name: str
    user: str
    bot: str
    #: of the workspace, such as "https://acme.slack.com/"
    url: str
    scopes: frozenset[str]


class Api:
    """Raises SlackGone, SlackRevoked, SlackLacks, SlackDown, SlackRefused; never an error of the library."""

    def __init__(self, client: AsyncWebClient, pace: Pace) -> None:
        self._client = client
        self.pace = pace
        self._users: dict[str, tuple[float, ChatUser]] = {}
        self._channels: dict[str, tuple[float, ChatChannel]] = {}
        #: reactions that were asked for, so that the same is not asked for twice
        self._reacted: dict[str, tuple[float, bool]] = {}
        #: what the workspace turned out not to have; not asked for again
        self.lacking: set[str] = set()
        #: why nothing is asked of Slack at present: it does not accept the token
        self.refused: SlackRevoked | None = None
        #: set when that began
        self.refusal = anyio.Event()

    @property
    def host(self) -> str:
        """Where Slack is, for addresses that it hands out itself."""
        return urlsplit(self._client.base_url).netloc

    @property
    def session(self) -> aiohttp.ClientSession:
        """The one session of the door."""
        if self._client.session is None:
            raise Defect("the Slack client has no session")
        return self._client.session

    async def bot(self) -> Bot:
        """Whose token this is, and what it may do. The only question that is asked with a token that was refused."""
        found = await self._call("auth.test", self._client.auth_test)
        scopes = str(found.headers.get("x-oauth-scopes") or found.headers.get("X-OAuth-Scopes") or "")
        return Bot(
            team=str(found.get("team_id", "")),
            team_name=str(found.get("team", "")),
            user=str(found.get("user_id", "")),
            bot=str(found.get("bot_id", "")),
            url=str(found.get("url", "")),
            scopes=frozenset(one.strip() for one in scopes.split(",") if one.strip()),
        )

    # ── messages ───────────────────────────────────────────────────────────────────────────────
    async def post(self, channel: str, text: str, blocks: Blocks = (), *, thread: str = "") -> str:
        """The new message's ts. Raises SlackDown when it is not known whether it was sent."""
        made = await self._call(
            "chat.postMessage",
            self._client.chat_postMessage,
            key=channel,
            channel=channel,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread or None,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(made.get("ts", ""))

    async def update(self, channel: str, ts: str, text: str, blocks: Blocks) -> None:
        """The message shows this. The permit is the caller's: what is shown should be made after it was given."""
        await self._call(
            "chat.update",
            self._client.chat_update,
            permitted=True,
            channel=channel,
            ts=ts,
            text=text,
            blocks=list(blocks),
        )

    async def whisper(self, channel: str, user: str, text: str, blocks: Blocks = (), *, thread: str = "") -> None:
        """A message that only this user sees, and only now."""
        await self._call(
            "chat.postEphemeral",
            self._client.chat_postEphemeral,
            channel=channel,
            user=user,
            text=text,
            blocks=list(blocks) or None,
            thread_ts=thread or None,
        )

    async def react(self, channel: str, ts: str, name: str, *, within: float = math.inf) -> None:
        """There already: no effect. None either, then and later, where its permit would take longer than `within`."""
        known, key = {"already_reacted", "message_not_found", "too_many_reactions"}, f"{channel} {ts} {name}"
        if key in self._reacted:
            return
        _remember(self._reacted, key, (0.0, True))
        try:
            await self._quietly(known, "add", channel, ts, name, within=within)
        except BaseException:
            self._reacted.pop(key, None)
            raise

    async def unreact(self, channel: str, ts: str, name: str) -> None:
        """Not there: no effect."""
        self._reacted.pop(f"{channel} {ts} {name}", None)
        await self._quietly({"no_reaction", "message_not_found"}, "remove", channel, ts, name)

    async def _quietly(
        self, known: set[str], verb: str, channel: str, ts: str, name: str, *, within: float = math.inf
    ) -> None:
        method = self._client.reactions_add if verb == "add" else self._client.reactions_remove
        hurried = within < math.inf
        if hurried and not await self.pace.permit(f"reactions.{verb}", within=within):
            return
        try:
            await self._call(f"reactions.{verb}", method, permitted=hurried, channel=channel, timestamp=ts, name=name)
        except SlackRefused as error:
            if error.error not in known:
                raise

    async def permalink(self, channel: str, ts: str) -> str:
        found = await self._call("chat.getPermalink", self._client.chat_getPermalink, channel=channel, message_ts=ts)
        return str(found.get("permalink", ""))

    async def thread(self, channel: str, root: str, *, latest: str = "") -> AsyncIterator[Said]:
        """Everything that was said below that message, itself included, oldest first; up to `latest` where given."""
        cursor = ""
        for _ in range(_PAGES):
            found = await self._call(
                "conversations.replies",
                self._client.conversations_replies,
                channel=channel,
                ts=root,
                limit=200,
                cursor=cursor or None,
                latest=latest or None,
                inclusive=True if latest else None,
            )
            for one in found.get("messages") or ():
                yield Said.model_validate(one)
            cursor = str((found.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def message(self, channel: str, ts: str) -> Said | None:
        """One message, wherever it stands in the channel; None where it is gone."""
        found = await self._call(
            "conversations.history",
            self._client.conversations_history,
            channel=channel,
            latest=ts,
            oldest=ts,
            inclusive=True,
            limit=1,
        )
        for one in found.get("messages") or ():
            if one.get("ts") == ts:
                return Said.model_validate(one)
        async for said in self.thread(channel, ts):  # a reply is in no history
            if said.ts == ts:
                return said
        return None

    async def find(self, channel: str, root: str, marker: str) -> str:
        """The ts of a message of this door's in the thread that has a block of that name; "" where there is none."""
        async for said in self.thread(channel, root):
            if any(block.get("block_id") == marker for block in said.blocks):
                return said.ts
        return ""

    async def find_in_channel(self, channel: str, marker: str) -> str:
        """The same among the latest messages of the channel."""
        found = await self._call("conversations.history", self._client.conversations_history, channel=channel, limit=30)
        said = [Said.model_validate(one) for one in found.get("messages") or ()]
        return next((one.ts for one in said if any(each.get("block_id") == marker for each in one.blocks)), "")

    # ── people and channels ────────────────────────────────────────────────────────────────────
    async def user(self, id: str) -> ChatUser:
        """Believed for five minutes."""
        known = self._users.get(id)
        if known is None or known[0] < time.monotonic():
            found = await self._call("users.info", self._client.users_info, user=id)
            known = (time.monotonic() + _KNOWN_FOR, ChatUser.model_validate(found.get("user") or {}))
            _remember(self._users, id, known)
        return known[1]

    async def channel(self, id: str) -> ChatChannel:
        """Believed for five minutes."""
        known = self._channels.get(id)
        if known is None or known[0] < time.monotonic():
            found = await self._call("conversations.info", self._client.conversations_info, channel=id)
            known = (time.monotonic() + _KNOWN_FOR, ChatChannel.model_validate(found.get("channel") or {}))
            _remember(self._channels, id, known)
        return known[1]

    def forget_channel(self, id: str) -> None:
        """Something of it changed."""
        self._channels.pop(id, None)

    async def direct(self, user: str) -> str:
        """The channel in which Honk talks with that user alone."""
        found = await self._call("conversations.open", self._client.conversations_open, users=user)
        return str((found.get("channel") or {}).get("id", ""))

    # ── views ──────────────────────────────────────────────────────────────────────────────────
    async def open(self, trigger: str, view: Mapping[str, Any]) -> str:
        """Opens a modal; its id. A trigger is good for three seconds, so nothing is waited for."""
        opened = await self._call(
            "views.open", self._client.views_open, permitted=True, trigger_id=trigger, view=dict(view)
        )
        return str((opened.get("view") or {}).get("id", ""))

    async def show(self, view_id: str, view: Mapping[str, Any]) -> None:
        """The modal shows this from now on. Closed already: no effect."""
        try:
            await self._call("views.update", self._client.views_update, view_id=view_id, view=dict(view))
        except SlackRefused as error:
            if error.error != "not_found":
                raise

    async def home(self, user: str, view: Mapping[str, Any]) -> None:
        await self._call("views.publish", self._client.views_publish, user_id=user, view=dict(view))

    # ── assistant and streams: what not every workspace has ─────────────────────────────────────
    async def optional(self, method: str, **arguments: Any) -> Mapping[str, Any] | None:
        """Calls what the workspace may lack; None, and never again, where it does."""
        if method in self.lacking:
            return None
        called = getattr(self._client, method.replace(".", "_"))
        try:
            answer = await self._call(method, called, **arguments)
        except SlackLacks:
            self.lacking.add(method)
            return None
        except SlackRevoked:
            raise
        except HonkError as error:
            _log.info("Slack did not do what it need not", method=method, reason=error.message)
            return None
        return dict(answer.data) if isinstance(answer.data, dict) else {}

    # ── files ──────────────────────────────────────────────────────────────────────────────────
    async def upload(self, channel: str, thread: str, files: Sequence[tuple[str, str, Path]], comment: str) -> None:
        """Files (name, title, where it lies) as one message of the thread, by the upload in three steps."""
        await self._call(
            "files.completeUploadExternal",
            self._client.files_upload_v2,
            channel=channel,
            thread_ts=thread or None,
            initial_comment=comment,
            file_uploads=[
                {"filename": name, "title": title, "alt_txt": title, "file": str(path)} for name, title, path in files
            ],
        )

    async def download(self, url: str, to: Path, limit: int) -> None:
        """Stores a file with the bot's token (honk.doors.slack.downloading)."""
        await download(self.session, url, to, limit, slack=self._client.base_url, token=self._client.token or "")

    # ── one call ───────────────────────────────────────────────────────────────────────────────
    async def _call(
        self,
        method: str,
        call: Callable[..., Awaitable[Any]],
        *,
        key: str = "",
        permitted: bool = False,
        **arguments: Any,
    ) -> Any:
        """Waits for its permit, and again where Slack wants a pause."""
        given_up = time.monotonic() + _PATIENCE
        while True:
            if self.refused is not None and method != "auth.test":
                raise self.refused
            if not permitted:
                await self.pace.permit(method, key)
            try:
                return await call(**arguments)
            except SlackApiError as exc:
                pause = _pause(exc)
                if pause is None:
                    raise self._told(_meant(method, exc)) from exc
                self.pace.hold(method, pause, key)
                if permitted or time.monotonic() + pause > given_up:
                    raise SlackDown(
                        f"Slack wants a pause of {pause:.0f} s before {method}", "it is tried again"
                    ) from exc
            except (TimeoutError, SlackClientError, aiohttp.ClientError, OSError, ValueError) as exc:
                raise SlackDown(f"Slack did not answer {method} ({type(exc).__name__})", "it is tried again") from exc

    def _told(self, error: Exception) -> Exception:
        """Remembers that the token is refused, so that it is not tried by everybody again and again."""
        if isinstance(error, SlackRevoked) and self.refused is None:
            self.refused = error
            self.refusal.set()
        return error


def _remember(known: "dict[str, tuple[float, T]]", id: str, what: tuple[float, T]) -> None:
    """Forgets whom it has known longest where there are too many."""
    known.pop(id, None)
    known[id] = what
    if len(known) > _KNOWN:
        del known[next(iter(known))]


def _answer(error: SlackApiError) -> tuple[int, Mapping[str, Any]]:
    """Status and content. What is not JSON comes as another library's object, and has no content."""
    answer = error.response
    status = getattr(answer, "status_code", None) or getattr(answer, "status", None) or 200
    data = answer if isinstance(answer, dict) else getattr(answer, "data", None)
    return int(status), data if isinstance(data, Mapping) else {}


def _pause(error: SlackApiError) -> float | None:
    """Seconds that Slack wants, where it does."""
    answer = error.response
    status, said = _answer(error)
    if status != 429 and said.get("error") not in {"ratelimited", "rate_limited"}:
        return None
    headers = {str(name).lower(): value for name, value in (getattr(answer, "headers", None) or {}).items()}
    try:
        return min(max(float(headers.get("retry-after", 1)), 0.1), 600.0)
    except ValueError:
        return 1.0


def _meant(method: str, error: SlackApiError) -> Exception:
    status, said = _answer(error)
    if status >= 500 or not said.get("error"):
        return SlackDown(f"Slack answers {method} with {status}", "it is tried again")
    more = (said.get("response_metadata") or {}).get("messages") or said.get("errors") or ()
    detail = "; ".join(map(str, more))[:500] if isinstance(more, list) else ""
    return translated(method, str(said["error"]), str(said.get("needed", "")), detail)
