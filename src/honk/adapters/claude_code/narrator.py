"""The SDK's messages as events of the task."""

import json
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

from honk.domain.event import AgentCalledTool, AgentStarted, AgentToolAnswered, AgentWaits, AgentWrote
from honk.domain.text import one_line
from honk.ports import Job, Tell

#: Seconds between two pieces of partial text.
_PACE = 0.1
_SUMMARY = 160
_OUTPUT = 1200
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
    """Tells what the agent does. Partial text is joined to at most ten pieces a second."""

    def __init__(self, job: Job, tell: Tell, *, resumed: bool, now: Callable[[], float]) -> None:
        """`now` is a monotonic clock in seconds."""
        self.model = job.model or ""
        #: the agent's latest whole text
        self.said = ""
        self._job = job
        self._tell = tell
        self._resumed = resumed
        self._now = now
        self._started = False
        self._partial = ""
        self._told_at = float("-inf")

    async def hear(self, message: Message) -> None:
        match message:
            case StreamEvent(parent_tool_use_id=None):
                await self._piece(message.event)
            case AssistantMessage(parent_tool_use_id=None, error=None):
                await self._turn(message)
            case UserMessage(parent_tool_use_id=None) if isinstance(message.content, list):
                for block in message.content:
                    if isinstance(block, ToolResultBlock):
                        await self._answer(block)
            case SystemMessage(subtype="init"):
                await self._start(message.data)
            case SystemMessage(subtype="api_retry"):
                await self._wait(message.data)

    async def _start(self, data: Mapping[str, Any]) -> None:
        self.model = str(data.get("model", self.model))
        if self._started:
            return
        self._started = True
        await self._tell(
            AgentStarted(
                agent="claude",
                release=str(data.get("claude_code_version", "")),
                model=self.model,
                session=self._job.session,
                resumed=self._resumed,
                attempt=self._job.attempt,
            )
        )

    async def _piece(self, event: Mapping[str, Any]) -> None:
        delta = event.get("delta") if event.get("type") == "content_block_delta" else None
        if not isinstance(delta, dict) or delta.get("type") != "text_delta":
            return
        self._partial += str(delta.get("text", ""))
        if self._partial and self._now() - self._told_at >= _PACE:
            piece, self._partial, self._told_at = self._partial, "", self._now()
            await self._tell(AgentWrote(text=piece, partial=True))

    async def _turn(self, message: AssistantMessage) -> None:
        self._partial = ""
        for block in message.content:
            if isinstance(block, TextBlock) and block.text.strip():
                self.said = block.text
                await self._tell(AgentWrote(text=block.text))
            elif isinstance(block, ToolUseBlock):
                name = block.name.removeprefix("mcp__honk__")
                await self._tell(AgentCalledTool(call=block.id, tool=name, summary=summary(name, block.input)))

    async def _answer(self, block: ToolResultBlock) -> None:
        output = shortened(_text(block.content))
        await self._tell(AgentToolAnswered(call=block.tool_use_id, ok=not block.is_error, output=output))

    async def _wait(self, data: Mapping[str, Any]) -> None:
        status = data.get("error_status")
        reason = _WAITS.get(str(data.get("error")), "the model cannot be reached")
        if isinstance(status, int):
            reason += f" (HTTP {status})"
        delay = data.get("retry_delay_ms")
        tries = f"{reason}; try {data.get('attempt', '?')} of {data.get('max_retries', '?')}"
        await self._tell(AgentWaits(reason=tries, seconds=delay / 1000 if isinstance(delay, int | float) else None))


def summary(tool: str, input: Mapping[str, Any]) -> str:
    """A tool call in one short line."""
    if tool in _TELLING:
        words = str(input.get(_TELLING[tool], ""))
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
