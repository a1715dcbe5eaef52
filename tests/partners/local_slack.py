"""local-slack, a Slack that nobody here wrote, driven with the same words as honk.testing.fake_slack.

It listens on all interfaces, so it runs in a network namespace; a relay on loopback has the same port outside.
What it cannot do is in the contract suite: it takes any token, knows no scopes, limits, retries or disconnects.
"""

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import aiohttp

from honk.testing.fake_slack import App, Message, View
from partners.namespace import both_ways, die_with_parent

T = TypeVar("T")
_HERE = Path(__file__).resolve().parent
BINARY = _HERE / "node_modules" / "local-slack-linux-x64" / "bin" / "local-slack"
_PEOPLE = {"ada": "Ada Lovelace", "ben": "Ben Bitdiddle", "cleo": "Cleo Chen"}
#: what a new namespace needs: root, or a user namespace
_UNSHARE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]


@cache
def installed() -> bool:
    """Whether it is there, and may have a network namespace."""
    if not BINARY.exists() or shutil.which("unshare") is None:
        return False
    return subprocess.run([*_UNSHARE, "true"], capture_output=True, check=False).returncode == 0


class LocalSlack:
    """A workspace as FakeSlack's: ada, ben, cleo, the channel general, and the app with the same tokens."""

    def __init__(self, app: App | None = None) -> None:
        self.app = app or App()
        self.url = ""
        self._state: dict[str, Any] = {}
        self._errors: dict[str, str] = {}
        self._bell = asyncio.Event()
        self._folder = Path(tempfile.mkdtemp(prefix="ls", dir="/tmp"))
        self._open = contextlib.AsyncExitStack()
        self._http: aiohttp.ClientSession
        self._screen: aiohttp.ClientWebSocketResponse

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._open.aclose()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _start(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            outside = free.dup()
        port = outside.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        config, place = self._folder / "config.yaml", self._folder / "s"
        config.write_text(json.dumps(self._config()))
        program = [BINARY, "--config", config, "--port", port, "--base-host", "127.0.0.1", "--files-dir", self._folder]
        inside = [sys.executable, _HERE / "namespace.py", place, port, "local-slack is running", *program]
        process = await asyncio.create_subprocess_exec(
            *map(str, _UNSHARE + inside),
            stdout=asyncio.subprocess.PIPE,
            preexec_fn=die_with_parent,
            cwd=self._folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self._folder)},
        )
        self._open.push_async_callback(_ended, process)
        assert process.stdout is not None
        async with asyncio.timeout(15):
            assert await process.stdout.readline() == b"ready\n", "local-slack did not start"
        await self._relay(outside, place)
        self._http = await self._open.enter_async_context(aiohttp.ClientSession())
        self._screen = await self._http.ws_connect(f"{self.url}/ui", max_msg_size=0)
        watching = asyncio.create_task(self._watch())
        self._open.push_async_callback(_cancelled, watching)
        self._open.push_async_callback(self._screen.close)
        await self.until(lambda: self._state)

    async def _relay(self, outside: socket.socket, place: Path) -> None:
        """On loopback outside what the server is inside."""
        going: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            going.add(task)
            try:
                with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                    await both_ways((reader, writer), await asyncio.open_unix_connection(str(place)))
            finally:
                going.discard(task)
                writer.transport.abort()

        server = await asyncio.start_server(accept, sock=outside)

        async def end() -> None:
            server.close()
            for task in tuple(going):
                task.cancel()
            await asyncio.gather(*going, return_exceptions=True)

        self._open.push_async_callback(end)

    def _config(self) -> dict[str, Any]:
        app = self.app
        users = [
            {"id": f"U0{name.upper()}", "name": name, "real_name": real, "email": f"{name}@acme.example"}
            for name, real in _PEOPLE.items()
        ]
        members = [one["id"] for one in users] + [app.user]
        return {
            "workspace": {"name": "Acme", "domain": "acme", "teamId": app.team},
            "app": {
                "appId": app.id,
                "botUserId": app.user,
                "botName": app.name,
                "botToken": app.bot_token,
                "appToken": app.app_token,
                "signingSecret": app.signing_secret,
                "mode": "socket",
            },
            "users": users,
            "channels": [{"id": "C0GENERAL", "name": "general", "members": members}],
        }

    async def _watch(self) -> None:
        async for said in self._screen:
            words = json.loads(said.data)
            self._seen(words)
            self.ring()

    def _seen(self, words: dict[str, Any]) -> None:
        kept = self._state.get("messages", {})
        match words["t"]:
            case "init":
                self._state = words["state"]
            case "message":
                kept.setdefault(words["message"]["channel"], []).append(words["message"])
            case "message_update":
                new = words["message"]
                kept[new["channel"]] = [new if one["ts"] == new["ts"] else one for one in kept[new["channel"]]]
            case "message_delete":
                place = words["channel"]
                kept[place] = [one for one in kept[place] if one["ts"] != words["ts"]]
            case "channel":
                self._state["channels"].append(words["channel"])
            case "view":
                self._state["modalStack"], self._errors = words["stack"], {}
            case "view_errors":
                self._errors = words["errors"]
            case "home":
                self._state["homeViews"].setdefault(words["user"], {})[words["appId"]] = words["view"]

    @property
    def api(self) -> str:
        """What a client takes as its base_url."""
        return f"{self.url}/api/"

    @property
    def mention(self) -> str:
        """How people name the app in a message."""
        return f"<@{self.app.user}>"

    def ring(self) -> None:
        """Wakes whoever waits with `until`."""
        self._bell.set()
        self._bell = asyncio.Event()

    async def until(self, condition: Callable[[], T], seconds: float = 10.0) -> T:
        """What the condition gives, once that is true; looked at after every change."""
        async with asyncio.timeout(seconds):
            while not (found := condition()):
                await self._bell.wait()
        return found

    # what people do

    async def say(self, user: str, channel: str, text: str, *, thread: str = "") -> str:
        """Somebody writes a message."""
        place = _person(user) if channel == self.app.name else self._channel(channel)
        given = {"user": _person(user), "channel": place, "text": text, **({"thread_ts": thread} if thread else {})}
        return str((await self._control("message", given))["message"]["ts"])

    async def edit(self, user: str, channel: str, ts: str, text: str) -> None:
        """Somebody changes a message of their own."""
        await self._control("edit-message", {**self._at(user, channel, ts), "text": text})

    async def delete(self, user: str, channel: str, ts: str) -> None:
        """Somebody deletes a message of their own."""
        await self._control("delete-message", self._at(user, channel, ts))

    async def react(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody adds a reaction."""
        await self._control("reaction", {**self._at(user, channel, ts), "name": name, "present": True})

    async def unreact(self, user: str, channel: str, ts: str, name: str) -> None:
        """Somebody takes their reaction away."""
        await self._control("reaction", {**self._at(user, channel, ts), "name": name, "present": False})

    async def command(self, user: str, channel: str, command: str, text: str = "") -> None:
        """Somebody types a slash command."""
        given = {"user": _person(user), "channel": self._channel(channel), "command": command, "text": text}
        await self._control("command", given)

    async def open_home(self, user: str) -> None:
        """Somebody looks at the app's home tab."""
        await self._control("open-home", {"user": _person(user)})

    async def press(self, user: str, where: str | View, what: str, value: str | None = None) -> None:
        """Somebody presses a button, named by its action_id or its words."""
        place = self._message(where) if isinstance(where, str) else where
        found = [
            (block, one)
            for block, one in place.elements()
            if what in (one["action_id"], one.get("text", {}).get("text")) and value in (None, one.get("value"))
        ]
        assert found, f"there is no button {what!r}"
        block, one = found[0]
        action = {key: one[key] for key in ("type", "action_id", "value", "text") if key in one}
        given = {"user": _person(user), "action": {**action, "block_id": block.get("block_id", "")}}
        if isinstance(place, View):
            await self._screen.send_json({"t": "block_action", "appId": self.app.id, "channel": "", **given})
        else:
            await self._control("interact", {**given, "channel": place.channel, "messageTs": place.ts})

    async def submit(self, user: str, values: Mapping[str, Any] | None = None) -> None:
        """Somebody fills the modal in front, by action_id or block_id, and submits it."""
        view = self.views(user)[-1]
        filled: dict[str, dict[str, Any]] = {}
        for block, element in view.elements():
            for name, value in (values or {}).items():
                if name in (block.get("block_id"), element["action_id"]):
                    state = _state(element, value)
                    filled.setdefault(block["block_id"], {})[element["action_id"]] = state
        await self._screen.send_json({"t": "view_submit", "user": _person(user), "values": filled})

    #: the same under the name that says what is submitted
    submit_modal = submit

    async def close(self, user: str) -> None:
        """Somebody closes the modal in front."""
        await self._screen.send_json({"t": "view_close", "user": _person(user)})

    # what can be seen

    def messages(self, channel: str) -> list[Message]:
        """Every message of a channel that all can see, oldest first."""
        kept = self._state["messages"].get(self._channel(channel), [])
        return [_message(one) for one in kept if not one.get("ephemeral_to")]

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The messages of a thread, oldest first."""
        return [one for one in self.messages(channel) if ts in (one.ts, one.thread_ts)]

    def message(self, channel: str, ts: str) -> Message:
        """One message."""
        return next(one for one in self.messages(channel) if one.ts == ts)

    def reactions(self, channel: str, ts: str) -> dict[str, list[str]]:
        """Who reacted to a message, by the reaction."""
        return self.message(channel, ts).reactions

    def ephemeral(self, user: str) -> list[Message]:
        """What only that person sees, oldest first."""
        every = [one for kept in self._state["messages"].values() for one in kept]
        return [_message(one) for one in every if one.get("ephemeral_to") == _person(user)]

    def views(self, user: str) -> list[View]:
        """The open modals; local-slack has one stack for everybody."""
        found = [_view(one, _person(user)) for one in self._state["modalStack"]]
        if found:
            found[-1].errors = self._errors
        return found

    def home(self, user: str) -> View | None:
        """What the app's home tab shows to a person."""
        found = self._state["homeViews"].get(_person(user), {}).get(self.app.id)
        return _view(found, _person(user)) if found else None

    def dm(self, user: str) -> str:
        """The id of a person's direct message with the app, once one of them has written."""
        wanted = {_person(user), self.app.user}
        return next(str(one["id"]) for one in self._state["channels"] if one["is_im"] and set(one["members"]) == wanted)

    def _message(self, ts: str) -> Message:
        return next(_message(one) for kept in self._state["messages"].values() for one in kept if one["ts"] == ts)

    def _channel(self, name: str) -> str:
        return next((str(one["id"]) for one in self._state["channels"] if name in (one["id"], one["name"])), name)

    def _at(self, user: str, channel: str, ts: str) -> dict[str, Any]:
        return {"user": _person(user), "channel": self._channel(channel), "ts": ts}

    async def _control(self, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        async with self._http.post(f"{self.url}/_control/{verb}", json=given) as reply:
            found: dict[str, Any] = await reply.json()
            assert found.get("ok"), found
            return found


def _person(name: str) -> str:
    return f"U0{name.upper()}" if name in _PEOPLE else name


def _message(one: dict[str, Any]) -> Message:
    return Message(
        ts=one["ts"],
        channel=one["channel"],
        user=one.get("user", ""),
        team="",
        text=one.get("text", ""),
        blocks=one.get("blocks") or [],
        thread_ts=one.get("thread_ts", ""),
        bot_id=one.get("bot_id", ""),
        subtype=one.get("subtype", ""),
        edited=one.get("edited") or {},
        reactions={each["name"]: each["users"] for each in one.get("reactions") or []},
    )


def _view(one: dict[str, Any], user: str) -> View:
    return View(
        id=one["id"],
        user=user,
        team=one.get("team_id", ""),
        content=one,
        hash=one.get("hash", ""),
        app_id=one.get("app_id", ""),
        bot_id=one.get("bot_id", ""),
        root=one["id"],
    )


def _state(element: dict[str, Any], value: Any) -> dict[str, Any]:
    if element["type"] in ("static_select", "radio_buttons"):
        chosen = next(one for one in element["options"] if value in (one["value"], one["text"]["text"]))
        return {"type": element["type"], "selected_option": chosen}
    if element["type"] == "checkboxes":
        chosen = [one for one in element["options"] if {one["value"], one["text"]["text"]} & set(value)]
        return {"type": "checkboxes", "selected_options": chosen}
    return {"type": element["type"], "value": value}


async def _ended(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
