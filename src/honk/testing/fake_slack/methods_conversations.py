"""conversations.*, users.*, reactions.*, team.*, bots.* and auth.*: what is there, and who."""

import base64
import re
from collections.abc import Sequence
from typing import TypeVar

from honk.testing.fake_slack import shapes
from honk.testing.fake_slack.methods_chat import place
from honk.testing.fake_slack.web_api import Args, Methods
from honk.testing.fake_slack.workspace import Channel, Json, Message
from honk.testing.fake_slack.world import Refused, World

METHODS = Methods()

T = TypeVar("T")
_EMOJI = re.compile(r"[a-z0-9_+'\-]+(::skin-tone-[2-6])?")
_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")
_OF_KIND = {"public": "channels", "private": "groups", "im": "im", "mpim": "mpim"}


def page(found: Sequence[T], args: Args, otherwise: int, most: int = 1000) -> tuple[list[T], str]:
    """One page of a list and the cursor of the next, empty on the last."""
    start = 0
    if cursor := args.text("cursor"):
        try:
            start = int(base64.b64decode(cursor).decode().removeprefix("next:"))
        except ValueError:
            raise Refused("invalid_cursor") from None
    limit = min(args.number("limit", otherwise) or otherwise, most)
    following = base64.b64encode(f"next:{start + limit}".encode()).decode() if start + limit < len(found) else ""
    return list(found[start : start + limit]), following


def _may(world: World, channel: Channel, what: str) -> None:
    needed = f"{_OF_KIND[channel.kind]}:{what}"
    if needed not in world.app.scopes:
        raise Refused("missing_scope", needed=needed, provided=",".join(sorted(world.app.scopes)))


def _between(messages: list[Message], args: Args) -> list[Message]:
    oldest, latest = args.text("oldest"), args.text("latest")
    both = args.flag("inclusive")
    if oldest:
        messages = [one for one in messages if float(one.ts) > float(oldest) or (both and one.ts == oldest)]
    if latest:
        messages = [one for one in messages if float(one.ts) < float(latest) or (both and one.ts == latest)]
    return messages


def _shown(world: World, one: Message, args: Args) -> Json:
    shape = world.shape(one)
    if not args.flag("include_all_metadata"):
        shape.pop("metadata", None)
    return shape


def _readable(world: World, args: Args) -> Channel:
    channel = place(world, args, write=False)
    _may(world, channel, "history")
    if world.app.user not in channel.members:
        raise Refused("not_in_channel")
    return channel


@METHODS.add("conversations.history", *_HISTORY)
async def history(world: World, args: Args) -> Json:
    channel = _readable(world, args)
    kept = world.space.messages.get(channel.id, {}).values()
    shown = [one for one in kept if not one.deleted and (not one.is_reply or one.subtype == "thread_broadcast")]
    newest_first = sorted(_between(shown, args), key=lambda one: float(one.ts), reverse=True)
    found, following = page(newest_first, args, 100, 999)
    return {
        "messages": [_shown(world, one, args) for one in found],
        "has_more": bool(following),
        "pin_count": 0,
        "response_metadata": {"next_cursor": following},
    }


@METHODS.add("conversations.replies", *_HISTORY)
async def replies(world: World, args: Args) -> Json:
    channel = _readable(world, args)
    given = world.space.messages.get(channel.id, {}).get(args.text("ts", needed="thread_not_found"))
    if given is None or (given.deleted and not world.space.thread(channel.id, given.ts)):
        raise Refused("thread_not_found")
    first, *rest = world.space.thread(channel.id, given.thread_ts or given.ts)
    found, following = page(_between(rest, args), args, 1000)
    return {
        "messages": [_shown(world, one, args) for one in (first, *found)],
        "has_more": bool(following),
        "response_metadata": {"next_cursor": following},
    }


@METHODS.add("conversations.info", *_READ)
async def info(world: World, args: Args) -> Json:
    channel = place(world, args, write=False)
    _may(world, channel, "read")
    shape = shapes.channel(channel, bot=world.app.user, home=world.app.team)
    if args.flag("include_num_members"):
        shape["num_members"] = len(channel.members)
    if args.flag("include_locale"):
        shape["locale"] = "en-US"
    return {"channel": shape}


@METHODS.add("conversations.open", "im:write", "mpim:write")
async def open_(world: World, args: Args) -> Json:
    users = [one for one in args.text("users").split(",") if one]
    if args.text("channel"):
        channel = place(world, args, write=False)
    elif len(users) != 1:
        raise Refused("users_list_not_supplied" if not users else "not_enough_users")
    elif users[0] not in world.space.users:
        raise Refused("user_not_found")
    elif world.space.users[users[0]].deleted:
        raise Refused("user_disabled")
    elif users[0] == world.app.user:
        raise Refused("cannot_dm_bot")
    else:
        channel = world.space.direct(world.app.user, users[0])
    if args.flag("return_im"):
        return {"channel": shapes.channel(channel, bot=world.app.user, home=world.app.team)}
    return {"channel": {"id": channel.id}}


@METHODS.add("conversations.members", *_READ)
async def members(world: World, args: Args) -> Json:
    channel = place(world, args, write=False)
    _may(world, channel, "read")
    found, following = page(channel.members, args, 100)
    return {"members": found, "response_metadata": {"next_cursor": following}}


@METHODS.add("conversations.list", *_READ)
async def list_(world: World, args: Args) -> Json:
    wanted = (args.text("types") or "public_channel").replace("_channel", "").split(",")
    for kind in wanted:
        if kind not in _OF_KIND:
            raise Refused("invalid_types")
        if (needed := f"{_OF_KIND[kind]}:read") not in world.app.scopes:
            raise Refused("missing_scope", needed=needed, provided=",".join(sorted(world.app.scopes)))
    kept = [
        one
        for one in world.space.channels.values()
        if one.kind in wanted
        and not one.deleted
        and not (one.archived and args.flag("exclude_archived"))
        and (one.kind == "public" or world.app.user in one.members)
    ]
    found, following = page(kept, args, 100)
    shown = [shapes.channel(one, bot=world.app.user, home=world.app.team) for one in found]
    return {"channels": shown, "response_metadata": {"next_cursor": following}}


@METHODS.add("conversations.join", "channels:join")
async def join(world: World, args: Args) -> Json:
    channel = place(world, args, write=False)
    if channel.kind != "public":
        raise Refused("method_not_supported_for_channel_type")
    if channel.archived:
        raise Refused("is_archived")
    shape: Json = {}
    if world.app.user in channel.members:
        shape = {"warning": "already_in_channel", "response_metadata": {"warnings": ["already_in_channel"]}}
    else:
        channel.members.append(world.app.user)
        world.ring()
    return {"channel": shapes.channel(channel, bot=world.app.user, home=world.app.team)} | shape


def _user(world: World, args: Args, name: str) -> Json:
    email = "users:read.email" in world.app.scopes
    return shapes.user(world.space.users[name], home=world.app.team, email=email)


@METHODS.add("users.info", "users:read")
async def user_info(world: World, args: Args) -> Json:
    name = args.text("user", needed="user_not_found")
    if name not in world.space.users:
        raise Refused("user_not_found")
    return {"user": _user(world, args, name)}


@METHODS.add("users.lookupByEmail", "users:read.email")
async def lookup_by_email(world: World, args: Args) -> Json:
    email = args.text("email", needed="invalid_arguments").lower()
    for one in world.space.users.values():
        if one.email.lower() == email and not one.deleted and one.team == world.app.team:
            return {"user": _user(world, args, one.id)}
    raise Refused("users_not_found")


@METHODS.add("users.list", "users:read")
async def user_list(world: World, args: Args) -> Json:
    kept = [name for name, one in world.space.users.items() if one.team == world.app.team]
    found, following = page(kept, args, 1000)
    return {
        "members": [_user(world, args, name) for name in found],
        "cache_ts": int(world.space.clock()),
        "response_metadata": {"next_cursor": following},
    }


def _reacted_to(world: World, args: Args) -> Message:
    if not args.text("channel") or not args.text("timestamp"):
        raise Refused("no_item_specified")
    channel = place(world, args, write=False)
    if not re.fullmatch(r"\d+\.\d+", args.text("timestamp")):
        raise Refused("bad_timestamp")
    message = world.space.message(channel.id, args.text("timestamp"))
    if message is None:
        raise Refused("message_not_found")
    return message


def _emoji(args: Args) -> str:
    name = args.text("name", needed="invalid_name").strip(":")
    if not _EMOJI.fullmatch(name):
        raise Refused("invalid_name")
    return name


@METHODS.add("reactions.add", "reactions:write")
async def add_reaction(world: World, args: Args) -> Json:
    name, message = _emoji(args), _reacted_to(world, args)
    channel = world.space.channels[message.channel]
    if world.app.user not in channel.members:
        raise Refused("not_in_channel")
    if channel.archived:
        raise Refused("is_archived")
    users = message.reactions.setdefault(name, [])
    if world.app.user in users:
        raise Refused("already_reacted")
    users.append(world.app.user)
    world.events.reacted(message, world.app.user, name, added=True)
    world.ring()
    return {}


@METHODS.add("reactions.remove", "reactions:write")
async def remove_reaction(world: World, args: Args) -> Json:
    name, message = _emoji(args), _reacted_to(world, args)
    users = message.reactions.get(name, [])
    if world.app.user not in users:
        raise Refused("no_reaction")
    users.remove(world.app.user)
    if not users:
        message.reactions.pop(name)
    world.events.reacted(message, world.app.user, name, added=False)
    world.ring()
    return {}


@METHODS.add("reactions.get", "reactions:read")
async def get_reactions(world: World, args: Args) -> Json:
    message = _reacted_to(world, args)
    return {"type": "message", "channel": message.channel, "message": world.shape(message)}


@METHODS.add("team.info", "team:read")
async def team_info(world: World, args: Args) -> Json:
    found = world.space.teams.get(args.text("team") or world.app.team)
    if found is None:
        raise Refused("team_not_found")
    return {
        "team": {
            "id": found.id,
            "name": found.name,
            "domain": found.domain,
            "url": f"https://{found.domain}.slack.com/",
            "email_domain": "",
            "icon": {"image_default": True},
        }
    }


@METHODS.add("bots.info", "users:read")
async def bot_info(world: World, args: Args) -> Json:
    for one in world.space.users.values():
        if one.bot_id and one.bot_id == args.text("bot"):
            icons = {"image_36": "", "image_48": "", "image_72": ""}
            shape = {"id": one.bot_id, "deleted": one.deleted, "name": one.name, "updated": 0}
            return {"bot": {**shape, "app_id": one.app_id, "user_id": one.id, "icons": icons}}
    raise Refused("bot_not_found")


@METHODS.add("usergroups.list", "usergroups:read")
async def usergroups(world: World, args: Args) -> Json:
    return {"usergroups": []}


@METHODS.add("api.test", token="none")
async def api_test(world: World, args: Args) -> Json:
    if error := args.text("error"):
        raise Refused(error, args=args.values)
    return {"args": args.values}


@METHODS.add("auth.test", token="any")
async def auth_test(world: World, args: Args) -> Json:
    app, team = world.app, world.space.teams[world.app.team]
    return {
        "url": f"https://{team.domain}.slack.com/",
        "team": team.name,
        "user": app.name,
        "team_id": team.id,
        "user_id": app.user,
        "bot_id": app.bot_id,
        "is_enterprise_install": False,
    }


@METHODS.add("auth.revoke", token="any")
async def auth_revoke(world: World, args: Args) -> Json:
    if args.flag("test"):
        return {"revoked": False}
    world.app.revoked.add(world.app.bot_token)
    world.ring()
    return {"revoked": True}


@METHODS.add("apps.connections.open", "connections:write", token="app")
async def connections_open(world: World, args: Args) -> Json:
    if len(world.deliveries.links) >= 10:
        raise Refused("too_many_websockets")
    ticket = f"ticket-{world.space.number()}"
    world.deliveries.tickets.add(ticket)
    place = world.url.replace("http://", "ws://")
    return {"url": f"{place}/link/?ticket={ticket}&app_id={world.app.id}"}
