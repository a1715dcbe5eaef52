"""Backups: one file that holds what cannot be made again, whatever the database."""

from honk.adapters.backup.restore import Target, restore
from honk.adapters.backup.source import Source, back_up

__all__ = ["Source", "Target", "back_up", "restore"]
