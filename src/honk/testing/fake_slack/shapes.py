"""How Slack writes what a workspace has: messages, users, channels and files as JSON."""

import re

from honk.testing.fake_slack.workspace import Channel, File, Json, Message, User, Workspace

_MARKS = re.compile(
    r"<@(?P<user>[UW]\w+)(?:\|[^>]*)?>|<#(?P<channel>C\w+)(?:\|[^>]*)?>|<(?P<url>https?:[^>|]+)(?:\|(?P<label>[^>]*))?>"
)


def message(space: Workspace, one: Message, url: str) -> Json:
    """A message as histories and events have it, without its channel."""
    shape: Json = {"user": one.user, "type": "message", "ts": one.ts, "text": one.text, "team": one.team}
    kept: Json = {
        "client_msg_id": one.client_msg_id,
        "bot_id": one.bot_id,
        "app_id": one.app_id,
        "subtype": one.subtype,
        "thread_ts": one.thread_ts,
        "blocks": one.blocks,
        "attachments": one.attachments,
        "edited": one.edited,
        "metadata": one.metadata,
    }
    shape |= {key: value for key, value in kept.items() if value} | one.more
    if one.bot_id:
        shape["bot_profile"] = bot_profile(space.users[one.user], space)
    if one.streaming:
        shape["streaming_state"] = "in_progress"
    if one.files:
        shape["files"] = [file(space.files[each], url) for each in one.files]
        shape["upload"] = False
    if one.reactions:
        shape["reactions"] = [
            {"name": name, "users": list(users), "count": len(users)} for name, users in one.reactions.items()
        ]
    if one.is_reply:
        parent = space.messages[one.channel].get(one.thread_ts)
        shape["parent_user_id"] = parent.user if parent else "USLACKBOT"
    else:
        shape |= _thread(space, one)
    return shape


def _thread(space: Workspace, one: Message) -> Json:
    replies = [each for each in space.thread(one.channel, one.ts) if each.is_reply]
    if not replies:
        return {}
    users = list(dict.fromkeys(each.user for each in replies))
    return {
        "thread_ts": one.ts,
        "reply_count": len(replies),
        "reply_users_count": len(users),
        "latest_reply": replies[-1].ts,
        "reply_users": users[:5],
        "is_locked": False,
        "subscribed": False,
    }


def bot_profile(user: User, space: Workspace) -> Json:
    """The bot behind a message."""
    return {
        "id": user.bot_id,
        "app_id": user.app_id,
        "user_id": user.id,
        "name": user.name,
        "icons": {"image_36": "https://a.slack-edge.com/80588/img/plugins/app/bot_36.png"},
        "deleted": user.deleted,
        "updated": 0,
        "team_id": user.team,
    }


def user(one: User, *, home: str, email: bool) -> Json:
    """A user as users.info answers; `home` is the team of who asks."""
    profile: Json = {
        "real_name": one.real_name or one.name,
        "real_name_normalized": one.real_name or one.name,
        "display_name": one.name,
        "display_name_normalized": one.name,
        "team": one.team,
        "image_48": "https://a.slack-edge.com/img/avatar_48.png",
        "status_text": "",
        "status_emoji": "",
    }
    if one.is_bot:
        profile |= {"bot_id": one.bot_id, "api_app_id": one.app_id, "always_active": True}
    elif email and one.email:
        profile["email"] = one.email
    shape: Json = {
        "id": one.id,
        "team_id": one.team,
        "name": one.name,
        "deleted": one.deleted,
        "real_name": one.real_name or one.name,
        "profile": profile,
        "is_bot": one.is_bot,
        "is_app_user": False,
        "updated": 0,
    }
    if one.deleted:
        return shape
    shape |= {
        "tz": one.tz,
        "tz_label": one.tz,
        "tz_offset": one.tz_offset,
        "is_admin": one.is_admin,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": one.is_restricted,
        "is_ultra_restricted": one.is_ultra_restricted,
        "locale": one.locale,
    }
    return shape | ({"is_stranger": True} if one.team != home else {})


def channel(one: Channel, *, bot: str, home: str) -> Json:
    """A conversation as conversations.info answers."""
    if one.kind == "im":
        return {
            "id": one.id,
            "created": one.created,
            "is_archived": one.archived,
            "is_im": True,
            "is_org_shared": False,
            "is_ext_shared": one.shared,
            "user": next((each for each in one.members if each != bot), bot),
            "is_user_deleted": False,
            "is_open": True,
            "priority": 0,
        }
    private = one.kind != "public"
    return {
        "id": one.id,
        "name": one.name,
        "name_normalized": one.name,
        "is_channel": one.kind == "public",
        "is_group": one.kind == "private",
        "is_im": False,
        "is_mpim": one.kind == "mpim",
        "is_private": private,
        "created": one.created,
        "is_archived": one.archived,
        "is_general": one.name == "general",
        "unlinked": 0,
        "is_shared": one.shared,
        "is_org_shared": False,
        "is_pending_ext_shared": False,
        "is_ext_shared": one.shared,
        "pending_shared": [],
        "context_team_id": home,
        "shared_team_ids": list(one.teams),
        "conversation_host_id": one.teams[0] if one.teams else home,
        "connected_team_ids": [each for each in one.teams if each != home],
        "creator": one.members[0] if one.members else "",
        "is_member": bot in one.members,
        "topic": {"value": one.topic, "creator": "", "last_set": 0},
        "purpose": {"value": one.purpose, "creator": "", "last_set": 0},
        "previous_names": [],
    }


def file(one: File, url: str) -> Json:
    """A file as messages and files.info have it."""
    if one.deleted:
        return {"id": one.id, "mode": "tombstone"}
    kind = one.name.rpartition(".")[2].lower() if "." in one.name else "binary"
    place = f"{url}/files-pri/{one.team}-{one.id}"
    return {
        "id": one.id,
        "created": one.created,
        "timestamp": one.created,
        "name": one.name,
        "title": one.title or one.name,
        "mimetype": one.mimetype,
        "filetype": kind,
        "pretty_type": kind.upper(),
        "user": one.user,
        "user_team": one.team,
        "editable": False,
        "size": len(one.content),
        "mode": "snippet" if one.mimetype == "text/plain" else "hosted",
        "is_external": False,
        "external_type": "",
        "is_public": True,
        "public_url_shared": False,
        "display_as_bot": False,
        "username": "",
        "url_private": f"{place}/{one.name}",
        "url_private_download": f"{place}/download/{one.name}",
        "permalink": f"https://acme.slack.com/files/{one.user}/{one.id}/{one.name}",
        "channels": list(one.channels),
        "groups": [],
        "ims": [],
        "has_rich_preview": False,
        "file_access": "visible",
    }


def rich_text(text: str) -> list[Json]:
    """The block that Slack's own clients send beside the text of a person's message."""
    parts: list[Json] = []
    for number, piece in enumerate(text.split("```")):
        if number % 2:
            parts.append({"type": "rich_text_preformatted", "elements": [{"type": "text", "text": piece.strip("\n")}]})
        elif piece.strip() or not number:
            parts.append({"type": "rich_text_section", "elements": _inline(piece)})
    return [{"type": "rich_text", "elements": parts}] if text else []


def _inline(text: str) -> list[Json]:
    found: list[Json] = []
    at = 0
    for mark in _MARKS.finditer(text):
        if mark.start() > at:
            found.append({"type": "text", "text": _plain(text[at : mark.start()])})
        if mark["user"]:
            found.append({"type": "user", "user_id": mark["user"]})
        elif mark["channel"]:
            found.append({"type": "channel", "channel_id": mark["channel"]})
        else:
            link: Json = {"type": "link", "url": _plain(mark["url"])}
            found.append(link | ({"text": _plain(mark["label"])} if mark["label"] else {}))
        at = mark.end()
    if at < len(text):
        found.append({"type": "text", "text": _plain(text[at:])})
    return found


def _plain(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
