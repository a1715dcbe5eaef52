"""The SDK's messages as events of the task."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    Message,
    StreamEvent,
    SystemMessage,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from honk.domain.event import AgentCalledTool, AgentStarted, AgentToolAnswered, AgentWaits, AgentWrote, EventData
from honk.domain.text import one_line
from honk.ports import Job

#: Seconds between two pieces of partial text.
_PACE = 0.1
_SUMMARY = 160
_OUTPUT = 1200
#: Characters of one text.
_LONGEST = 200_000
#: The argument that says most, for each tool.
_TELLING = {
    "Bash": "command",
    "Read": "file_path",
    "Write": "file_path",
    "Edit": "file_path",
    "Glob": "pattern",
    "Grep": "pattern",
}
_WAITS = {
    "overloaded": "the model is overloaded",
    "rate_limit": "the model's rate limit is reached",
    "authentication_failed": "the model's server refuses the key",
    "billing_error": "the model's account has no credit",
    "server_error": "the model's server has an error",
}


class Narrator:
    """Turns messages into events. Partial text is joined to at most ten pieces a second.

    Anything inside the sandbox may forge a message: texts are bounded, and what has not the expected
    shape raises an ordinary error (AttributeError, TypeError, KeyError, ValueError).
    """

    def __init__(self, job: Job, *, resumed: bool, now: Callable[[], float]) -> None:
        """`now` is a monotonic clock in seconds."""
        self.model = job.model or ""
        #: the agent's latest whole text
        self.said = ""
        self._job = job
        self._resumed = resumed
        self._now = now
        self._started = False
        self._partial = ""
        self._told_at = float("-inf")

    @property
    def session(self) -> str:
        """The agent's session that it tells of."""
        return self._job.session

    def hear(self, message: Message) -> list[EventData]:
        """What is to be told about the message."""
        match message:
            case StreamEvent(parent_tool_use_id=None):
                return self._piece(message.event)
            case AssistantMessage(parent_tool_use_id=None, error=None):
                return self._turn(message)
            case UserMessage(parent_tool_use_id=None) if isinstance(message.content, list):
                return [_answer(block) for block in message.content if isinstance(block, ToolResultBlock)]
            case SystemMessage(subtype="init"):
                return self._start(message.data)
            case SystemMessage(subtype="api_retry"):
                return [_wait(message.data)]
        return []

    def _start(self, data: Mapping[str, Any]) -> list[EventData]:
        self.model = _name(data.get("model", self.model))
        if self._started:
            return []
        self._started = True
        return [
            AgentStarted(
                agent="claude",
                release=_name(data.get("claude_code_version", "")),
                model=self.model,
                session=self._job.session,
                resumed=self._resumed,
                attempt=self._job.attempt,
            )
        ]

    def _piece(self, event: Mapping[str, Any]) -> list[EventData]:
        delta = event.get("delta") if event.get("type") == "content_block_delta" else None
        if not isinstance(delta, dict) or delta.get("type") != "text_delta":
            return []
        self._partial = (self._partial + str(delta.get("text", "")))[:_LONGEST]
        if not self._partial or self._now() - self._told_at < _PACE:
            return []
        piece, self._partial, self._told_at = self._partial, "", self._now()
        return [AgentWrote(text=piece, partial=True)]

    def _turn(self, message: AssistantMessage) -> list[EventData]:
        self._partial = ""
        events: list[EventData] = []
        for block in message.content:
            if isinstance(block, TextBlock) and block.text.strip():
                self.said = block.text[:_LONGEST]
                events.append(AgentWrote(text=self.said))
            elif isinstance(block, ToolUseBlock):
                tool = _name(block.name).removeprefix("mcp__honk__")
                events.append(AgentCalledTool(call=_name(block.id), tool=tool, summary=summary(tool, block.input)))
        return events


def _answer(block: ToolResultBlock) -> AgentToolAnswered:
    return AgentToolAnswered(
        call=_name(block.tool_use_id), ok=not block.is_error, output=shortened(_text(block.content))
    )


def _wait(data: Mapping[str, Any]) -> AgentWaits:
    status = data.get("error_status")
    reason = _WAITS.get(str(data.get("error")), "the model cannot be reached")
    if status in (502, 504):
        # The broker's own answer when nobody answers it, and that of gateways before the model.
        reason = "the model cannot be reached"
    if isinstance(status, int):
        reason += f" (HTTP {status})"
    delay = data.get("retry_delay_ms")
    return AgentWaits(
        reason=f"{reason}; try {_name(data.get('attempt', '?'))} of {_name(data.get('max_retries', '?'))}",
        seconds=delay / 1000 if isinstance(delay, int | float) and math.isfinite(delay) else None,
    )


def _name(value: object) -> str:
    return one_line(str(value)[:200])


def summary(tool: str, input: Mapping[str, Any]) -> str:
    """A tool call in one short line."""
    if tool in _TELLING:
        words = str(input.get(_TELLING[tool], ""))[:_LONGEST]
        if tool in ("Read", "Write", "Edit"):
            words = words.removeprefix("/workspace/")
        elif tool != "Bash" and input.get("path"):
            words += f" in {str(input['path']).removeprefix('/workspace/')}"
    else:
        words = json.dumps(dict(input), ensure_ascii=False) if input else ""
    line = one_line("".join(char if char.isprintable() else " " for char in words))
    return line if len(line) <= _SUMMARY else line[: _SUMMARY - 1] + "…"


def shortened(text: str) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= _OUTPUT:
        return text
    half = _OUTPUT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters …\n{text[-half:]}"


def _text(content: str | list[dict[str, Any]] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "\n".join(str(block.get("text", f"[{block.get('type')}]")) for block in content if isinstance(block, dict))
