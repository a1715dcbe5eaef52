"""Claude Code as Honk's agent, through claude-agent-sdk: the only package that knows that vendor."""

from honk.adapters.claude_code.agent import ClaudeCode
from honk.adapters.claude_code.options import Key
from honk.adapters.claude_code.session import Patience
from honk.adapters.claude_code.tools import VERIFY

__all__ = ["VERIFY", "ClaudeCode", "Key", "Patience"]
