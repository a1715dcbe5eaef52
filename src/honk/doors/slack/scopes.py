"""What this door needs of a workspace: the bot's scopes, each with what it is for, and the events that it hears.

The manifests beside this file ask for exactly these; docs/reference/slack.md explains them.
"""

from collections.abc import Mapping
from types import MappingProxyType

#: A scope of the bot, and what does not work without it.
SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "app_mentions:read": "hear “@honk …”",
        "assistant:write": "status, title and streamed text in a conversation with Honk",
        "channels:history": "read the thread in a public channel in which somebody asks, and replies to Honk",
        "channels:read": "know whether a public channel is archived, or shared with other workspaces",
        "chat:write": "post cards, questions and answers, and change them",
        "commands": "/honk and the shortcut “Ask Honk”",
        "files:read": "hand screenshots, logs and recordings in a thread to the agent",
        "files:write": "post screenshots, before and after",
        "groups:history": "the same as channels:history in private channels that Honk was invited to",
        "groups:read": "the same as channels:read in private channels",
        "im:history": "read what people write to Honk directly",
        "im:read": "know that a conversation is one with Honk alone",
        "im:write": "write to a person directly, such as the one whose channel is gone",
        "mpim:history": "the same as channels:history in group messages with Honk",
        "mpim:read": "the same as channels:read in group messages",
        "reactions:read": "hear the emoji that asks",
        "reactions:write": "acknowledge: taken, queued, seen",
        "users:read": "know a name, a time zone, and who is a guest or a stranger",
    }
)
#: The scope of the app-level token, in socket mode.
APP_SCOPE = "connections:write"
#: What Slack is asked to tell.
EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_deleted",
    "channel_left",
    "channel_unarchive",
    "group_archive",
    "group_deleted",
    "group_left",
    "group_unarchive",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "reaction_added",
    "tokens_revoked",
)
