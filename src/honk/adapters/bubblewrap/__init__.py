"""Sandboxes on Linux by bubblewrap."""

from honk.adapters.bubblewrap.sandboxes import SERVICE_UID, Bubblewrap

__all__ = ["SERVICE_UID", "Bubblewrap"]
