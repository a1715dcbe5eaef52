"""A forge's own machines in memory: checks that tests set, and deployments that end when a test says so."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from honk.domain.deployment import RemoteDeployment, RemoteRelease, RemoteState
from honk.domain.merge_queue import Grouped, QueueEntry
from honk.domain.remote_check import Annotation, CheckState, RemoteArtifact, RemoteCheck, RemoteChecks
from honk.domain.repository import Repository, Sha
from honk.domain.verdict import Verdict
from honk.errors import ForgeRefused


@dataclass
class FakeCi:
    """See `Ci`. Nothing is watched until a test says so."""

    on: bool = False
    demanded: tuple[str, ...] = ()
    #: by commit and name
    runs: dict[tuple[Sha, str], RemoteCheck] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    reported: dict[str, Verdict] = field(default_factory=dict)
    #: what waits in each branch's merge queue, and what was said at the commits that it made
    waiting: dict[str, list[QueueEntry]] = field(default_factory=dict)
    grouped: dict[Sha, tuple[Grouped, ...]] = field(default_factory=dict)
    #: commits at which nothing can be said
    refuses: set[Sha] = field(default_factory=set)
    kept: dict[Sha, dict[str, bytes]] = field(default_factory=dict)

    def says(self, commit: Sha, name: str, state: CheckState, log: str = "") -> None:
        """The check's latest run on the commit."""
        check = RemoteCheck(name=name, state=state, id=f"{name}@{commit}", url=f"https://ci/{name}", by="ci")
        self.runs[commit, name] = check
        self.logs[check.id] = log

    async def watches(self, repository: Repository) -> bool:
        return self.on

    async def required(self, repository: Repository, branch: str) -> tuple[str, ...]:
        return self.demanded

    async def checks(self, repository: Repository, head: Sha, *, base: Sha | None = None) -> RemoteChecks:
        red = {name for (at, name), one in self.runs.items() if at == base and one.state is CheckState.FAILED}
        found = [one for (at, _), one in self.runs.items() if at == head]
        return RemoteChecks(
            head=head,
            checks=tuple(
                replace(one, failing_before=one.state is CheckState.FAILED and one.name in red) for one in found
            ),
        )

    async def log(self, repository: Repository, check: RemoteCheck) -> str:
        return self.logs.get(check.id, "")

    async def report(
        self, repository: Repository, head: Sha, verdict: Verdict, *, key: str, annotations: tuple[Annotation, ...] = ()
    ) -> None:
        self.reported[key] = verdict

    async def queue(self, repository: Repository, base: str) -> tuple[QueueEntry, ...]:
        return tuple(self.waiting.get(base, ()))

    async def report_group(self, repository: Repository, commit: Sha, held: tuple[Grouped, ...]) -> None:
        if commit in self.refuses:
            raise ForgeRefused(f"there is no commit {commit[:12]}")
        self.grouped[commit] = held

    async def artifacts(self, repository: Repository, head: Sha) -> tuple[RemoteArtifact, ...]:
        return tuple(
            RemoteArtifact(id=f"{head}/{name}", name=name, size=len(content), head=head)
            for name, content in self.kept.get(head, {}).items()
        )

    async def download(self, repository: Repository, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        content = self.kept[artifact.head][artifact.name]
        if len(content) > limit:
            raise ForgeRefused(f"the artifact {artifact.name} is larger than {limit} bytes")
        into.write_bytes(content)


@dataclass
class FakeDeployer:
    """See `Deployer`. What it was asked for, and how far that has come."""

    releases: dict[str, RemoteRelease] = field(default_factory=dict)
    states: dict[str, RemoteDeployment] = field(default_factory=dict)

    def says(self, id: str, state: RemoteState, detail: str = "", url: str = "") -> None:
        """How far it is from now on."""
        self.states[id] = RemoteDeployment(id=f"run-{id}", state=state, detail=detail, url=url)

    async def start(self, repository: Repository, release: RemoteRelease) -> RemoteDeployment:
        self.releases.setdefault(release.id, release)
        return self.states.setdefault(release.id, RemoteDeployment(id=f"run-{release.id}", state=RemoteState.RUNNING))

    async def look(self, repository: Repository, release: RemoteRelease, id: str) -> RemoteDeployment:
        assert id == f"run-{release.id}"
        return self.states[release.id]


@dataclass
class FakeLooker:
    """See `Looker`."""

    #: why what is live is not healthy; "" while it is
    trouble: str = ""
    #: what was looked at
    looked: list[str] = field(default_factory=list)

    async def look(self, url: str) -> str:
        self.looked.append(url)
        return self.trouble
