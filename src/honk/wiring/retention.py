"""What is kept, and for how long: carried out daily by a server, and by `honk gc`."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import anyio
import structlog

from honk.adapters.dbos import DbosJournal
from honk.adapters.files import FileArtifacts
from honk.adapters.git.pruning import prune, prune_refs
from honk.adapters.git.repositories import GitRepositories
from honk.checks.gate import LocalGate
from honk.domain.task import State
from honk.errors import HonkError, single
from honk.ports import Chats, Ports
from honk.settings.file import RetentionSettings
from honk.steps.forget import forget_artifacts, forget_transcript

_log = structlog.get_logger()
_DAY = 24 * 3600.0
_ALL = 1_000_000
_LANDED = frozenset({State.MERGED, State.DEPLOYED})
#: Of other tasks the mirror may hold the only copy of some work.
_OVER = _LANDED | {State.FAILED}
#: These may be gone on with for some days.
_GIVEN_UP = frozenset({State.STOPPED, State.FAILED})
#: No chat delivers anything again after so long, and nobody presses what was offered below a request.
_DELIVERED = timedelta(days=14)
#: An upload of which nothing was heard for so long was given up.
_UPLOADED = timedelta(days=1)
#: seconds after a server's start: it has more urgent things to do then
_FIRST = 600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Retention:
    """Deletes what is older than the settings say."""

    ports: Ports
    journal: DbosJournal
    artifacts: FileArtifacts
    settings: RetentionSettings
    home: Path
    gate: LocalGate
    repositories: GitRepositories
    chats: Chats
    #: waits for so many seconds
    pause: Callable[[float], Awaitable[None]] = anyio.sleep

    async def sweep(self) -> int:
        """Returns the bytes of artifacts and mirrors that were freed. What is live or at work is never touched."""
        now, wanted = self.ports.clock(), self.settings
        freed = await self.artifacts.sweep() + await self.ports.uploads.sweep(now - _UPLOADED)
        await self.chats.deliveries.forget(now - _DELIVERED)
        if before := _before(now, wanted.transcripts_days):
            for task in await self.ports.tasks.resting(before):
                await forget_transcript(task, f"at rest for {wanted.transcripts_days:g} days", ports=self.ports)
        if before := _before(now, wanted.artifacts_days):
            old = {task.id: task for task in await self.ports.tasks.resting(before)}
            reason = f"at rest for {wanted.artifacts_days:g} days"
            freed += await forget_artifacts(old, reason, ports=self.ports)
            named = frozenset(await self.ports.records.named()) | await self.ports.records.in_use()
            freed += await self.artifacts.sweep_unnamed(named, before)
        if before := _before(now, wanted.journal_days):
            while await self.journal.forget_finished(before):
                pass
        if before := _before(now, wanted.mirrors_days):
            freed += await self._mirrors(now, before)
        return freed

    async def collect(self, days: float) -> int:
        """The same now, and more: workspaces of finished tasks and of those given up `days` ago, expired
        environments, former releases. Returns the bytes that were freed.
        """
        tasks = await self.ports.tasks.list(limit=_ALL)
        gone = {task.id for task in tasks if task.state in _LANDED}
        old = self.ports.clock() - timedelta(days=days)
        for task in tasks:
            if task.state in _GIVEN_UP:
                events = await self.ports.events.read(task.id)
                gone |= {task.id} if max((e.at for e in events), default=task.created_at) < old else set()
        freed = await self.ports.workspaces.collect(frozenset(task.id for task in tasks if task.id not in gone))
        await self.gate.collect()
        for current in self.home.glob("production/*/*/current"):
            for release in (current.parent / "releases").iterdir():
                if release != current.resolve():
                    shutil.rmtree(release, ignore_errors=True)
        return freed + await self.sweep()

    async def _mirrors(self, now: datetime, before: datetime) -> int:
        """Mirrors of repositories all of whose tasks are over, and of which nothing was heard since.

        Of those that are used, what they keep of tasks that landed before.
        """
        rested = await self.ports.tasks.resting(before)
        resting = {task.id for task in rested}
        await prune_refs(self.repositories.mirrors, [task for task in rested if task.state in _LANDED])
        tasks = await self.ports.tasks.list(limit=_ALL)
        used = {task.repository.key for task in tasks if task.id not in resting or task.state not in _OVER}
        return await anyio.to_thread.run_sync(prune, self.home, frozenset(used), before.timestamp())

    @asynccontextmanager
    async def daily(self) -> AsyncIterator[None]:
        """Sweeps once a day while the context is open. What goes wrong is logged, and tried again the next day."""
        with single():
            async with anyio.create_task_group() as group:
                group.start_soon(self._daily)
                yield
                group.cancel_scope.cancel()

    async def _daily(self) -> None:
        await self.pause(_FIRST)
        while True:
            try:
                freed = await self.sweep()
                _log.info("old transcripts, artifacts and records were deleted", freed_bytes=freed)
            except (HonkError, OSError) as exc:
                _log.error("retention could not be carried out", reason=str(exc))
            await self.pause(_DAY)


def _before(now: datetime, days: float) -> datetime | None:
    """The moment before which it is too old; None keeps it for ever."""
    return now - timedelta(days=days) if days else None
