"""Which forge a repository lies at: GitHub's or GitLab's where Honk gets in there, else whatever git reaches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from honk.domain.deployment import RemoteDeployment, RemoteRelease
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod, MergeResult, Published, PullRequest, Refused
from honk.domain.remote_check import Annotation, RemoteArtifact, RemoteCheck, RemoteChecks
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.verdict import Verdict
from honk.ports import Ci, Credential, Credentials, Deployer, Forge, NoCi, NoDeployer


@dataclass(frozen=True, kw_only=True)
class Site:
    """One forge, and the repositories that lie there."""

    has: Callable[[Repository], bool]
    forge: Forge
    ci: Ci = NoCi()
    deployer: Deployer = NoDeployer()


class Sites:
    """Every forge; the first that has a repository is its forge, and the last one has all the others."""

    def __init__(self, sites: Sequence[Site], otherwise: Forge) -> None:
        self._sites = (*sites, Site(has=lambda _: True, forge=otherwise))

    def of(self, repository: Repository) -> Site:
        """Always the same for one address."""
        return next(site for site in self._sites if site.has(repository))


class RoutedForge:
    """Implements honk.ports.Forge: each repository's own."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def _of(self, repository: Repository) -> Forge:
        return self._sites.of(repository).forge

    async def publish(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> Published:
        return await self._of(repository).publish(repository, branch, commit, over=over)

    async def find(self, repository: Repository, task: TaskId) -> PullRequest | None:
        return await self._of(repository).find(repository, task)

    async def open(self, repository: Repository, pull_request: PullRequest, *, by: Person | None = None) -> PullRequest:
        return await self._of(repository).open(repository, pull_request, by=by)

    async def update(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        return await self._of(repository).update(repository, pull_request)

    async def comment(self, repository: Repository, pull_request: PullRequest, text: str, key: str) -> None:
        await self._of(repository).comment(repository, pull_request, text, key)

    async def approve(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, by: Person, text: str, key: str
    ) -> None:
        await self._of(repository).approve(repository, pull_request, head=head, by=by, text=text, key=key)

    async def merge(
        self, repository: Repository, pull_request: PullRequest, *, head: Sha, method: MergeMethod, message: str
    ) -> MergeResult:
        return await self._of(repository).merge(repository, pull_request, head=head, method=method, message=message)

    async def obstacle(
        self, repository: Repository, pull_request: PullRequest, *, method: MergeMethod
    ) -> Refused | None:
        return await self._of(repository).obstacle(repository, pull_request, method=method)

    async def source(self, repository: Repository, branch: str) -> str | None:
        return await self._of(repository).source(repository, branch)

    async def close(self, repository: Repository, pull_request: PullRequest) -> PullRequest:
        return await self._of(repository).close(repository, pull_request)


class RoutedCi:
    """Implements honk.ports.Ci: each repository's own."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    def _of(self, repository: Repository) -> Ci:
        return self._sites.of(repository).ci

    async def watches(self, repository: Repository) -> bool:
        return await self._of(repository).watches(repository)

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        return await self._of(repository).required(repository, branch)

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        return await self._of(repository).checks(repository, head, base=base)

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        return await self._of(repository).log(repository, check)

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        await self._of(repository).report(repository, head, verdict, key=key, annotations=annotations)

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        return await self._of(repository).queue(repository, base)

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        await self._of(repository).report_group(repository, commit, held)

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        return await self._of(repository).artifacts(repository, head)

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        await self._of(repository).download(repository, artifact, into, limit=limit)


class RoutedDeployer:
    """Implements honk.ports.Deployer: each repository's own."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        return await self._sites.of(repository).deployer.start(repository, release)

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        return await self._sites.of(repository).deployer.look(repository, release, id)


class RoutedCredentials:
    """Implements honk.ports.Credentials: those of the first that has any for the repository."""

    def __init__(self, several: Sequence[Credentials]) -> None:
        self._several = tuple(several)
        #: by whom each was lent, until it is returned
        self._lent: dict[int, tuple[Credential, Credentials]] = {}

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        for one in self._several:
            if (credential := await one.lent(repository, writes=writes)) is not None:
                self._lent[id(credential)] = (credential, one)
                return credential
        return None

    async def returned(self, credential: Credential) -> None:
        kept = self._lent.pop(id(credential), None)
        if kept is not None:
            await kept[1].returned(credential)
