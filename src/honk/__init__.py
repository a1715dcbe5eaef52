"""Honk: the self-hosted background coding agent. Start reading in `honk.flow`."""

__version__ = "0.1.0"
