"""This machine's disk and memory."""

from honk.adapters.machine.machine import LocalMachine

__all__ = ["LocalMachine"]
