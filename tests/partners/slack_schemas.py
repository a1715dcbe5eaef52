"""Whether blocks, views and calls are what Slack takes: its own types as schemas, its SDK's checks, and lengths.

The schemas in tests/data/slack are made by scripts/slack-schemas.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

from honk.testing.fake_slack import FakeSlack
from honk.testing.fake_slack.blocks import faults, too_long, view_faults

_DATA = Path(__file__).resolve().parents[1] / "data" / "slack"
#: checked on their own: within the union of a call's arguments a wrong one would pass
_APART = ("blocks", "attachments", "view", "chunks")
#: of another name in Slack's types than in its reference, which its SDK follows
_MISNAMED = {("files.getUploadURLExternal", "alt_txt")}


@cache
def _schemas(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((_DATA / f"{name}.schema.json").read_text())
    return found


@cache
def _validator(kind: str) -> Draft7Validator:
    schema = _schemas("blocks")
    return Draft7Validator({**schema, "$ref": f"#/definitions/{kind}"})


def check_message(blocks: list[dict[str, Any]]) -> None:
    """AssertionError that says what is wrong with the blocks of a message."""
    for number, block in enumerate(blocks):
        _valid(_validator("KnownBlock"), block, f"block {number}")
        _as_the_sdk(block)
    assert faults(blocks) == []
    assert not too_long(blocks), "the texts are more than one message holds"


def check_view(view: dict[str, Any]) -> None:
    """The same for a modal or a home tab."""
    _valid(_validator("ModalView" if view.get("type") == "modal" else "HomeView"), view, "view")
    for block in view["blocks"]:
        _valid(_validator("KnownBlock"), block, f"block {block.get('block_id')}")
        _as_the_sdk(block)
    assert view_faults(view) == []


def check_arguments(method: str, args: dict[str, Any]) -> None:
    """The same for the arguments of a call, and for what they carry."""
    schemas = _schemas("calls")
    assert method in schemas, f"Slack's own client has no {method} here: add it to scripts/slack-schemas"
    plain = {key: value for key, value in args.items() if key not in _APART}
    needed = {key: args[key] for key in _APART if key in args}
    _valid(Draft7Validator(schemas[method]), {**plain, **needed}, method)
    if isinstance(args.get("blocks"), list):
        check_message(args["blocks"])
    for one in args.get("attachments") or []:
        check_message(one.get("blocks") or [])
    if isinstance(args.get("view"), dict):
        check_view(args["view"])


def check_calls(slack: FakeSlack) -> None:
    """Every call that an app made, as far as Slack's own client knows the method."""
    for call in slack.calls:
        if call.method in _schemas("calls"):
            check_arguments(call.method, _typed(call.method, call.arguments))


def _typed(method: str, given: dict[str, Any]) -> dict[str, Any]:
    """A form has only text: numbers and booleans are read where Slack's types want them."""
    typed = {name: value for name, value in given.items() if (method, name) not in _MISNAMED}
    for name, value in tuple(typed.items()):
        kinds = set(_kinds(_schemas("calls")[method], name))
        if isinstance(value, str) and "string" not in kinds:
            if "boolean" in kinds and value in ("0", "1", "true", "false"):
                typed[name] = value in ("1", "true")
            elif "number" in kinds and value.isdigit():
                typed[name] = int(value)
    return typed


def _kinds(node: object, name: str) -> Iterator[str]:
    """The types that any variant of a schema gives a property."""
    if isinstance(node, list):
        for one in node:
            yield from _kinds(one, name)
    elif isinstance(node, dict):
        wanted = node.get("properties", {}).get(name, {})
        types = wanted.get("type", [])
        yield from [types] if isinstance(types, str) else types
        if isinstance(wanted.get("const"), bool):
            yield "boolean"
        for value in node.values():
            yield from _kinds(value, name)


def _as_the_sdk(block: dict[str, Any]) -> None:
    parsed = Block.parse(block)
    assert parsed is not None, f"the SDK knows no {block.get('type')!r}"
    try:
        parsed.validate_json()
    except SlackObjectFormationError as wrong:
        raise AssertionError(f"{wrong}: {block}") from wrong


def _valid(validator: Draft7Validator, value: object, what: str) -> None:
    errors = [f"{what}{error.json_path[1:]}: {error.message[:300]}" for error in validator.iter_errors(value)]
    assert errors == [], "\n".join(errors)
