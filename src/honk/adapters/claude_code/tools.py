"""What Honk lets Claude Code call: the `verify` tool, and the Stop hook that asks for it."""

from typing import Any

from claude_agent_sdk import McpSdkServerConfig, create_sdk_mcp_server, tool
from claude_agent_sdk.types import HookCallback, HookContext, HookInput, HookJSONOutput

from honk.errors import HonkError
from honk.ports import Tools

#: The name under which the model sees `verify`.
VERIFY = "mcp__honk__verify"

_DESCRIPTION = (
    "Runs the repository's own checks (tests, linters, types, build) on your working tree as it is now, in a fresh "
    "sandbox, and says what is wrong. It is the same verification that decides afterwards. Takes no arguments; "
    "may take minutes. Call it before you end."
)


def server(tools: Tools) -> McpSdkServerConfig:
    """An MCP server in this process that offers `verify`."""

    @tool("verify", _DESCRIPTION, {})
    async def verify(_: dict[str, Any]) -> dict[str, Any]:
        try:
            words = await tools.verify()
        except HonkError as exc:
            return {"content": [{"type": "text", "text": f"Verification could not run: {exc}"}], "is_error": True}
        return {"content": [{"type": "text", "text": words}]}

    return create_sdk_mcp_server("honk", tools=[verify])


def may_end(tools: Tools) -> HookCallback:
    """A Stop hook that keeps the agent at work while Honk asks for something first.

    It fails open (Claude Code goes on when a hook breaks or is too slow), which is why Honk
    verifies again by itself afterwards.
    """

    async def hook(_: HookInput, __: str | None, ___: HookContext) -> HookJSONOutput:
        words = await tools.may_end()
        return {"decision": "block", "reason": words} if words else {}

    return hook
