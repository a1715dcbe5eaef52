"""What every door may do: submit, reply, stop, retry, merge, undo. Nothing here waits for the work itself."""

from dataclasses import dataclass

from honk.app.asking import Asking
from honk.app.landing import Approving
from honk.app.stopping import Stopping

__all__ = ["App"]


@dataclass(frozen=True, kw_only=True)
class App(Asking, Stopping, Approving):
    """The verbs behind every door. Each asks the policy, and each may be delivered twice."""
