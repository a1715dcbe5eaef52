"""Everything that can go wrong, sorted by who must act.

    HonkError
    ├── Usage                 the person who typed: what was asked makes no sense (exit 2)
    │   ├── Unknown             what was named does not exist
    │   ├── TooLarge            a file is larger than is taken
    │   └── NotNow              it makes no sense in the state in which the task is
    ├── Retryable             nobody: the journal tries again
    │   ├── Unreachable         a server did not answer
    │   ├── Busy                a server's limit: the work is paused until then
    │   ├── SandboxDied         somebody killed a sandbox, or the agent in it
    │   └── MachineInTrouble    this machine: the work is paused, and goes on by itself
    │       ├── DiskFull          no room to write
    │       ├── OutOfMemory       a sandbox needed more memory than it may have
    │       └── StoreUnavailable  the database is locked or down
    ├── NeedsHuman            a person: the task keeps its work and says what to do
    │   ├── NotAllowed          the policy, or the access token, says no
    │   ├── RepositoryUnusable  no such repository, no rights, empty, no such branch
    │   ├── SettingsWrong       honk.toml or .honk.toml: file, line, remedy
    │   ├── SandboxUnusable     the walls cannot be built on this machine
    │   ├── ModelRefused        the model's server refused the key or the account
    │   ├── HandBackRefused     what the agent made may not be taken over
    │   ├── ForgeRefused        the forge said no, and why
    │   └── LimitReached        money, calls, time or disk
    ├── Stopped               nobody: a person asked for it
    └── Defect                whoever maintains Honk: this cannot happen

Facts travel as attributes, so that a door can show them and a journal can store them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime


class HonkError(Exception):
    """Base of every error that Honk raises on purpose.

    `message` says what went wrong and where; `remedy` says what to do next and may be empty.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class Usage(HonkError):
    """The request itself makes no sense; nothing was begun."""


class Unknown(Usage):
    """What was named does not exist."""


class TooLarge(Usage):
    """A file is larger than is taken."""


class NotNow(Usage):
    """It makes no sense in the state in which the task is; it may later."""


class Retryable(HonkError):
    """May pass by itself; the journal tries again."""


class Unreachable(Retryable):
    """A server did not answer."""


class Busy(Retryable):
    """A server takes nothing more from Honk before the moment `until`; the work is paused as long."""

    def __init__(self, until: datetime, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (until, message, remedy)
        self.until = until


class SandboxDied(Retryable):
    """A sandbox, or the agent in it, was killed from outside; what it left on disk is kept."""


class MachineInTrouble(Retryable):
    """This machine cannot do it now. The work is paused with the reason, and goes on when it is over."""

    #: as in the event `work.paused`
    cause = "machine"


class DiskFull(MachineInTrouble):
    """There was no room to write."""

    cause = "disk"


class OutOfMemory(MachineInTrouble):
    """The kernel ended a sandbox's command for want of memory. `limit` is in bytes."""

    cause = "memory"

    def __init__(self, limit: int, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (limit, message, remedy)
        self.limit = limit


class StoreUnavailable(MachineInTrouble):
    """The database is locked by another program, or down."""

    cause = "database"


class NeedsHuman(HonkError):
    """Only a person can go on; the work so far is kept."""


class NotAllowed(NeedsHuman):
    """The policy says that this person may not, or the access token is not for this."""


class RepositoryUnusable(NeedsHuman):
    """No such repository, no rights, empty, an unborn or unknown branch."""


class SettingsWrong(NeedsHuman):
    """A configuration file with an error; the message names file and line."""


class SandboxUnusable(NeedsHuman):
    """The sandbox cannot be built on this machine."""


class ModelRefused(NeedsHuman):
    """The model's server refused the key, the account or the request for good."""


class HandBackRefused(NeedsHuman):
    """What the agent made may not be taken into the mirror."""


class ForgeRefused(NeedsHuman):
    """The forge, or the target repository, said no."""


class LimitReached(NeedsHuman):
    """A limit ended the work. `kind` is "money", "calls", "time" or "disk"."""

    def __init__(self, kind: str, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.args = (kind, message, remedy)
        self.kind = kind


class Stopped(HonkError):
    """A person stopped the task."""


class Defect(HonkError):
    """Honk itself is wrong."""


def first(error: BaseException) -> BaseException:
    """The first error within exception groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


@contextmanager
def single() -> Iterator[None]:
    """Raises the only error of an exception group by itself, as if no task group had been there."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from group.exceptions[0].__cause__
        raise
