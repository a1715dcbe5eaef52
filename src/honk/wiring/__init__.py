"""The only package that knows both ports and vendors: it builds an opened Honk from the settings."""

from honk.wiring.doctor import Doctor
from honk.wiring.house import OpenHonk, open_honk

__all__ = ["Doctor", "OpenHonk", "open_honk"]
