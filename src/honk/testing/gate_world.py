"""A repository on disk, its mirror, real sandboxes, and the gate on them.

Real: git, bubblewrap, the broker, the programs of the repository. In memory: records and artifacts.
"""

import hashlib
import os
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from honk.adapters.broker import NetworkRules, SocketBroker
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.workspaces import GitWorkspaces
from honk.checks.gate import LocalGate
from honk.domain.attempt import Change
from honk.domain.event import EventData
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import TaskId
from honk.domain.verdict import Finding, Verdict
from honk.ports import Artifacts, Exam, Records, Registries


class Kept:
    """Records and artifacts, as far as the gate uses them."""

    def __init__(self) -> None:
        self.findings: dict[str, str] = {}
        self.contents: dict[str, bytes] = {}

    async def cached(self, key: str) -> str | None:
        return self.findings.get(key)

    async def cache(self, key: str, value: str) -> None:
        self.findings[key] = value

    async def put(self, content: bytes | Path) -> str:
        data = content if isinstance(content, bytes) else content.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        self.contents[digest] = data
        return digest

    async def get(self, digest: str) -> bytes:
        return self.contents[digest]


class GateWorld:
    def __init__(self, folder: Path, *, registries: Registries | None = None) -> None:
        self.folder = folder
        self.origin = folder / "origin"
        self.kept = Kept()
        self.events: list[EventData] = []
        home = folder / "home"
        self.sandboxes = Bubblewrap(home)
        self.repositories = GitRepositories(home, self.sandboxes, operator={"PATH": os.defpath, "HOME": str(folder)})
        self.workspaces = GitWorkspaces(self.repositories)
        self.broker = SocketBroker(home / "run", None, NetworkRules(), own=self.sandboxes.own)
        self.gate = LocalGate(
            repositories=self.repositories,
            workspaces=self.workspaces,
            sandboxes=self.sandboxes,
            broker=self.broker,
            records=cast(Records, self.kept),
            artifacts=cast(Artifacts, self.kept),
            registries=registries or Registries(),
            home=home,
            clock=lambda: datetime.now(UTC),
        )
        self.origin.mkdir()
        self._git("init", "-q", "-b", "main")

    def _git(self, *arguments: str) -> str:
        environment = {
            **{"PATH": os.defpath, "HOME": str(self.folder), "GIT_CONFIG_NOSYSTEM": "1"},
            **{
                f"GIT_{who}_{what}": f"{who}@example.org"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
        }
        ran = subprocess.run(("git", *arguments), cwd=self.origin, env=environment, capture_output=True, check=True)
        return ran.stdout.decode().strip()

    def commit(self, files: Mapping[str, str | None], branch: str = "main") -> str:
        """Files to write, or None to remove, committed on the branch (a new one begins at main)."""
        if branch != "main":
            self._git("checkout", "-q", "-B", branch, "main")
        for name, content in files.items():
            place = self.origin / name
            if content is None:
                place.unlink()
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(content)
                if content.startswith("#!"):
                    place.chmod(0o755)
        self._git("add", "-A")
        self._git("commit", "-q", "--allow-empty", "-m", "work")
        commit = self._git("rev-parse", "HEAD")
        self._git("checkout", "-q", "main")
        return commit

    async def tell(self, event: EventData) -> None:
        self.events.append(event)

    async def repository(self) -> tuple[Repository, Base]:
        repository = self.repositories.identify(str(self.origin))
        await self.repositories.refresh(repository, self.tell)
        return repository, await self.repositories.base(repository, None)

    async def exam(self, files: Mapping[str, str | None] | None, instruction: str = "", *verify: str) -> Exam:
        """An exam of main, or of these files changed on top of it."""
        commit = self.commit(files, "change") if files is not None else None
        repository, base = await self.repository()
        change = None
        if commit is not None:
            sha = Sha(commit)
            change = Change(
                base=base.commit,
                parent=base.commit,
                commit=sha,
                tree=await self.repositories.tree(repository, sha),
                files=await self.repositories.changes(repository, base.commit, sha),
            )
        return Exam(
            task=TaskId("task-1"),
            repository=repository,
            base=base,
            change=change,
            instruction=instruction,
            verify=verify,
            on="change" if change else "base",
        )

    async def verify(self, files: Mapping[str, str | None], instruction: str = "", *verify: str) -> Verdict:
        verdict = await self.gate.verify(await self.exam(files, instruction, *verify), self.tell)
        assert verdict is not None
        return verdict

    async def baseline(self, *verify: str) -> Verdict:
        return await self.gate.baseline(await self.exam(None, "", *verify), self.tell)


def finding(verdict: Verdict, name: str) -> Finding:
    found = [one for one in verdict.findings if one.verifier == name]
    assert found, [one.verifier for one in verdict.findings]
    return found[0]
