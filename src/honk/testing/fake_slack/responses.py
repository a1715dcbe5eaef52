"""response_url: answers to an interaction, five times within half an hour, without a token."""

import json

from aiohttp import web

from honk.testing.fake_slack import blocks as block_kit
from honk.testing.fake_slack.methods_chat import new
from honk.testing.fake_slack.workspace import Ephemeral, Json, Message, named
from honk.testing.fake_slack.world import RESPONSE_SECONDS, RESPONSES, ResponseUrl, World


async def handle(world: World, request: web.Request) -> web.Response:
    """One POST to a response_url."""
    try:
        given = json.loads(await request.text())
    except ValueError:
        return web.json_response({"ok": False, "error": "invalid_payload"}, status=400)
    error = respond(world, request.match_info["name"], given)
    if error:
        return web.json_response({"ok": False, "error": error}, status=404 if error.endswith("url") else 400)
    return web.Response(text="ok")


def respond(world: World, name: str, given: Json) -> str:
    """Does what was answered; an error's name where it cannot be."""
    found = world.responses.get(name)
    if found is None or found.used >= RESPONSES:
        return "used_url"
    if world.space.clock() - found.at > RESPONSE_SECONDS:
        return "expired_url"
    blocks = given.get("blocks") or []
    if block_kit.faults(blocks):
        return "invalid_blocks"
    found.used += 1
    if given.get("delete_original"):
        return _delete(world, found)
    if given.get("replace_original") and found.ts:
        return _replace(world, found, str(given.get("text", "")), blocks)
    if not given.get("text") and not blocks:
        return "no_text"
    channel = world.space.channels[found.channel]
    thread = str(given.get("thread_ts") or "")
    if given.get("response_type") == "in_channel":
        world.post(new(world, channel, text=str(given.get("text", "")), blocks=blocks, thread_ts=thread))
    else:
        world.whisper(channel, found.user, str(given.get("text", "")), blocks, thread)
    return ""


def _original(world: World, found: ResponseUrl) -> Message | Ephemeral | None:
    for one in world.space.ephemerals:
        if one.ts == found.ts and not one.deleted:
            return one
    return world.space.message(found.channel, found.ts)


def _delete(world: World, found: ResponseUrl) -> str:
    original = _original(world, found)
    if original is None:
        return "message_not_found"
    if isinstance(original, Ephemeral):
        original.deleted = True
        world.ring()
    else:
        world.remove(original)
    return ""


def _replace(world: World, found: ResponseUrl, text: str, blocks: list[Json]) -> str:
    original = _original(world, found)
    if original is None:
        return "message_not_found"
    if isinstance(original, Ephemeral):
        original.text, original.blocks = text, named(blocks)
        world.ring()
        return ""

    def change(one: Message) -> None:
        one.text, one.blocks = text, named(blocks)
        one.edited = {"user": world.app.user, "ts": world.space.ts()}

    world.change(original, change)
    return ""
