"""What every door may do: submit, reply, hand over, stop, merge, promote, undo … Nothing here waits for the work."""

from dataclasses import dataclass

from honk.app.forgetting import Forgetting
from honk.app.governing import Governing
from honk.app.installing import Installing
from honk.app.reverting import Reverting
from honk.app.stopping import Stopping
from honk.app.uploading import Uploading
from honk.app.watching import Watching

__all__ = ["App"]


@dataclass(frozen=True, kw_only=True)
class App(Reverting, Stopping, Watching, Governing, Forgetting, Installing, Uploading):
    """The verbs behind every door. Each asks the policy, and each may be delivered twice."""
