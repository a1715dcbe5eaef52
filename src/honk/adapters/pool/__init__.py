"""Spares of known repositories, with agents that wait in them."""

from honk.adapters.pool.parked import Parker
from honk.adapters.pool.pool import Size, WarmPool

__all__ = ["Parker", "Size", "WarmPool"]
