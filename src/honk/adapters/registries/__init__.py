"""The host's package registries, for set-up inside a sandbox: `discover()` is the way in."""

from honk.adapters.registries.discover import discover

__all__ = ["discover"]
