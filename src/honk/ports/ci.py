"""A forge's own machines: the checks that run on a commit, what they keep, and deployments that they carry out."""

from pathlib import Path
from typing import Protocol

from honk.domain.deployment import RemoteDeployment, RemoteRelease
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.remote_check import Annotation, RemoteArtifact, RemoteCheck, RemoteChecks
from honk.domain.repository import Repository, Sha
from honk.domain.verdict import Verdict
from honk.errors import ForgeRefused


class Ci(Protocol):
    """Checks of commits, at the repository's forge. Raises Unreachable, ForgeRefused."""

    async def watches(self, repository: Repository) -> bool:
        """Whether the repository's forge can be asked at all; the other methods are for those where it can."""

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        """Names of the checks that the forge demands before anything is merged into that branch."""

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        """Every check on that commit in its latest run, Honk's own left out.

        What is red on `base` as well is said to have failed before.
        """

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        """What a failed check printed: of its failing steps, where they are known, at most 1 MB from the end.

        "" where there is no log. It is untrusted.
        """

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        """Shows the verdict at that commit as a check of Honk's own. The same key again: it is brought up to date."""

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        """What waits in the merge queue of that branch, the next one first; nothing where it has none."""

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        """Shows at a commit that a merge queue made what Honk says of its own in it, `held`; for the same commit again,
        it is brought up to date. Where nothing is Honk's, the check neither passes nor fails, and stops no merge.
        """

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        """What the runs on that commit kept and still have, newest first."""

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        """Writes the artifact's archive (zip) to that file. Raises ForgeRefused for one of more bytes than `limit`."""


class Deployer(Protocol):
    """Deployments that a forge, or a webhook's target, carries out. Raises Unreachable, ForgeRefused."""

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        """Begins it, or finds what an earlier, cut-off call began; never twice."""

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        """How far it has come."""


class NoCi:
    """For repositories of which the forge runs no checks."""

    async def watches(self, repository: Repository) -> bool:
        return False

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        return ()

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        return RemoteChecks(head=head)

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        return ""

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        return

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        return ()

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        return

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        return ()

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        raise ForgeRefused(f"{repository.url} has no CI")


class NoDeployer:
    """For repositories of which the forge deploys nothing."""

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        raise ForgeRefused(
            f"{repository.url} is on no forge that deploys", "give [deploy] a command in place of a workflow"
        )

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        raise ForgeRefused(f"{repository.url} is on no forge that deploys")
