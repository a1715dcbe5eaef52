"""Real git repositories in a temporary folder: what a person would point Honk at."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.workspaces import GitWorkspaces
from honk.domain.attempt import Change
from honk.domain.event import EventData
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.ports import Box, Ran, Sandboxes

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"), ("DATE", "2026-11-20T08:00:00Z"))
}


@dataclass
class GitWorld:
    """`root` has the person's repositories and, in `honk`, Honk's home."""

    root: Path
    sandboxes: Sandboxes
    #: what Honk told while it fetched
    told: list[EventData] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "person").mkdir(parents=True, exist_ok=True)
        self.environment = {
            **_WHO,
            "PATH": os.defpath,
            "HOME": str(self.root / "person"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_ALLOW_PROTOCOL": "file:http",
        }
        self.home = self.root / "honk"
        self.repositories = GitRepositories(self.home, self.sandboxes, operator=self.environment)
        self.workspaces = GitWorkspaces(self.repositories)

    def git(self, folder: Path, *argv: str, stdin: bytes | None = None, check: bool = True) -> str:
        """Runs git as the person."""
        done = subprocess.run(
            ["git", "-C", str(folder), *argv], env=self.environment, input=stdin, capture_output=True, check=False
        )
        if check and done.returncode != 0:
            raise AssertionError(f"git {argv}: {done.stderr.decode('utf-8', 'replace')}")
        return os.fsdecode(done.stdout).strip()

    def make(self, name: str = "music", files: Mapping[str, str | bytes] | None = None) -> Path:
        """A repository with one commit on `main`; `files` without any gives an empty one."""
        folder = self.root / name
        folder.mkdir(parents=True)
        self.git(folder, "init", "--quiet", "-b", "main")
        given = {"README.md": "Music\n", "src/play.py": "def play(): return 1\n"} if files is None else files
        if given:
            self.commit(folder, given)
        return folder

    def make_bare(self, name: str = "music.git", files: Mapping[str, str | bytes] | None = None) -> Path:
        """The same without a work tree."""
        folder = self.root / name
        self.git(self.root, "clone", "--quiet", "--bare", str(self.make(f"{name}-source", files)), str(folder))
        return folder

    def commit(self, folder: Path, files: Mapping[str, str | bytes | None], message: str = "Change") -> Sha:
        """Writes (None: removes) the files and commits everything."""
        for path, content in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                file.unlink()
            else:
                file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git(folder, "add", "--all")
        self.git(folder, "commit", "--quiet", "--allow-empty", "-m", message)
        return self.tip(folder)

    def commit_to_bare(self, bare: Path, files: Mapping[str, str | bytes | None], branch: str = "main") -> Sha:
        """Somebody pushes to a bare repository."""
        clone = self.root / f"clone-{len(list(self.root.iterdir()))}"
        self.git(self.root, "clone", "--quiet", "-b", branch, str(bare), str(clone))
        made = self.commit(clone, files, "Meanwhile")
        self.git(clone, "push", "--quiet", "origin", f"HEAD:{branch}")
        return made

    def tip(self, folder: Path, name: str = "HEAD") -> Sha:
        return Sha(self.git(folder, "rev-parse", "--verify", name))

    async def tell(self, data: EventData) -> None:
        self.told.append(data)

    async def fetched(self, folder: Path | str) -> tuple[Repository, Base]:
        """The repository, refreshed, and its default base."""
        repository = self.repositories.identify(str(folder))
        await self.repositories.refresh(repository, self.tell)
        return repository, await self.repositories.base(repository, None)

    async def opened(self, folder: Path | str, task: str = "t1") -> Workspace:
        repository, base = await self.fetched(folder)
        return await self.workspaces.open(TaskId(task), repository, base)

    async def inside(self, workspace: Workspace, script: str) -> Ran:
        """A shell script in the workspace, as the agent could run it."""
        async with self.sandboxes.open(self.box(workspace)) as sandbox:
            return await sandbox.run(("sh", "-ec", script), seconds=60)

    async def take(self, workspace: Workspace, parent: Sha | None = None, message: str = "Fix it") -> Change:
        async with self.sandboxes.open(self.box(workspace)) as sandbox:
            return await self.workspaces.take(
                workspace, sandbox, parent=parent or workspace.base.commit, message=message, at=NOON
            )

    def box(self, workspace: Workspace) -> Box:
        return Box(workspace=Path(workspace.path), mounts=self.workspaces.mounts(workspace))

    def mirror(self, repository: Repository) -> Path:
        return self.repositories.layout.mirror(repository)
