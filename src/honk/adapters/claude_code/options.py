"""How Claude Code is started: its environment, arguments and the files it needs inside.

Facts about the binary's variables and flags were tried with Claude Code 2.1.329.
"""

from enum import StrEnum

from claude_agent_sdk import ClaudeAgentOptions, HookMatcher, McpSdkServerConfig, __version__
from claude_agent_sdk.types import HookCallback

from honk.adapters.claude_code.tools import ASK, VERIFY, end_with_a_question
from honk.ports import Job

#: Where the binary is mounted inside.
BINARY = "/honk/agent/claude"
_CONFIG = "/home/honk/.claude"
#: Guidance goes in by a file: a single argument may not be longer than 128 KiB on Linux.
GUIDANCE = f"{_CONFIG}/honk-guidance.md"
_TOOLS = ["Read", "Write", "Edit", "Glob", "Grep", "Bash"]
#: Those that neither write nor run anything: all that there is for a plan.
_READING = ["Read", "Glob", "Grep"]
#: Seconds that a verification asked for from inside may take, by the tool or by the Stop hook.
_PATIENCE = 7200
#: A line of the binary's output; images and large files travel in them.
_LINE_LIMIT = 64 << 20
#: Times that the Stop hook may send the agent back before Claude Code overrides it.
_STOP_HOOK_CAP = 25


class Key(StrEnum):
    """What kind of key the operator gave for the model; the value is the variable that carries it."""

    NONE = ""
    API_KEY = "ANTHROPIC_API_KEY"
    AUTH_TOKEN = "ANTHROPIC_AUTH_TOKEN"


#: Spans of its own, in batches of a second, to the relay that leads to the exit. No logs and no metrics: they hold
#: words of people, and what they count is in Honk's own events.
TELEMETRY = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:3128",
    "OTEL_TRACES_EXPORT_INTERVAL": "1000",
}


def environment(key: Key, retries: int) -> dict[str, str]:
    """Everything the binary is told by variables. Holds no credential: the broker adds it outside."""
    variables = {
        # The binary speaks plain HTTP over this socket, whatever the host name of the URL is.
        "ANTHROPIC_UNIX_SOCKET": "/run/honk/exit.sock",
        "ANTHROPIC_BASE_URL": "http://model",
        "CLAUDE_CONFIG_DIR": _CONFIG,
        "CLAUDE_CODE_ENTRYPOINT": "sdk-py",
        "CLAUDE_AGENT_SDK_VERSION": __version__,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "DISABLE_AUTOUPDATER": "1",
        # Otherwise `verify` is hidden behind a search tool and not in the prompt.
        "ENABLE_TOOL_SEARCH": "false",
        # Otherwise a first result arrives while work goes on.
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
        "CLAUDE_CODE_DISABLE_AUTO_MEMORY": "1",
        "CLAUDE_CODE_DISABLE_CLAUDE_MDS": "1",
        # Frames that say when nothing more is owed.
        "CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS": "1",
        "CLAUDE_CODE_STOP_HOOK_BLOCK_CAP": str(_STOP_HOOK_CAP),
        "CLAUDE_CODE_MAX_RETRIES": str(retries),
        # Otherwise an overloaded server (529) is given up after the third answer, whatever the line above says.
        "IS_SANDBOX": "1",
        "MCP_TOOL_TIMEOUT": str(_PATIENCE * 1000),
        "CLAUDE_CODE_MCP_TOOL_IDLE_TIMEOUT": str(_PATIENCE * 1000),
        "CLAUDE_CODE_SDK_MCP_TOOL_IDLE_TIMEOUT": str(_PATIENCE * 1000),
    }
    if key is not Key.NONE:
        variables[key.value] = "the-broker-adds-the-key"
    return variables


def transcript(session: str) -> str:
    """Where the binary keeps a session of `/workspace`, inside."""
    return f"{_CONFIG}/projects/-workspace/{session}.jsonl"


def options(job: Job, *, resume: bool, server: McpSdkServerConfig, may_end: HookCallback) -> ClaudeAgentOptions:
    """The session's fixed choices. Nothing of the repository's own settings is loaded."""
    return ClaudeAgentOptions(
        cli_path=BINARY,
        tools=_READING if job.plans else _TOOLS,
        allowed_tools=[ASK] if job.plans else [VERIFY, ASK],
        permission_mode="bypassPermissions",
        setting_sources=[],
        settings='{"includeCoAuthoredBy": false}',
        strict_mcp_config=True,
        mcp_servers={"honk": server},
        system_prompt={"type": "preset", "preset": "claude_code"},
        extra_args={"append-system-prompt-file": GUIDANCE} if job.guidance else {},
        hooks={
            "Stop": [HookMatcher(hooks=[may_end], timeout=_PATIENCE)],
            "PostToolUse": [HookMatcher(matcher=ASK, hooks=[end_with_a_question])],
        },
        include_partial_messages=True,
        # Otherwise "@/path" and "/command" in the words of a person are acted upon.
        verbatim_prompts=True,
        max_buffer_size=_LINE_LIMIT,
        model=job.model,
        session_id=None if resume else job.session,
        resume=job.session if resume else None,
    )
