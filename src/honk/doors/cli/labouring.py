"""What a worker does with a job: fetch what it needs, do it, tell how it goes, and bring back what came of it.

The job and how far it has come are kept on the disk before anything begins. So a worker that was killed knows what it
was at: compiling and signing begin again, and of a deployment it is asked first whether it is live.
"""

import hashlib
import shutil
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio.to_thread import run_sync

from honk.domain.codec import dump, load
from honk.domain.remote_job import JobKind, JobState, RemoteJob
from honk.domain.upload import UploadState
from honk.doors.cli.output import Output
from honk.errors import Defect, HonkError, NotNow, Retryable, TooLarge, Unknown, single
from honk.ports import Bench
from honk.service.uploads import UploadShown
from honk.service.working import JobEnded, WorkWanted

if TYPE_CHECKING:
    from honk.doors.cli.labour import Workbench

#: seconds between two signs of life, and between two pieces of what a job prints
_BEAT, _PIECE_OF_LOG = 10.0, 0.5
#: characters of one piece; lines that wait beyond that are left out, the oldest first
_MOST, _LINES = 32 << 10, 400
#: bytes of one request of an upload
_REQUEST, _READ = 16 << 20, 256 << 10
#: seconds for which an upload may make no progress, and between two tries of anything
_PATIENCE, _PAUSE = 600.0, 2.0


class Server(Protocol):
    """What a worker asks of the server; honk.doors.cli.remote.Remote does it."""

    async def claim(self, wanted: WorkWanted) -> RemoteJob | None: ...
    async def beat(self, job: RemoteJob) -> None: ...
    async def begin_job(self, job: RemoteJob) -> None: ...
    async def printed(self, job: RemoteJob, text: str) -> None: ...
    async def end_job(self, job: RemoteJob, ended: JobEnded) -> None: ...
    async def fetch(self, job: RemoteJob, what: str, into: Path) -> None: ...
    async def begin_job_upload(self, job: RemoteJob, name: str, size: int, digest: str) -> UploadShown: ...
    async def upload(self, id: str) -> UploadShown: ...
    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown: ...


class Desk:
    """What a worker is at, on its disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def room(self) -> Path:
        """A folder for the job's files."""
        return self._folder / "room"

    def left(self) -> RemoteJob | None:
        """The job that an earlier process was at."""
        with suppress(OSError, Defect):
            return load(RemoteJob, (self._folder / "job.json").read_text(encoding="utf-8"))
        return None

    def begun(self) -> bool:
        """Whether its command may have begun."""
        return (self._folder / "begun").exists()

    def ended(self) -> JobEnded | None:
        """How it ended, if that is known."""
        with suppress(OSError, Defect):
            return load(JobEnded, (self._folder / "ended.json").read_text(encoding="utf-8"))
        return None

    def take(self, job: RemoteJob) -> None:
        """From now on it is at this job."""
        self.clear()
        self._write("job.json", dump(RemoteJob, job))

    def begin(self) -> None:
        """From now on its command may have begun."""
        self._write("begun", "")

    def end(self, ended: JobEnded) -> None:
        """It ended so, whether the server knows it or not."""
        self._write("ended.json", dump(JobEnded, ended))

    def empty(self) -> Path:
        """The folder for its files, empty."""
        _removed(self.room)
        self.room.mkdir(mode=0o711)
        return self.room

    def clear(self) -> None:
        """It is at nothing."""
        for name in ("job.json", "begun", "ended.json"):
            (self._folder / name).unlink(missing_ok=True)
        _removed(self.room)

    def _write(self, name: str, text: str) -> None:
        arriving = self._folder / f"{name}.new"
        arriving.write_text(text, encoding="utf-8")
        arriving.chmod(0o600)
        arriving.replace(self._folder / name)


class Labour:
    """One worker."""

    def __init__(self, server: Server, bench: "Workbench", desk: Desk, wanted: WorkWanted, out: Output) -> None:
        self._server = server
        self._bench = bench
        self._desk = desk
        self._wanted = wanted
        self._out = out
        self._lines: deque[str] = deque(maxlen=_LINES)

    async def work(self, *, once: bool = False) -> None:
        """Until it is cancelled; with `once`, until nothing waits. Raises what is wrong with token or labels."""
        if (left := self._desk.left()) is not None:
            self._out.line(f"goes on with {left.kind} {left.id}")
            await self._do(left, again=True)
        while True:
            try:
                job = await self._server.claim(self._wanted)
            except Retryable as error:
                self._out.line(f"no answer: {error.message}")
                await anyio.sleep(self._bench.pause)
                continue
            if job is not None:
                self._desk.take(job)
                self._out.line(f"{job.kind} {job.id} of {job.task}, {job.commit[:12]}")
                await self._do(job)
            elif once:
                return
            else:
                await anyio.sleep(self._bench.pause)

    async def _do(self, job: RemoteJob, *, again: bool = False) -> None:
        """The job is over, or somebody else's, when this returns."""
        self._lines.clear()
        lost: list[str] = []
        with single():
            await self._beside(job, lost, again=again)
        self._out.line(f"{job.kind} {job.id}: {lost[0] if lost else 'over'}")
        self._desk.clear()

    async def _beside(self, job: RemoteJob, lost: list[str], *, again: bool) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(self._live, job, group.cancel_scope, lost)
            try:
                await self._done(job, again=again)
            except (NotNow, Unknown) as error:
                lost.append(error.message)
            except HonkError as error:
                await self._say_end(job, JobEnded(state=self._broken(job), reason=error.message))
            group.cancel_scope.cancel()

    def _broken(self, job: RemoteJob) -> JobState:
        return JobState.DOUBT if job.kind is JobKind.DEPLOY and self._desk.begun() else JobState.FAILED

    async def _done(self, job: RemoteJob, *, again: bool) -> None:
        if again:
            await self._patiently_beat(job)
        if again and (ended := self._desk.ended()) is not None:
            await self._say_end(job, ended)
        elif job.kind is JobKind.DEPLOY:
            await self._deploy(job, again=again and self._desk.begun())
        else:
            room = self._desk.empty()
            made = room / "made"
            failed = await (self._build(job, room, made) if job.kind is JobKind.BUILD else self._sign(job, room, made))
            await self._printed(job)
            if failed:
                await self._say_end(job, JobEnded(state=JobState.FAILED, reason=failed))
            else:
                await self._upload(job, made)

    async def _build(self, job: RemoteJob, room: Path, made: Path) -> str:
        source = room / "source.tar"
        await self._server.fetch(job, "source", source)
        await self._server.begin_job(job)
        environment = {"HONK_COMMIT": job.commit, **dict(job.variables)}
        bench = Bench(
            source=source,
            command=job.command,
            output=job.output,
            timeout=job.timeout,
            into=made,
            room=room,
            environment=environment,
        )
        return await self._bench.workshop.build(bench, self._said)

    async def _sign(self, job: RemoteJob, room: Path, made: Path) -> str:
        unsigned = room / "unsigned"
        await self._server.fetch(job, "artifact", unsigned)
        await self._server.begin_job(job)
        return await self._bench.signer.sign(unsigned, job.form, made)

    async def _deploy(self, job: RemoteJob, *, again: bool) -> None:
        """Begun once. Cut off, its own record is asked first, then its query; and where nobody knows, a person."""
        tree, artifact, record = (self._desk.room / name for name in ("tree", "artifact", "record"))
        environment = {
            "HONK_COMMIT": job.commit,
            "HONK_ENVIRONMENT": job.environment,
            "HONK_ARTIFACT": str(artifact),
        }
        executor, code = self._bench.executor, None
        if again:
            code = await executor.follow(record, job.timeout, self._said)
            if code is None and (known := await self._queried(job, tree, environment)) is not None:
                await self._say_end(job, known)
                return
        if code is None:
            room = self._desk.empty()
            for what, folder in (("source", tree), ("artifact", artifact)):
                await self._server.fetch(job, what, room / f"{what}.tar")
                if failed := await executor.unpack(room / f"{what}.tar", folder):
                    await self._say_end(job, JobEnded(state=JobState.FAILED, reason=failed))
                    return
            await self._server.begin_job(job)
            self._desk.begin()
            await executor.begin(job.command, tree, environment, record)
            code = await executor.follow(record, job.timeout, self._said)
        ended = _ended(job, code)
        self._desk.end(ended)
        await self._printed(job)
        await self._say_end(job, ended)

    async def _queried(self, job: RemoteJob, tree: Path, environment: dict[str, str]) -> JobEnded | None:
        """What became of a deployment that was cut off; None where it is not live, and may be done again."""
        cut = f"worker {self._wanted.name} was cut off half-way"
        if not job.query:
            return JobEnded(state=JobState.DOUBT, reason=cut)
        await self._said("cut off half-way; asking whether it is live")
        code = await self._bench.executor.ask(job.query, tree, environment, job.timeout, self._said)
        if code == 1:
            return None
        if code == 0:
            return JobEnded(state=JobState.DONE, reason=f"{cut}, and it is live")
        return JobEnded(state=JobState.DOUBT, reason=f"{cut}, and the query ended with {code}")

    async def _upload(self, job: RemoteJob, made: Path) -> None:
        size = made.stat().st_size
        if not size:
            await self._say_end(job, JobEnded(state=JobState.FAILED, reason="what it made is empty"))
            return
        digest = await run_sync(_digest, made)
        moved = anyio.current_time()
        now: UploadShown | None = None
        while now is None or now.received < now.size or now.state is UploadState.RECEIVING:
            try:
                name = f"{job.commit[:12]}.{job.form}"
                now = await self._server.begin_job_upload(job, name, size, digest) if now is None else now
                before = now.received
                now = await self._server.append(now.id, before, _pieces(made, before))
                moved = anyio.current_time() if now.received > before else moved
            except Retryable:
                if anyio.current_time() - moved > _PATIENCE:
                    raise
                await anyio.sleep(_PAUSE)
                now = None

    async def _say_end(self, job: RemoteJob, ended: JobEnded) -> None:
        """However long the server is away: it learns how this ended. Somebody else's by now: no effect."""
        while True:
            try:
                await self._server.end_job(job, ended)
                return
            except (NotNow, Unknown):
                return
            except Retryable:
                await anyio.sleep(_PAUSE)

    async def _patiently_beat(self, job: RemoteJob) -> None:
        while True:
            try:
                await self._server.beat(job)
                return
            except Retryable:
                await anyio.sleep(_PAUSE)

    # ── beside the work ────────────────────────────────────────────────────────────────────────
    async def _said(self, line: str) -> None:
        self._lines.append(line[:2000])

    async def _live(self, job: RemoteJob, scope: anyio.CancelScope, lost: list[str]) -> None:
        """Tells that it lives, and what it prints. What is somebody else's by now is broken off."""
        beaten = anyio.current_time()
        while True:
            await anyio.sleep(_PIECE_OF_LOG)
            try:
                await self._printed(job)
                if anyio.current_time() - beaten >= _BEAT:
                    await self._server.beat(job)
                    beaten = anyio.current_time()
            except (NotNow, Unknown) as error:
                lost.append(error.message)
                scope.cancel()
                return
            except HonkError as error:
                self._out.line(f"no answer: {error.message}")

    async def _printed(self, job: RemoteJob) -> None:
        if not self._lines:
            return
        text = "".join(f"{line}\n" for line in self._lines)[-_MOST:]
        self._lines.clear()
        with suppress(Retryable, TooLarge):
            await self._server.printed(job, text)


def _removed(folder: Path) -> None:
    """Whatever what ran there left, of any mode. Absent: no effect."""

    def again(_: object, path: str, __: object) -> None:
        with suppress(OSError):
            Path(path).parent.chmod(0o700)
            Path(path).unlink()

    for _ in range(3):
        shutil.rmtree(folder, onerror=again)
        if not folder.exists():
            return


def _ended(job: RemoteJob, code: int | None) -> JobEnded:
    if code is None:
        return JobEnded(state=JobState.DOUBT, reason=f"it did not end within {job.timeout:.0f} s")
    if code:
        return JobEnded(state=JobState.FAILED, reason=f"the command ended with {code}")
    return JobEnded(state=JobState.DONE)


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


async def _pieces(file: Path, offset: int) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        source.seek(offset)
        end = offset + _REQUEST
        while offset < end and (piece := await run_sync(source.read, min(_READ, end - offset))):
            yield piece
            offset += len(piece)
