"""A program or script as the agent: deterministic migrations, codemods."""

from honk.adapters.command.agent import Command

__all__ = ["Command"]
