"""Screenshots of web builds by a headless Chromium within a sandbox."""

from honk.adapters.chromium.camera import Chromium

__all__ = ["Chromium"]
