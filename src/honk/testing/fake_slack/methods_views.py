"""views.* and assistant.threads.*: modals, home tabs, and what an assistant thread shows."""

from typing import Any

from honk.testing.fake_slack import blocks as block_kit
from honk.testing.fake_slack.methods_chat import place
from honk.testing.fake_slack.web_api import Args, Methods
from honk.testing.fake_slack.workspace import Json, View
from honk.testing.fake_slack.world import Assistant, Refused, World

METHODS = Methods()

_MOST_VIEWS = 3


def content(args: Args, kind: str) -> Json:
    """The view that was given. Refused where Slack would."""
    return checked(args.json("view"), kind)


def checked(given: Any, kind: str) -> Json:
    """The same for a view that an acknowledgement carried."""
    if not isinstance(given, dict):
        raise Refused("invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: view"]})
    found = block_kit.view_faults(given)
    if given.get("type") != kind:
        found.append(f"[ERROR] expected a {kind} [json-pointer:/view/type]")
    if found:
        raise Refused("invalid_arguments", response_metadata={"messages": found})
    if len(str(given)) > 250_000:
        raise Refused("view_too_large")
    return given


def _trigger(world: World, args: Args) -> str:
    name = args.text("trigger_id") or args.text("interactivity_pointer")
    if not name:
        raise Refused("invalid_arguments")
    return world.exchange(name).user


def _unique(world: World, given: Json, view: View | None = None) -> None:
    external = given.get("external_id")
    if external and any(
        one.content.get("external_id") == external and one is not view
        for stack in world.space.modals.values()
        for one in stack
    ):
        raise Refused("duplicate_external_id")


@METHODS.add("views.open")
async def open_view(world: World, args: Args) -> Json:
    given = content(args, "modal")
    _unique(world, given)
    user = _trigger(world, args)
    view = world.view(given, user)
    world.space.modals[user] = [view]
    world.ring()
    return {"view": view.json()}


@METHODS.add("views.push")
async def push_view(world: World, args: Args) -> Json:
    given = content(args, "modal")
    _unique(world, given)
    user = _trigger(world, args)
    stack = world.space.modals.get(user, [])
    if not stack:
        raise Refused("not_found")
    if len(stack) >= _MOST_VIEWS:
        raise Refused("push_limit_reached")
    view = world.view(given, user, stack[-1])
    stack.append(view)
    world.ring()
    return {"view": view.json()}


@METHODS.add("views.update")
async def update_view(world: World, args: Args) -> Json:
    wanted, external = args.text("view_id"), args.text("external_id")
    every = [one for stack in world.space.modals.values() for one in stack] + list(world.space.homes.values())
    for one in every:
        if one.id == wanted or (external and one.content.get("external_id") == external):
            given = content(args, one.content["type"])
            if args.text("hash") and args.text("hash") != one.hash:
                raise Refused("hash_conflict")
            world.renew(one, given)
            return {"view": one.json()}
    raise Refused("not_found" if wanted or external else "invalid_arguments")


@METHODS.add("views.publish")
async def publish(world: World, args: Args) -> Json:
    user = args.text("user_id", needed="invalid_arguments")
    if user not in world.space.users:
        raise Refused("invalid_arguments")
    if "home" in world.app.missing:
        raise Refused("not_enabled")
    given = content(args, "home")
    kept = world.space.homes.get(user)
    if args.text("hash") and kept is not None and args.text("hash") != kept.hash:
        raise Refused("hash_conflict")
    if kept is None:
        kept = world.space.homes[user] = world.view(given, user)
        world.ring()
    else:
        world.renew(kept, given)
    return {"view": kept.json()}


def _assistant(world: World, args: Args) -> Assistant:
    channel = place(world, args, "channel_id")
    thread = args.text("thread_ts", needed="invalid_thread_ts")
    if world.space.message(channel.id, thread) is None:
        raise Refused("invalid_thread_ts")
    return world.assistants.setdefault((channel.id, thread), Assistant())


@METHODS.add("assistant.threads.setStatus", "assistant:write", "chat:write")
async def set_status(world: World, args: Args) -> Json:
    found = _assistant(world, args)
    if len(args.json("loading_messages") or []) > 10:
        raise Refused("invalid_arguments")
    found.status = args.text("status")
    found.statuses.append(found.status)
    world.ring()
    return {}


@METHODS.add("assistant.threads.setTitle", "assistant:write")
async def set_title(world: World, args: Args) -> Json:
    _assistant(world, args).title = args.text("title", needed="invalid_arguments")
    world.ring()
    return {}


@METHODS.add("assistant.threads.setSuggestedPrompts", "assistant:write")
async def set_prompts(world: World, args: Args) -> Json:
    prompts = args.json("prompts")
    if not isinstance(prompts, list) or not 1 <= len(prompts) <= 4:
        raise Refused("invalid_arguments")
    if not all(isinstance(one, dict) and one.get("title") and one.get("message") for one in prompts):
        raise Refused("invalid_arguments")
    _assistant(world, args).prompts = prompts
    world.ring()
    return {}
