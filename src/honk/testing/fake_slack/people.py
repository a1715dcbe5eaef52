"""What people do in Slack, as the app then hears of it."""

import mimetypes
from collections.abc import Mapping, Sequence
from uuid import uuid4

from honk.testing.fake_slack import shapes
from honk.testing.fake_slack.methods_files import kept
from honk.testing.fake_slack.workspace import Channel, File, Json, Message, User
from honk.testing.fake_slack.world import Assistant, World

#: a file that somebody adds: its name and what is in it
Attached = tuple[str, bytes]


class People:
    """Acts on messages. Who and where are given by id or name; a message by its `ts`, which `say` answers."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def say(
        self,
        user: User | str,
        channel: Channel | str,
        text: str,
        *,
        thread: str = "",
        files: Sequence[Attached] = (),
        **more: object,
    ) -> str:
        """Somebody writes a message. `more` is put into it as it is: blocks, attachments, subtype, bot_id, …"""
        world, who = self._world, self._world.space.user(user)
        place = self._place(who, channel)
        message = Message(
            ts=world.space.ts(),
            channel=place.id,
            user=who.id,
            team=who.team,
            text=text,
            blocks=shapes.rich_text(text),
            thread_ts=thread,
            client_msg_id="" if who.is_bot else str(uuid4()),
            bot_id=who.bot_id,
            app_id=who.app_id,
            subtype="file_share" if files else "",
        )
        for key, value in more.items():
            if hasattr(message, key):
                setattr(message, key, value)
            else:
                message.more[key] = value
        message.files = [self._attach(who, place, *one).id for one in files]
        world.post(message)
        for name in message.files:
            self._shared(name, message)
        return message.ts

    def _place(self, who: User, channel: Channel | str) -> Channel:
        """Where they write; their direct message with the app where it is named in a channel's place."""
        if channel in (self._world.app.user, self._world.app.name):
            return self._world.space.direct(self._world.app.user, who.id)
        place = self._world.space.channel(channel)
        assert who.id in place.members, f"{who.name} is not in {place.name or place.id}"
        assert not place.archived and not place.deleted, f"nobody can write in {place.name or place.id}"
        return place

    def _attach(self, who: User, place: Channel, name: str, content: bytes) -> File:
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        file = kept(self._world, name, content, who.id, kind)
        file.channels.append(place.id)
        return file

    def _shared(self, name: str, message: Message) -> None:
        event = {
            "type": "file_shared",
            "file_id": name,
            "user_id": message.user,
            "file": {"id": name},
            "channel_id": message.channel,
            "event_ts": self._world.space.ts(),
        }
        self._world.events.emit(event, self._world.space.channels[message.channel])

    async def edit(self, user: User | str, channel: Channel | str, ts: str, text: str) -> None:
        """Somebody changes a message of their own."""
        who = self._world.space.user(user)
        message = self._own(who, channel, ts)

        def change(one: Message) -> None:
            one.text, one.blocks = text, shapes.rich_text(text)
            one.edited = {"user": who.id, "ts": self._world.space.ts()}

        self._world.change(message, change)

    async def delete(self, user: User | str, channel: Channel | str, ts: str) -> None:
        """Somebody deletes a message of their own."""
        self._world.remove(self._own(self._world.space.user(user), channel, ts))

    def _own(self, who: User, channel: Channel | str, ts: str) -> Message:
        message = self._there(channel, ts)
        assert message.user == who.id, f"{who.name} did not write that message"
        return message

    def _there(self, channel: Channel | str, ts: str) -> Message:
        message = self._world.space.message(self._world.space.channel(channel).id, ts)
        assert message is not None, f"there is no message {ts}"
        return message

    async def react(self, user: User | str, channel: Channel | str, ts: str, name: str) -> None:
        """Somebody adds a reaction."""
        who, message = self._world.space.user(user).id, self._there(channel, ts)
        users = message.reactions.setdefault(name, [])
        assert who not in users, f"{who} has that reaction there already"
        users.append(who)
        self._world.events.reacted(message, who, name, added=True)
        self._world.ring()

    async def unreact(self, user: User | str, channel: Channel | str, ts: str, name: str) -> None:
        """Somebody takes their reaction away."""
        who, message = self._world.space.user(user).id, self._there(channel, ts)
        message.reactions[name].remove(who)
        if not message.reactions[name]:
            message.reactions.pop(name)
        self._world.events.reacted(message, who, name, added=False)
        self._world.ring()

    async def open_home(self, user: User | str, tab: str = "home") -> None:
        """Somebody looks at the app's home tab, or at its messages."""
        world, who = self._world, self._world.space.user(user).id
        event: Json = {
            "type": "app_home_opened",
            "user": who,
            "channel": world.space.direct(world.app.user, who).id,
            "tab": tab,
            "event_ts": world.space.ts(),
        }
        if tab == "home" and who in world.space.homes:
            event["view"] = world.space.homes[who].json()
        world.events.emit(event)
        world.ring()

    async def open_assistant(self, user: User | str, *, looking_at: Channel | str | None = None) -> tuple[str, str]:
        """Somebody opens the app's assistant pane: the channel and the thread in which they then write."""
        world, who = self._world, self._world.space.user(user).id
        channel = world.space.direct(world.app.user, who)
        first = Message(
            ts=world.space.ts(),
            channel=channel.id,
            user=world.app.user,
            team=world.app.team,
            text="New Assistant Thread",
            bot_id=world.app.bot_id,
            app_id=world.app.id,
            subtype="assistant_app_thread",
        )
        first.thread_ts = first.ts
        world.space.add(first)
        world.assistants[(channel.id, first.ts)] = Assistant()
        self._assistant("assistant_thread_started", who, channel, first.ts, looking_at)
        return channel.id, first.ts

    async def look_at(self, user: User | str, thread: tuple[str, str], channel: Channel | str) -> None:
        """Somebody opens another channel while the assistant pane is open."""
        who, place = self._world.space.user(user).id, self._world.space.channel(thread[0])
        self._assistant("assistant_thread_context_changed", who, place, thread[1], channel)

    def _assistant(self, kind: str, user: str, place: Channel, ts: str, looking_at: Channel | str | None) -> None:
        context: Json = {}
        if looking_at is not None:
            seen = self._world.space.channel(looking_at).id
            context = {"channel_id": seen, "team_id": self._world.app.team, "enterprise_id": None}
        thread = {"user_id": user, "context": context, "channel_id": place.id, "thread_ts": ts}
        self._world.events.emit({"type": kind, "assistant_thread": thread, "event_ts": self._world.space.ts()})
        self._world.ring()

    # what admins do

    async def archive(self, user: User | str, channel: Channel | str) -> None:
        """Somebody archives a channel."""
        self._channel("channel_archive", user, channel).archived = True

    async def unarchive(self, user: User | str, channel: Channel | str) -> None:
        """Somebody brings an archived channel back."""
        self._channel("channel_unarchive", user, channel).archived = False

    async def delete_channel(self, user: User | str, channel: Channel | str) -> None:
        """Somebody deletes a channel."""
        self._channel("channel_deleted", user, channel).deleted = True

    def _channel(self, kind: str, user: User | str, channel: Channel | str) -> Channel:
        place = self._world.space.channel(channel)
        event = {"type": kind, "channel": place.id, "user": self._world.space.user(user).id}
        self._world.events.emit({**event, "event_ts": self._world.space.ts()}, place)
        self._world.ring()
        return place

    async def invite(self, user: User | str, channel: Channel | str, guest: User | str = "") -> None:
        """Somebody brings somebody else, or the app, into a channel."""
        place, who = self._world.space.channel(channel), self._world.space.user(guest or self._world.app.user)
        if who.id not in place.members:
            place.members.append(who.id)
        self._member("member_joined_channel", place, who, {"inviter": self._world.space.user(user).id})

    async def remove(self, user: User | str, channel: Channel | str, guest: User | str = "") -> None:
        """Somebody removes somebody else, or the app, from a channel."""
        place, who = self._world.space.channel(channel), self._world.space.user(guest or self._world.app.user)
        self._member("member_left_channel", place, who, {})
        place.members.remove(who.id)

    def _member(self, kind: str, place: Channel, who: User, more: Mapping[str, str]) -> None:
        event = {"type": kind, "user": who.id, "channel": place.id, "channel_type": place.type[0].upper()}
        self._world.events.emit({**event, "team": who.team, **more, "event_ts": self._world.space.ts()}, place)
        self._world.ring()
