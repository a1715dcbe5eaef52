"""What a workspace consists of: teams, users, channels, messages, files and views, and what they look like as JSON."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

Json = dict[str, Any]
Kind = Literal["public", "private", "im", "mpim"]
CHANNEL_TYPES: dict[Kind, str] = {"public": "channel", "private": "group", "im": "im", "mpim": "mpim"}


@dataclass
class Team:
    """A workspace of a company. The first one is where the app is installed; others share channels with it."""

    id: str
    name: str
    domain: str


@dataclass
class User:
    """A person, or the user behind a bot."""

    id: str
    name: str
    team: str
    real_name: str = ""
    email: str = ""
    tz: str = "Europe/Zurich"
    tz_offset: int = 3600
    is_admin: bool = False
    is_bot: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    deleted: bool = False
    bot_id: str = ""
    app_id: str = ""
    locale: str = "en-US"


@dataclass
class Channel:
    """A channel, a group or a direct message. With more than one team it is shared."""

    id: str
    name: str
    kind: Kind = "public"
    members: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    created: int = 0
    archived: bool = False
    deleted: bool = False
    topic: str = ""
    purpose: str = ""

    @property
    def shared(self) -> bool:
        """Whether people of other companies are in it."""
        return len(self.teams) > 1

    @property
    def type(self) -> str:
        """As events have it: channel, group, im or mpim."""
        return CHANNEL_TYPES[self.kind]


@dataclass
class Message:
    """A message as it is now, with everything it was before."""

    ts: str
    channel: str
    user: str
    team: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)
    thread_ts: str = ""
    bot_id: str = ""
    app_id: str = ""
    subtype: str = ""
    files: list[str] = field(default_factory=list)
    metadata: Json = field(default_factory=dict)
    client_msg_id: str = ""
    edited: Json = field(default_factory=dict)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    more: Json = field(default_factory=dict)
    deleted: bool = False
    streaming: bool = False
    #: text and blocks of every version, oldest first, the present one last
    versions: list[Json] = field(default_factory=list)

    @property
    def is_reply(self) -> bool:
        """Whether it is in a thread that another message began."""
        return bool(self.thread_ts) and self.thread_ts != self.ts

    def elements(self) -> Iterable[tuple[Json, Json]]:
        """Every interactive element with its block."""
        return elements(self.blocks + [block for one in self.attachments for block in one.get("blocks", [])])

    def keep_version(self) -> None:
        """Remembers how it is now; called after each change."""
        self.versions.append({"text": self.text, "blocks": self.blocks, "attachments": self.attachments})


@dataclass
class Ephemeral:
    """A message that only one person sees."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str = ""
    deleted: bool = False

    def elements(self) -> Iterable[tuple[Json, Json]]:
        """Every interactive element with its block."""
        return elements(self.blocks)


@dataclass
class File:
    """A file, with what is in it."""

    id: str
    name: str
    user: str
    team: str
    content: bytes = b""
    mimetype: str = "application/octet-stream"
    title: str = ""
    created: int = 0
    length: int = 0
    uploaded: bool = True
    complete: bool = True
    deleted: bool = False
    channels: list[str] = field(default_factory=list)


@dataclass
class View:
    """A modal or a home tab, as one person has it."""

    id: str
    user: str
    team: str
    content: Json
    hash: str
    app_id: str
    bot_id: str
    root: str
    previous: str = ""
    values: dict[str, dict[str, Json]] = field(default_factory=dict)
    #: what the app answered to a submission, by block
    errors: dict[str, str] = field(default_factory=dict)
    #: every content it had, oldest first
    versions: list[Json] = field(default_factory=list)

    @property
    def blocks(self) -> list[Json]:
        """What it shows."""
        blocks: list[Json] = self.content["blocks"]
        return blocks

    def elements(self) -> Iterable[tuple[Json, Json]]:
        """Every interactive element with its block."""
        return elements(self.blocks)

    def json(self) -> Json:
        """As views.open answers and interactions carry it."""
        given = self.content
        return {
            "id": self.id,
            "team_id": self.team,
            "type": given["type"],
            "blocks": given["blocks"],
            "private_metadata": given.get("private_metadata", ""),
            "callback_id": given.get("callback_id", ""),
            "state": {"values": self.values},
            "hash": self.hash,
            "title": given.get("title", {"type": "plain_text", "text": "View Title", "emoji": True}),
            "clear_on_close": given.get("clear_on_close", False),
            "notify_on_close": given.get("notify_on_close", False),
            "close": given.get("close"),
            "submit": given.get("submit"),
            "previous_view_id": self.previous or None,
            "root_view_id": self.root,
            "app_id": self.app_id,
            "external_id": given.get("external_id", ""),
            "app_installed_team_id": self.team,
            "bot_id": self.bot_id,
        }


def elements(blocks: Iterable[Json]) -> Iterable[tuple[Json, Json]]:
    """(block, element) for everything that a person can press, choose in or type into."""
    for block in blocks:
        found = [block[key] for key in ("accessory", "element") if isinstance(block.get(key), dict)]
        if block.get("type") in ("actions", "context_actions"):
            found += block.get("elements", [])
        for element in found:
            if "action_id" in element:
                yield block, element


def named(blocks: list[Json]) -> list[Json]:
    """The blocks as Slack keeps them: each has a block_id, each interactive element an action_id."""
    kept = []
    for block in blocks:
        block = {**block, "block_id": block.get("block_id") or uuid4().hex[:5]}
        for key in ("accessory", "element"):
            if isinstance(block.get(key), dict) and block[key].get("type") != "image":
                block[key] = {"action_id": uuid4().hex[:5], **block[key]}
        if block.get("type") == "actions":
            block["elements"] = [{"action_id": uuid4().hex[:5], **one} for one in block.get("elements", [])]
        kept.append(block)
    return kept


class Workspace:
    """Everything that is kept. Who changes it calls `ring`."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.teams: dict[str, Team] = {}
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.messages: dict[str, dict[str, Message]] = {}
        self.ephemerals: list[Ephemeral] = []
        self.files: dict[str, File] = {}
        #: open modals by person, the one in front last
        self.modals: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self._last = 0
        self._numbers = itertools.count(1)

    def ts(self) -> str:
        """A timestamp that no message has yet, later than all before."""
        self._last = max(self._last + 1, int(self.clock() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"

    def number(self) -> int:
        """A number that was not given before."""
        return next(self._numbers)

    def user(self, who: User | str) -> User:
        """By id or name. KeyError where there is none."""
        if isinstance(who, User):
            return who
        if who in self.users:
            return self.users[who]
        for one in self.users.values():
            if one.name == who:
                return one
        raise KeyError(who)

    def channel(self, which: Channel | str) -> Channel:
        """By id or name, with or without its #. KeyError where there is none."""
        if isinstance(which, Channel):
            return which
        if which in self.channels:
            return self.channels[which]
        for one in self.channels.values():
            if one.name and one.name == which.removeprefix("#") and not one.deleted:
                return one
        raise KeyError(which)

    def message(self, channel: str, ts: str) -> Message | None:
        """One that was not deleted."""
        found = self.messages.get(channel, {}).get(ts)
        return found if found is not None and not found.deleted else None

    def thread(self, channel: str, ts: str) -> list[Message]:
        """The message that began it and its replies, oldest first."""
        kept = self.messages.get(channel, {}).values()
        return sorted(
            (one for one in kept if ts in (one.ts, one.thread_ts) and not one.deleted), key=lambda one: float(one.ts)
        )

    def direct(self, a: str, b: str) -> Channel:
        """Their direct message, opened where there is none."""
        for one in self.channels.values():
            if one.kind == "im" and set(one.members) == {a, b}:
                return one
        channel = Channel(
            id=f"D{self.number():08d}",
            name="",
            kind="im",
            members=[a, b],
            teams=sorted({self.users[a].team, self.users[b].team}),
            created=int(self.clock()),
        )
        self.channels[channel.id] = channel
        return channel

    def add(self, message: Message) -> Message:
        """Keeps a new message."""
        message.blocks = named(message.blocks)
        message.keep_version()
        self.messages.setdefault(message.channel, {})[message.ts] = message
        return message
