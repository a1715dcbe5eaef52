"""The events of a workspace, as the Events API sends them to an app that is there to see them."""

import re
from uuid import uuid4

from honk.testing.fake_slack import shapes
from honk.testing.fake_slack.app import App
from honk.testing.fake_slack.deliveries import Deliveries, Delivery
from honk.testing.fake_slack.workspace import Channel, Json, Message, Workspace


class Events:
    """Tells the app what happened, where it subscribed to it and is a member of the channel."""

    def __init__(self, space: Workspace, app: App, deliveries: Deliveries) -> None:
        self._space = space
        self._app = app
        self._deliveries = deliveries
        self.url = ""

    def emit(self, event: Json, channel: Channel | None = None, *, name: str = "") -> Delivery | None:
        """Sends one event, unless the app is not to have it."""
        if (name or event["type"]) not in self._app.subscribed or not self._app.installed:
            return None
        if channel is not None and self._app.user not in channel.members:
            return None
        shared = channel is not None and channel.shared
        authorization = {
            "enterprise_id": None,
            "team_id": self._app.team,
            "user_id": self._app.user,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return self._deliveries.send(
            "events_api",
            {
                "token": self._app.verification,
                "team_id": self._app.team,
                "context_team_id": self._app.team,
                "context_enterprise_id": None,
                "api_app_id": self._app.id,
                "event": event,
                "type": "event_callback",
                "event_id": f"Ev{uuid4().hex[:10].upper()}",
                "event_time": int(self._space.clock()),
                "authorizations": [authorization],
                "is_ext_shared_channel": shared,
                "event_context": f"4-{uuid4().hex}",
            },
        )

    def posted(self, message: Message) -> None:
        """A new message; a second event where it names the app in a channel."""
        channel = self._space.channels[message.channel]
        event = self._shape(message, channel)
        self._of_channel(event, channel)
        if self._names_app(message.text) and channel.kind != "im" and not message.subtype.startswith("channel_"):
            self.emit(self._mention(event), channel)

    def changed(self, message: Message, before: Json) -> None:
        """An edited message; the app hears of its own edits too, as from Slack."""
        channel = self._space.channels[message.channel]
        now = self._shape(message, channel)
        self._of_channel(
            {
                "type": "message",
                "subtype": "message_changed",
                "message": {key: now[key] for key in now if key not in ("channel", "event_ts", "channel_type")},
                "previous_message": before,
                "channel": channel.id,
                "hidden": True,
                "ts": (stamp := self._space.ts()),
                "event_ts": stamp,
                "channel_type": channel.type,
            },
            channel,
        )
        if self._names_app(message.text) and not self._names_app(before.get("text", "")) and channel.kind != "im":
            self.emit(self._mention(now), channel)

    def deleted(self, message: Message) -> None:
        """A message that is gone."""
        channel = self._space.channels[message.channel]
        before = shapes.message(self._space, message, self.url)
        self._of_channel(
            {
                "type": "message",
                "subtype": "message_deleted",
                "previous_message": before,
                "channel": channel.id,
                "hidden": True,
                "deleted_ts": message.ts,
                "ts": (stamp := self._space.ts()),
                "event_ts": stamp,
                "channel_type": channel.type,
            },
            channel,
        )

    def reacted(self, message: Message, user: str, name: str, *, added: bool) -> None:
        """A reaction that was added or taken away."""
        self.emit(
            {
                "type": "reaction_added" if added else "reaction_removed",
                "user": user,
                "reaction": name,
                "item": {"type": "message", "channel": message.channel, "ts": message.ts},
                "item_user": message.user,
                "event_ts": self._space.ts(),
            },
            self._space.channels[message.channel],
        )

    def _of_channel(self, event: Json, channel: Channel) -> None:
        plural = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}[channel.type]
        self.emit(event, channel, name=f"message.{plural}")

    def _shape(self, message: Message, channel: Channel) -> Json:
        shape = shapes.message(self._space, message, self.url)
        if channel.shared:
            user = self._space.users.get(message.user)
            shape |= {"user_team": message.team, "source_team": message.team}
            if user is not None and user.team != self._app.team:
                name = user.real_name or user.name
                shape["user_profile"] = {
                    "name": user.name,
                    "display_name": user.name,
                    "real_name": name,
                    "first_name": name.split()[0],
                    "avatar_hash": "",
                    "image_72": "",
                    "team": user.team,
                    "is_restricted": user.is_restricted,
                    "is_ultra_restricted": user.is_ultra_restricted,
                }
        return shape | {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.type}

    @staticmethod
    def _mention(event: Json) -> Json:
        return {key: value for key, value in event.items() if key not in ("channel_type", "subtype")} | {
            "type": "app_mention"
        }

    def _names_app(self, text: str) -> bool:
        return re.search(rf"<@{self._app.user}(\|[^>]*)?>", text) is not None
