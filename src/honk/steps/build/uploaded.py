"""an upload that is complete → build: of a commit that the task's pull request is at, or was."""

import os
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from anyio.to_thread import run_sync

from honk.domain.build import Build
from honk.domain.event import BuildFailed, BuildUploaded, PullRequestOpened, PullRequestUpdated
from honk.domain.repository import Sha
from honk.domain.task import Task, TaskId
from honk.domain.upload import Upload, UploadState, place_of
from honk.errors import ForgeRefused, NeedsHuman, Unknown, Usage
from honk.ports import Ports
from honk.steps.build.given import given
from honk.steps.build.labelled import looked_at, passed_on

#: fewer characters of a commit name nothing
_LEAST = 7


async def heads(task: TaskId, *, ports: Ports) -> tuple[Sha, ...]:
    """The commits that the task's pull request has been at, the present one last."""
    log = await ports.events.read(task)
    found = [Sha(one.data.head) for one in log if isinstance(one.data, PullRequestOpened | PullRequestUpdated)]
    there = await ports.records.pull_request(task)
    if there is not None and there.head not in found[-1:]:
        found.append(there.head)
    return tuple(found)


async def commit_of(task: Task, named: str, *, ports: Ports) -> Sha:
    """The whole name of a commit that the task's pull request is at, or was. Raises Usage for any other."""
    known = await heads(task.id, ports=ports)
    short = named.strip().lower()
    if len(short) < _LEAST or set(short) - set("0123456789abcdef"):
        raise Usage(f"{named[:80]!r} names no commit", "give the commit that was built: --commit SHA")
    found = {one for one in known if one.startswith(short)}
    if not found and (there := await ports.forge.find(task.repository, task.id)) is not None:
        # somebody else moved the branch, and their commit was built
        found = {one for one in (there.head,) if one.startswith(short)}
    if len(found) == 1:
        return found.pop()
    if found:
        raise Usage(f"several commits of task {task.id} begin with {named!r}", "type more of it")
    if not known:
        raise Usage(f"task {task.id} has no pull request yet, so that nothing of it was built", f"honk show {task.id}")
    remedy = f"its pull request is at {known[-1]}; in a pull_request workflow GITHUB_SHA is a merge, not that head"
    raise Usage(f"{short[:12]} is no commit of task {task.id}", remedy)


async def keep(task: Task, id: str, *, ports: Ports) -> Build | None:
    """The build that is to be shared. None where it was refused, or a newer commit has one: both are events."""
    upload = await ports.uploads.get(id)
    if upload.job and upload.state is UploadState.BUILT and not upload.build:
        return None  # passed on already, and cut off before that was recorded
    tell = partial(ports.events.record, task.id, (await ports.tasks.get(task.id)).turn, actor=upload.by)
    try:
        if upload.job and await passed_on(upload, ports=ports):
            await _over(upload, ports=ports)
            return None
        made = await looked_at(await _made(task, upload, ports=ports), upload, task, ports=ports)
    except (Usage, NeedsHuman) as error:
        await tell(BuildFailed(reason=error.message, output=""), key=f"uploaded/{upload.act}")
        await ports.uploads.save(replace(upload, state=UploadState.REFUSED, reason=str(error)))
        await ports.uploads.empty(id)
        return None
    older = await _behind(task, made, ports=ports)
    await ports.records.set_older(made.id, older)
    await tell(
        BuildUploaded(
            build=made.id,
            kind=made.form,
            commit=made.commit,
            digest=made.digest,
            size=made.package.size if made.package else made.size,
            name=upload.name,
            token=upload.token,
            older=older,
        ),
        key=f"uploaded/{upload.act}",
    )
    if not older:
        return made
    shown = replace(made, preview_url=await ports.previews.show(made))
    await ports.records.save_build(shown)
    await close(id, shown, older=True, ports=ports)
    return None


async def close(id: str, build: Build, *, older: bool = False, ports: Ports) -> bool:
    """Whoever uploaded it learns what became of it, and its bytes, which are kept as a build, go. Twice: no effect."""
    try:
        upload = await ports.uploads.get(id)
    except Unknown:
        return False
    done = replace(upload, state=UploadState.BUILT, kind=build.form, build=build.id, older=older)
    await ports.uploads.save(done)
    await ports.uploads.empty(id)
    return True


async def _over(upload: Upload, *, ports: Ports) -> None:
    """What came is kept elsewhere, and is no build yet."""
    await ports.uploads.save(replace(upload, state=UploadState.BUILT))
    await ports.uploads.empty(upload.id)


async def _made(task: Task, upload: Upload, *, ports: Ports) -> Build:
    """The file is lent under its own name: whoever keeps it may move it, and a process that is killed loses nothing."""
    root = ports.home / "checkouts"
    root.mkdir(parents=True, exist_ok=True)
    room = Path(await run_sync(partial(tempfile.mkdtemp, dir=root, prefix="upload-")))
    try:
        lent = room / upload.name
        try:
            await run_sync(os.link, ports.uploads.path(upload.id), lent)
        except FileNotFoundError:
            raise ForgeRefused("the bytes of this upload are gone", "upload it again") from None
        return await given(task, upload.commit, lent, ports=ports)
    finally:
        await run_sync(partial(shutil.rmtree, room, ignore_errors=True))


async def _behind(task: Task, made: Build, *, ports: Ports) -> bool:
    """Whether a newer commit of the task has a build already."""
    known = await heads(task.id, ports=ports)
    place = place_of(known, made.commit)
    others = [place_of(known, one.commit) for one in await ports.records.builds(task.id) if one.id != made.id]
    return 0 <= place < max(others, default=-1)
