"""What a forge's checks say of a commit: the repository's own CI, and whoever else reports there."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from honk.domain.repository import Sha

#: How the id of a message begins with which failing checks send the work back, or a base that has moved.
CHECKS = "checks/"
MOVED_BASE = "base/"
#: Such messages are nobody's own words, and no part of what is asked for.
NOT_SAID = (CHECKS, MOVED_BASE)


class CheckState(StrEnum):
    """How far one check has come."""

    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    #: it ended without an opinion: neutral, skipped
    SKIPPED = "skipped"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteCheck:
    """One check on one commit, in its latest run."""

    name: str
    state: CheckState
    #: the forge's own id of it, by which its log is found; "" where it has none
    id: str = ""
    #: where people read about it
    url: str = ""
    #: one sentence by whoever reports it; untrusted
    summary: str = ""
    #: who reports it, such as "github-actions"
    by: str = ""
    #: it was red on the base already, so it does not count against the change
    failing_before: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteChecks:
    """Every check on a commit."""

    head: Sha
    checks: tuple[RemoteCheck, ...] = ()

    def running(self) -> tuple[RemoteCheck, ...]:
        """Those that have not answered."""
        return tuple(one for one in self.checks if one.state is CheckState.RUNNING)

    def failed(self) -> tuple[RemoteCheck, ...]:
        """Those that are red, and were not red on the base."""
        return tuple(one for one in self.checks if one.state is CheckState.FAILED and not one.failing_before)

    def named(self, names: Iterable[str]) -> tuple[RemoteCheck, ...]:
        """Those with these names."""
        wanted = frozenset(names)
        return tuple(one for one in self.checks if one.name in wanted)


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """A sentence about a line of a file, to be shown beside it."""

    path: str
    #: from 1
    line: int
    text: str
    #: "failure" or "warning"
    level: str = "failure"


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteArtifact:
    """A file that a run of the CI kept."""

    id: str
    name: str
    #: bytes of the archive
    size: int
    head: Sha
    #: such as "sha256:…"; "" where the forge does not say
    digest: str = ""
