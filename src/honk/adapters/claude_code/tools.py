"""What Honk lets Claude Code call: `verify`, with the Stop hook that runs it, and `ask`, which ends its work."""

from typing import Any

from claude_agent_sdk import McpSdkServerConfig, create_sdk_mcp_server, tool
from claude_agent_sdk.types import HookCallback, HookContext, HookInput, HookJSONOutput

from honk.errors import HonkError
from honk.ports import Tools

#: The name under which the model sees `verify`.
VERIFY = "mcp__honk__verify"
#: The name under which the model sees `ask`.
ASK = "mcp__honk__ask"

_DESCRIPTION = (
    "Runs the repository's own checks (tests, linters, types, build) on your working tree as it is now, in a fresh "
    "sandbox, and says what is wrong. It is the same verification that decides afterwards. Takes no arguments; "
    "may take minutes. It also runs by itself when you end, so call it only where you want to know earlier."
)

_ASK = (
    "Asks the people who follow this task a question that only they can answer, and ends your work until they do; "
    "their answer begins your next turn in this conversation, whenever that is. For a decision that the instruction "
    "leaves open and that would be expensive to get wrong; otherwise decide yourself and say so at the end. Ask one "
    "question, short and complete, with the choices that you see (`choices` may be left out)."
)
_ASK_INPUT = {
    "type": "object",
    "properties": {
        "question": {"type": "string"},
        "choices": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["question"],
}


def server(tools: Tools, *, plans: bool = False) -> McpSdkServerConfig:
    """An MCP server in this process that offers `verify` and `ask`; to who plans only `ask`."""

    @tool("verify", _DESCRIPTION, {})
    async def verify(_: dict[str, Any]) -> dict[str, Any]:
        try:
            words = await tools.verify()
        except HonkError as exc:
            return {"content": [{"type": "text", "text": f"Verification could not run: {exc}"}], "is_error": True}
        return {"content": [{"type": "text", "text": words}]}

    @tool("ask", _ASK, _ASK_INPUT)
    async def ask(asked: dict[str, Any]) -> dict[str, Any]:
        question, choices = str(asked.get("question", "")), asked.get("choices") or ()
        listed = tuple(str(one) for one in choices) if isinstance(choices, list | tuple) else ()
        try:
            words = await tools.ask(question, listed)
        except HonkError as exc:
            return {"content": [{"type": "text", "text": f"The question was not asked: {exc}"}], "is_error": True}
        return {"content": [{"type": "text", "text": words}]}

    return create_sdk_mcp_server("honk", tools=[ask] if plans else [verify, ask])


async def end_with_a_question(_: HookInput, __: str | None, ___: HookContext) -> HookJSONOutput:
    """A PostToolUse hook of `ask`: whoever asks waits for the answer, and works on nothing else."""
    return {"continue_": False, "stopReason": "a question was asked"}


def may_end(tools: Tools) -> HookCallback:
    """A Stop hook in which Honk verifies what the agent leaves, and keeps it at work where that is refused.

    It fails open: Claude Code ends when a hook breaks, or takes longer than its matcher allows. That is
    harmless, because the verdict that counts is taken by Honk afterwards in any case.
    """

    async def hook(_: HookInput, __: str | None, ___: HookContext) -> HookJSONOutput:
        words = await tools.may_end()
        return {"decision": "block", "reason": words} if words else {}

    return hook
