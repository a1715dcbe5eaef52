"""The app as Slack knows it: tokens, scopes, subscriptions and what of Slack its workspace has."""

from dataclasses import dataclass, field

SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:join",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "links:write",
        "mpim:history",
        "mpim:read",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
)
EVENTS = frozenset(
    {
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "assistant_thread_context_changed",
        "assistant_thread_started",
        "channel_archive",
        "channel_deleted",
        "channel_rename",
        "channel_unarchive",
        "file_shared",
        "member_joined_channel",
        "member_left_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
        "reaction_added",
        "reaction_removed",
        "tokens_revoked",
        "user_change",
    }
)


@dataclass
class App:
    """Which app it is, and what it may. Tests change the fields while it runs."""

    id: str = "A0HONK"
    name: str = "honk"
    user: str = "U0HONK"
    bot_id: str = "B0HONK"
    team: str = "T0ACME"
    bot_token: str = "xoxb-0-honk"
    app_token: str = "xapp-1-honk"
    signing_secret: str = "a-signing-secret"
    verification: str = "a-verification-token"
    scopes: set[str] = field(default_factory=lambda: set(SCOPES))
    #: without `connections:write` no socket is opened
    app_scopes: set[str] = field(default_factory=lambda: {"connections:write"})
    subscribed: set[str] = field(default_factory=lambda: set(EVENTS))
    installed: bool = True
    #: tokens that were revoked
    revoked: set[str] = field(default_factory=set)
    #: features that the workspace lacks, `streaming` or `assistant` or a method, with the error it then answers
    missing: dict[str, str] = field(default_factory=dict)
