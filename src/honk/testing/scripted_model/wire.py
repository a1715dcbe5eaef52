"""The wire shapes of the Messages API: whole answers, server-sent events, errors.

Source: Anthropic's API reference, "Messages" and "Streaming messages"; accepted by Claude Code 2.1.329.
"""

import json
import secrets
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from honk.testing.scripted_model.asked import Asked
from honk.testing.scripted_model.script import Say

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}
#: how many pieces a text or an input is streamed in
_PIECES = 4


def error(status: int, message: str) -> bytes:
    """The body of an error."""
    kind = _KINDS.get(status, "api_error")
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


def whole(asked: Asked, say: Say) -> bytes:
    """The answer to a request without `stream`."""
    return json.dumps(
        _envelope(asked) | {"content": _content(say), "stop_reason": _stop(say), "usage": _usage(asked, say)}
    ).encode()


def events(asked: Asked, say: Say) -> Iterator[bytes]:
    """The server-sent events of an answer, in order."""
    start = _envelope(asked) | {"content": [], "stop_reason": None, "usage": _usage(asked, say) | {"output_tokens": 1}}
    yield _event({"type": "message_start", "message": start})
    yield _event({"type": "ping"})
    for index, block in enumerate(_content(say)):
        yield _event({"type": "content_block_start", "index": index, "content_block": _empty(block)})
        for delta in _deltas(block):
            yield _event({"type": "content_block_delta", "index": index, "delta": delta})
        yield _event({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": _usage(asked, say)["output_tokens"]}
    delta = {"stop_reason": _stop(say), "stop_sequence": None}
    yield _event({"type": "message_delta", "delta": delta, "usage": usage})
    yield _event({"type": "message_stop"})


def _event(data: dict[str, Any]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def _envelope(asked: Asked) -> dict[str, Any]:
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "stop_sequence": None,
    }


def _content(say: Say) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if say.thinking:
        blocks.append({"type": "thinking", "thinking": say.thinking, "signature": "c2NyaXB0ZWQ="})
    if say.text or not say.calls:
        blocks.append({"type": "text", "text": say.text})
    for call in say.calls:
        id = f"toolu_{secrets.token_hex(12)}"
        blocks.append({"type": "tool_use", "id": id, "name": call.tool, "input": dict(call.input)})
    return blocks


def _stop(say: Say) -> str:
    return "tool_use" if say.calls else "end_turn"


def _usage(asked: Asked, say: Say) -> dict[str, int]:
    output = max(1, sum(len(json.dumps(block)) for block in _content(say)) // 4)
    return {
        "input_tokens": asked.size() if say.input_tokens is None else say.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output if say.output_tokens is None else say.output_tokens,
    }


def _empty(block: dict[str, Any]) -> dict[str, Any]:
    empty: dict[str, dict[str, Any]] = {
        "text": {"text": ""},
        "thinking": {"thinking": "", "signature": ""},
        "tool_use": {"input": {}},
    }
    return block | empty[block["type"]]


def _deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in _pieces(block["text"]))
    elif block["type"] == "thinking":
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}
    else:
        pieces = ["", *_pieces(json.dumps(block["input"]))]
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)


def _pieces(text: str) -> list[str]:
    cuts = sorted({len(text) * n // _PIECES for n in range(_PIECES + 1)})
    return [text[a:b] for a, b in pairwise(cuts)]
