"""TestFlight, by the App Store Connect API: whether Apple has a build, how far it is, and who may test it.

The build itself comes to Apple from the Mac that made it (`honk ios setup`).
"""

from honk.adapters.app_store.flight import TestFlight, test_flight

__all__ = ["TestFlight", "test_flight"]
