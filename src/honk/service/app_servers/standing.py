"""How an app's server stands, as people are told."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Stands(StrEnum):
    """Where it is."""

    #: it does not run: nobody looked, or nobody did for long
    RESTING = "resting"
    STARTING = "starting"
    READY = "ready"
    #: it ended, or did not begin; the next visit after `again` seconds starts it again
    FAILED = "failed"
    #: as many as may run are in use
    FULL = "full"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    stands: Stands = Stands.RESTING
    #: what it does, or why it does not run, in a sentence without an end
    said: str = ""
    #: the last lines of what it printed; an agent's words
    log: tuple[str, ...] = ()
    #: how often in a row it ended by itself
    failures: int = 0
    #: why it ended the last time, where it is being started again
    before: str = ""
    #: seconds until a visit starts it again
    again: float = 0.0
    #: where it takes connections, while it is ready
    socket: Path | None = None
