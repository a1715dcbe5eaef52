"""What workflow runs keep: found by the commit, fetched as a zip.

https://docs.github.com/en/rest/actions/artifacts
"""

import hashlib
from datetime import datetime
from pathlib import Path

import anyio

from honk.adapters.github.api import Api
from honk.adapters.github.check_runs import WorkflowRun
from honk.adapters.github.reading import Shape, Text, every
from honk.adapters.github.trouble import Absent
from honk.domain.remote_check import RemoteArtifact
from honk.domain.repository import Sha
from honk.errors import ForgeRefused

#: How many runs of one commit are looked through, the newest first.
_RUNS = 100


class Artifact(Shape):
    id: int
    name: str
    size_in_bytes: int = 0
    expired: bool = False
    digest: Text = ""
    created_at: datetime | None = None


class Shelf:
    """Artifacts of GitHub Actions."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def list(self, of: str, head: Sha) -> tuple[RemoteArtifact, ...]:
        runs = await self._api.pages(
            f"/repos/{of}/actions/runs", of=of, params={"head_sha": head}, limit=_RUNS, key="workflow_runs"
        )
        found: list[tuple[datetime | None, int, Artifact]] = []
        for run in every(WorkflowRun, runs, "the workflow runs"):
            listed = await self._api.pages(f"/repos/{of}/actions/runs/{run.id}/artifacts", of=of, key="artifacts")
            found += [(one.created_at or run.created_at, one.id, one) for one in every(Artifact, listed, "artifacts")]
        found.sort(key=lambda one: one[:2], reverse=True)
        return tuple(
            RemoteArtifact(id=str(one.id), name=one.name, size=one.size_in_bytes, head=head, digest=one.digest)
            for _, _, one in found
            if not one.expired
        )

    async def take(self, of: str, artifact: RemoteArtifact, into: Path, *, limit: int) -> None:
        """Writes the zip, and holds it against the digest where GitHub gave one. Raises ForgeRefused."""
        if artifact.size > limit:
            raise ForgeRefused(
                f'the artifact "{artifact.name}" of {of} has {artifact.size} bytes; at most {limit} are taken',
                "have the workflow keep only what people need",
            )
        try:
            await self._api.download(f"/repos/{of}/actions/artifacts/{artifact.id}/zip", into, of=of, limit=limit)
        except Absent as gone:
            raise ForgeRefused(
                f'GitHub has the artifact "{artifact.name}" of {of} no more', "run the workflow again, to make it anew"
            ) from gone
        kind, _, digest = artifact.digest.partition(":")
        if kind == "sha256" and await anyio.to_thread.run_sync(_sha256, into) != digest.lower():
            into.unlink(missing_ok=True)
            raise ForgeRefused(
                f'the artifact "{artifact.name}" of {of} is not the one that was kept: its digest differs'
            )


def _sha256(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
