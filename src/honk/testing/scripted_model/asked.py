"""One request as the model's server sees it, and what can be read from the conversation in it."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What Claude Code 2.1.329 puts in as the model's turn when it resumes a session that was cut off.
_PUT_IN = "No response requested."
#: What the client itself adds to the person's words; markers are not looked for in it.
_REMINDER = re.compile(r"<system-reminder>.*?</system-reminder>", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """An image that reached the model."""

    media_type: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request. `headers` have lower-case names; `body` is {} where there was none."""

    method: str
    #: with the query string
    target: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def stream(self) -> bool:
        return self.body.get("stream") is True

    @property
    def tools(self) -> tuple[str, ...]:
        """Names of the tools that were offered."""
        return tuple(str(tool.get("name", "")) for tool in self.body.get("tools", ()))

    @property
    def system(self) -> str:
        """The system prompt as one text."""
        return "\n".join(_texts(self.body.get("system", "")))

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        messages = self.body.get("messages", ())
        return messages if isinstance(messages, list) else ()

    @property
    def news(self) -> str:
        """Everything said since the last assistant turn: words, tool results, the client's own notes."""
        last = max((i for i, message in enumerate(self.messages) if message.get("role") == "assistant"), default=-1)
        return "\n".join(text for message in self.messages[last + 1 :] for text in _texts(message.get("content", "")))

    @property
    def pictures(self) -> tuple[Picture, ...]:
        """Images in the person's messages, oldest first."""
        return tuple(
            Picture(media_type=source.get("media_type", ""), content=base64.b64decode(source.get("data", "")))
            for message in self.messages
            for block in _blocks(message.get("content", ""))
            if block.get("type") == "image" and (source := block.get("source", {})).get("type") == "base64"
        )

    def said(self) -> Iterator[tuple[int, str]]:
        """The person's own words with the index of their message, oldest first; no tool results, no reminders."""
        for index, message in enumerate(self.messages):
            if message.get("role") == "user":
                for block in _blocks(message.get("content", "")):
                    if block.get("type") == "text":
                        yield index, _REMINDER.sub("", str(block.get("text", "")))

    def turns_after(self, index: int) -> int:
        """How many times the model has answered after that message; turns that the client put in do not count."""
        turns, before = 0, ""
        for message in self.messages[index + 1 :]:
            role = message.get("role")
            if role == "assistant" and before != "assistant" and not _is_put_in(message):
                turns += 1
            before = before if role == "system" else str(role)
        return turns

    def size(self) -> int:
        """A rough number of tokens."""
        return max(1, len(json.dumps(self.body)) // 4)


def _is_put_in(message: Mapping[str, Any]) -> bool:
    return "".join(_texts(message.get("content", ""))).strip() == _PUT_IN


def _blocks(content: object) -> list[Mapping[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []


def _texts(content: object) -> Iterator[str]:
    for block in _blocks(content):
        if block.get("type") == "text":
            yield str(block.get("text", ""))
        elif block.get("type") == "tool_result":
            yield from _texts(block.get("content", ""))
