"""chat.*: posting, changing and deleting messages, as docs.slack.dev/reference/methods describes them."""

from typing import Any

from honk.testing.fake_slack import blocks as block_kit
from honk.testing.fake_slack.web_api import Args, Methods
from honk.testing.fake_slack.workspace import Channel, Json, Message, named
from honk.testing.fake_slack.world import Refused, World

METHODS = Methods()

#: most characters of a posted text, of a changed one, and of markdown_text
POST_LENGTH, UPDATE_LENGTH, MARKDOWN_LENGTH = 40_000, 4_000, 12_000


def place(world: World, args: Args, name: str = "channel", *, write: bool = True) -> Channel:
    """The conversation that a call is about; where it writes, the app must be able to."""
    given = args.text(name, needed="channel_not_found")
    if given in world.space.users and write:
        if world.space.users[given].deleted:
            raise Refused("channel_not_found")
        return world.space.direct(world.app.user, given)
    try:
        channel = world.space.channel(given)
    except KeyError:
        raise Refused("channel_not_found") from None
    member = world.app.user in channel.members
    if channel.deleted or (channel.kind != "public" and not member):
        raise Refused("channel_not_found")
    if write:
        if not member and not ("chat:write.public" in world.app.scopes and channel.kind == "public"):
            raise Refused("not_in_channel")
        if channel.archived:
            raise Refused("is_archived")
    return channel


def checked(args: Args, *, most: int) -> tuple[str, list[Json], list[Json], Json]:
    """Text, blocks, attachments and warnings of what is to be posted. Refused where Slack would."""
    text, markdown = args.text("text"), args.text("markdown_text")
    blocks, attachments = args.json("blocks") or [], args.json("attachments") or []
    if markdown:
        if text or blocks:
            raise Refused("markdown_text_conflict")
        if len(markdown) > MARKDOWN_LENGTH:
            raise Refused("msg_too_long")
        text, blocks = markdown, [{"type": "markdown", "text": markdown}]
    check_blocks(blocks)
    for one in attachments if isinstance(attachments, list) else []:
        check_blocks(one.get("blocks") or [])
    if not isinstance(attachments, list):
        raise Refused("invalid_attachments")
    if len(attachments) > 100:
        raise Refused("too_many_attachments")
    if not text.strip() and not blocks and not attachments:
        raise Refused("no_text")
    if len(text) <= most:
        return text, blocks, attachments, {}
    if most < POST_LENGTH:
        raise Refused("msg_too_long")
    warned = {"warning": "message_truncated", "response_metadata": {"warnings": ["message_truncated"]}}
    return text[:most], blocks, attachments, warned


def check_blocks(blocks: Any) -> None:
    """Refuses what Slack would refuse."""
    if not isinstance(blocks, list):
        raise Refused("invalid_blocks_format")
    if found := block_kit.faults(blocks):
        raise Refused("invalid_blocks", errors=found, response_metadata={"messages": found})
    if block_kit.too_long(blocks):
        raise Refused("msg_blocks_too_long")


def thread_of(world: World, channel: Channel, args: Args) -> str:
    """The thread to post in, by its first message; empty where none was asked for."""
    given = args.text("thread_ts")
    if not given:
        return ""
    found = world.space.messages.get(channel.id, {}).get(given)
    if found is None:
        raise Refused("cannot_reply_to_message")
    return found.thread_ts or found.ts


def own(world: World, args: Args, channel: Channel, refused: str) -> Message:
    """A message of the app."""
    found = world.space.message(channel.id, args.text("ts", needed="message_not_found"))
    if found is None:
        raise Refused("message_not_found")
    if found.bot_id != world.app.bot_id:
        raise Refused(refused)
    return found


def new(world: World, channel: Channel, **more: Any) -> Message:
    """A message of the app, not yet kept."""
    app = world.app
    return Message(
        ts=world.space.ts(),
        channel=channel.id,
        user=app.user,
        team=app.team,
        bot_id=app.bot_id,
        app_id=app.id,
        **more,
    )


@METHODS.add("chat.postMessage", "chat:write")
async def post_message(world: World, args: Args) -> Json:
    channel = place(world, args)
    text, blocks, attachments, warned = checked(args, most=POST_LENGTH)
    message = new(
        world,
        channel,
        text=text,
        blocks=blocks,
        attachments=attachments,
        thread_ts=thread_of(world, channel, args),
        metadata=_metadata(args),
        subtype="thread_broadcast" if args.flag("reply_broadcast") and args.text("thread_ts") else "",
    )
    world.post(message)
    return {"channel": channel.id, "ts": message.ts, "message": world.shape(message)} | warned


def _metadata(args: Args) -> Json:
    found = args.json("metadata")
    if not found:
        return {}
    if not isinstance(found, dict) or "event_type" not in found or not isinstance(found.get("event_payload"), dict):
        raise Refused("invalid_metadata_format")
    return found


@METHODS.add("chat.postEphemeral", "chat:write")
async def post_ephemeral(world: World, args: Args) -> Json:
    channel = place(world, args)
    user = args.text("user", needed="invalid_arguments")
    if user not in channel.members:
        raise Refused("user_not_in_channel")
    text, blocks, _, _ = checked(args, most=POST_LENGTH)
    kept = world.whisper(channel, user, text, blocks, args.text("thread_ts"))
    return {"message_ts": kept.ts}


@METHODS.add("chat.update", "chat:write")
async def update(world: World, args: Args) -> Json:
    channel = place(world, args)
    message = own(world, args, channel, "cant_update_message")
    if message.streaming:
        raise Refused("streaming_state_conflict")
    given = args.values
    if "blocks" not in given and "attachments" not in given and "markdown_text" not in given:
        text, blocks, attachments, _ = checked(args, most=UPDATE_LENGTH)
        attachments = message.attachments
    else:
        kept = args if "text" in given or "markdown_text" in given else Args({**given, "text": message.text})
        text, blocks, attachments, _ = checked(kept, most=UPDATE_LENGTH)
    metadata = _metadata(args)

    def change(one: Message) -> None:
        one.text, one.attachments = text, attachments
        one.blocks = named(blocks)
        one.edited = {"user": world.app.user, "ts": world.space.ts()}
        one.metadata = metadata or one.metadata

    world.change(message, change)
    return {"channel": channel.id, "ts": message.ts, "text": message.text, "message": world.shape(message)}


@METHODS.add("chat.delete", "chat:write")
async def delete(world: World, args: Args) -> Json:
    channel = place(world, args)
    message = own(world, args, channel, "cant_delete_message")
    world.remove(message)
    return {"channel": channel.id, "ts": message.ts}


@METHODS.add("chat.getPermalink")
async def get_permalink(world: World, args: Args) -> Json:
    channel = place(world, args, write=False)
    message = world.space.message(channel.id, args.text("message_ts"))
    if message is None:
        raise Refused("message_not_found")
    domain = world.space.teams[world.app.team].domain
    link = f"https://{domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}"
    if message.is_reply:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


@METHODS.add("chat.unfurl", "links:write")
async def unfurl(world: World, args: Args) -> Json:
    unfurls = args.json("unfurls")
    if not isinstance(unfurls, dict) or not unfurls:
        raise Refused("missing_unfurls")
    if not args.text("unfurl_id"):
        channel = place(world, args, write=False)
        message = world.space.message(channel.id, args.text("ts"))
        if message is None or not all(link in message.text for link in unfurls):
            raise Refused("cannot_unfurl_url")
    world.unfurls.append(unfurls)
    world.ring()
    return {}


@METHODS.add("chat.startStream", "chat:write")
async def start_stream(world: World, args: Args) -> Json:
    channel = place(world, args)
    thread = thread_of(world, channel, args)
    if not thread and channel.kind == "im":
        raise Refused("invalid_thread_ts")
    if channel.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            args.text(name, needed=f"missing_{name}")
    message = new(world, channel, text=_streamed(args), thread_ts=thread, streaming=True)
    message.more["chunks"] = list(args.json("chunks") or [])
    world.post(message)
    return {"channel": channel.id, "ts": message.ts}


@METHODS.add("chat.appendStream", "chat:write")
async def append_stream(world: World, args: Args) -> Json:
    channel = place(world, args)
    message = _streaming(world, args, channel)
    if not args.text("markdown_text") and not args.json("chunks"):
        raise Refused("no_text")
    _append(world, message, args)
    return {"channel": channel.id, "ts": message.ts}


@METHODS.add("chat.stopStream", "chat:write")
async def stop_stream(world: World, args: Args) -> Json:
    channel = place(world, args)
    message = _streaming(world, args, channel)
    blocks = args.json("blocks") or []
    check_blocks(blocks)
    metadata = _metadata(args)
    _append(world, message, args)

    def change(one: Message) -> None:
        one.streaming, one.metadata = False, metadata
        one.blocks = named([{"type": "markdown", "text": one.text or " "}, *blocks])

    world.change(message, change)
    return {"channel": channel.id, "ts": message.ts, "message": world.shape(message)}


def _streaming(world: World, args: Args, channel: Channel) -> Message:
    message = own(world, args, channel, "message_not_owned_by_app")
    if not message.streaming:
        raise Refused("message_not_in_streaming_state")
    return message


def _append(world: World, message: Message, args: Args) -> None:
    words = _streamed(args)

    def change(one: Message) -> None:
        one.text += words
        one.more["chunks"] = [*one.more.get("chunks", []), *(args.json("chunks") or [])]

    world.change(message, change, quiet=True)


def _streamed(args: Args) -> str:
    chunks = args.json("chunks") or []
    if not isinstance(chunks, list):
        raise Refused("invalid_chunks")
    for chunk in chunks:
        if not isinstance(chunk, dict) or chunk.get("type") not in (
            "blocks",
            "markdown_text",
            "plan_update",
            "task_update",
        ):
            raise Refused("invalid_chunks")
    text = args.text("markdown_text")
    if len(text) > MARKDOWN_LENGTH:
        raise Refused("msg_too_long")
    return text + "".join(str(one.get("text", "")) for one in chunks if one["type"] == "markdown_text")
