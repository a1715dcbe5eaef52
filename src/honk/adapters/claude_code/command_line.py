"""The arguments of the `claude` binary, as claude-agent-sdk itself would build them.

The SDK has no public way to ask for them without starting the process itself, outside of any
sandbox; so this one function uses a private method. The SDK's version is pinned, and
tests/contracts/test_agents.py fails when the arguments change.
"""

from claude_agent_sdk import ClaudeAgentOptions
from claude_agent_sdk._internal.transport.subprocess_cli import SubprocessCLITransport


def command_line(options: ClaudeAgentOptions) -> tuple[str, ...]:
    """The whole argument list; `options.cli_path` must be set."""
    return tuple(SubprocessCLITransport(prompt="", options=options)._build_command())
