"""What Slack refuses in blocks and views: kinds, lengths and counts, from the Block Kit reference."""

from collections.abc import Iterator

from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from honk.testing.fake_slack.workspace import Json, elements

MESSAGE_BLOCKS, VIEW_BLOCKS = 50, 100
#: observed: more text than this in the blocks of one message is `msg_blocks_too_long`
MESSAGE_TEXT = 13_200
_EVERYWHERE = {"actions", "context", "divider", "header", "image", "input", "rich_text", "section", "video"}
_MESSAGES = _EVERYWHERE | {
    "alert",
    "call",
    "card",
    "carousel",
    "container",
    "context_actions",
    "file",
    "markdown",
    "plan",
    "table",
    "task_card",
}
#: most characters of a text, by the type of block or element and the field that has it
_LENGTHS = {
    ("section", "text"): 3000,
    ("header", "text"): 150,
    ("markdown", "text"): 12_000,
    ("input", "label"): 2000,
    ("input", "hint"): 2000,
    ("image", "alt_text"): 2000,
    ("image", "image_url"): 3000,
    ("image", "title"): 2000,
    ("button", "text"): 75,
    ("button", "value"): 2000,
    ("button", "url"): 3000,
    ("button", "accessibility_label"): 75,
    ("plain_text_input", "initial_value"): 3000,
    ("option", "text"): 75,
    ("option", "value"): 150,
    ("option", "description"): 75,
    ("confirm", "title"): 100,
    ("confirm", "text"): 300,
    ("confirm", "confirm"): 30,
    ("confirm", "deny"): 30,
}
_COUNTS = {
    ("actions", "elements"): 25,
    ("context", "elements"): 10,
    ("section", "fields"): 10,
    ("static_select", "options"): 100,
    ("multi_static_select", "options"): 100,
    ("static_select", "option_groups"): 100,
    ("overflow", "options"): 5,
    ("radio_buttons", "options"): 10,
    ("checkboxes", "options"): 10,
}
_NEEDED = {
    "header": ("text",),
    "actions": ("elements",),
    "context": ("elements",),
    "input": ("label", "element"),
    "image": ("alt_text",),
    "button": ("text",),
    "static_select": (),
    "overflow": ("options",),
    "radio_buttons": ("options",),
    "checkboxes": ("options",),
}
_PLAIN = {("button", "text"), ("header", "text"), ("input", "label"), ("input", "hint"), ("confirm", "title")}
_STYLES = {"primary", "danger"}


def faults(blocks: object, *, view: bool = False) -> list[str]:
    """What Slack would say is wrong, in its words; nothing where they are right."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    most = VIEW_BLOCKS if view else MESSAGE_BLOCKS
    found = [f"[ERROR] no more than {most} items allowed [json-pointer:/blocks]"] if len(blocks) > most else []
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        if not isinstance(block, dict) or block.get("type") not in (_EVERYWHERE if view else _MESSAGES):
            found.append(f"[ERROR] unsupported type: {_type(block)} [json-pointer:{where}/type]")
            continue
        found.extend(_walk(block, str(block["type"]), where))
        if not found:
            found.extend(_of_sdk(block, where))
    return [*found, *_twice(blocks)]


def too_long(blocks: list[Json]) -> bool:
    """Whether their texts together are more than one message holds."""
    return sum(len(text) for text in _texts(blocks)) > MESSAGE_TEXT


def view_faults(view: Json) -> list[str]:
    """The same for a view: its title, buttons and private data too."""
    found = []
    kind = view.get("type")
    if kind not in ("modal", "home"):
        return [f"[ERROR] unsupported type: {kind} [json-pointer:/view/type]"]
    for name in ("title", "submit", "close"):
        given = view.get(name)
        if given is None:
            found += ["[ERROR] missing required field: title [json-pointer:/view]"] * (
                name == "title" and kind == "modal"
            )
        elif not isinstance(given, dict) or given.get("type") != "plain_text" or not given.get("text"):
            found.append(f"[ERROR] must be a plain_text object [json-pointer:/view/{name}]")
        elif len(given["text"]) > 24:
            found.append(f"[ERROR] must be less than 25 characters [json-pointer:/view/{name}/text]")
    for name, most in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if len(view.get(name) or "") > most:
            found.append(f"[ERROR] must be less than {most + 1} characters [json-pointer:/view/{name}]")
    blocks = view.get("blocks")
    found += faults(blocks, view=True)
    asks = isinstance(blocks, list) and any(isinstance(one, dict) and one.get("type") == "input" for one in blocks)
    if kind == "modal" and asks and not view.get("submit"):
        found.append("[ERROR] submit is required when an input block is present [json-pointer:/view]")
    return found


def _type(block: object) -> object:
    return block.get("type") if isinstance(block, dict) else type(block).__name__


def _walk(node: Json, kind: str, where: str) -> Iterator[str]:
    if kind == "rich_text":
        return
    yield from _fields(node, kind, where)
    for name, value in node.items():
        if name in ("confirm", "accessory", "element") and isinstance(value, dict):
            yield from _walk(value, "confirm" if name == "confirm" else str(value.get("type")), f"{where}/{name}")
        elif name in ("elements", "options", "fields") and isinstance(value, list):
            for number, one in enumerate(value):
                at = f"{where}/{name}/{number}"
                if not isinstance(one, dict):
                    yield f"[ERROR] must be an object [json-pointer:{at}]"
                elif name == "fields":
                    yield from _text(one, 2000, at)
                else:
                    yield from _walk(one, "option" if name == "options" else str(one.get("type")), at)


def _fields(node: Json, kind: str, where: str) -> Iterator[str]:
    for name in _NEEDED.get(kind, ()):
        if not node.get(name):
            yield f"[ERROR] missing required field: {name} [json-pointer:{where}]"
    yield from _special(node, kind, where)
    for (of, name), most in _LENGTHS.items():
        if of == kind and node.get(name) is not None:
            yield from _text(node[name], most, f"{where}/{name}", plain=(of, name) in _PLAIN)
    for (of, name), most in _COUNTS.items():
        if of == kind and isinstance(node.get(name), list) and len(node[name]) > most:
            yield f"[ERROR] no more than {most} items allowed [json-pointer:{where}/{name}]"


def _special(node: Json, kind: str, where: str) -> Iterator[str]:
    if kind == "section" and not node.get("text") and not node.get("fields"):
        yield f"[ERROR] missing required field: text [json-pointer:{where}]"
    if kind == "button" and node.get("style", "primary") not in _STYLES:
        yield f"[ERROR] failed to match a allowed value: style [json-pointer:{where}/style]"
    for name in ("block_id", "action_id"):
        if len(str(node.get(name) or "")) > 255:
            yield f"[ERROR] must be less than 256 characters [json-pointer:{where}/{name}]"


def _text(value: object, most: int, where: str, *, plain: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        where = f"{where}/text"
        if (plain and value.get("type") != "plain_text") or value.get("type") not in ("plain_text", "mrkdwn"):
            yield f"[ERROR] unsupported type: {value.get('type')} [json-pointer:{where}]"
        if value.get("type") == "mrkdwn" and "emoji" in value:
            yield f"[ERROR] no such field: emoji [json-pointer:{where}]"
        value = value.get("text")
        if not value:
            yield f"[ERROR] must be more than 0 characters [json-pointer:{where}]"
    elif plain:
        yield f"[ERROR] must be an object [json-pointer:{where}]"
    if not isinstance(value, str):
        yield f"[ERROR] must be a string [json-pointer:{where}]"
    elif len(value) > most:
        yield f"[ERROR] must be less than {most + 1} characters [json-pointer:{where}]"


def _twice(blocks: list[Json]) -> Iterator[str]:
    kept = [one for one in blocks if isinstance(one, dict)]
    ids = [one["block_id"] for one in kept if one.get("block_id")]
    for name in sorted({one for one in ids if ids.count(one) > 1}):
        yield f"[ERROR] `block_id` {name} already exists [json-pointer:/blocks]"
    for block in kept:
        actions = [one["action_id"] for each, one in elements([block]) if each is block]
        for name in sorted({one for one in actions if actions.count(one) > 1}):
            yield f"[ERROR] `action_id` {name} already exists for block_id [json-pointer:/blocks]"


def _of_sdk(block: Json, where: str) -> Iterator[str]:
    """The checks that Slack's own SDK makes."""
    try:
        parsed = Block.parse({key: value for key, value in block.items() if value is not None})
        if parsed is not None:
            parsed.validate_json()
    except (SlackObjectFormationError, TypeError, AttributeError) as error:
        yield f"[ERROR] {error} [json-pointer:{where}]"


def _texts(node: object) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "text" and isinstance(value, str):
                yield value
            elif isinstance(value, dict | list):
                yield from _texts(value)
