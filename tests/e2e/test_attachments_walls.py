"""Files of messages through the real sandbox: readable, never written, of one task alone; frames of real recordings.

| real | not real |
|---|---|
| bubblewrap, ffmpeg, files | the agent and its task |
"""

import subprocess
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import sandbox_place
from sandbox_place import Place, shell

from honk.adapters.files import FileArtifacts
from honk.domain.attachment import kind_of
from honk.domain.message import File, Message, MessageId
from honk.domain.person import PersonId
from honk.ports import ATTACHMENTS, Attachment, Box, Mount, Sandboxes
from honk.steps.code.enclosing import enclosed_words, lay_out, mount, pictures_of
from honk.steps.code.work import Work

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]
place = sandbox_place.place
closed = sandbox_place.closed


@dataclass
class Desk:
    """As much of a task at work as its files need."""

    home: Path
    sandboxes: Sandboxes
    name: str
    frames: dict[str, tuple[Attachment, ...]] = field(default_factory=dict)

    @property
    def work(self) -> Work:
        ports = SimpleNamespace(
            home=self.home, artifacts=FileArtifacts(self.home / "artifacts"), sandboxes=self.sandboxes
        )
        return cast("Work", SimpleNamespace(ports=ports, task=SimpleNamespace(id=self.name), frames=self.frames))

    async def brings(self, name: str, content: bytes) -> Message:
        digest = await FileArtifacts(self.home / "artifacts").put(content)
        file = File(name=name, media_type=kind_of(content[:4096]), digest=digest, size=len(content))
        now = datetime(2026, 11, 27, tzinfo=UTC)
        return Message(id=MessageId(uuid.uuid4().hex), by=PersonId("ann"), text="see", at=now, files=(file,))


def desk(place: Place, name: str) -> Desk:
    return Desk(place.home, place.sandboxes, name)


async def test_a_file_is_read_never_written_and_seen_by_its_task_alone(place: Place) -> None:
    mine, other = desk(place, "mine"), desk(place, "other")
    await lay_out(mine.work, (await mine.brings("-rf crash.log", b"IndexError"),))
    await lay_out(other.work, (await other.brings("secret.txt", b"of another task"),))
    async with place.open(mounts=(mount(mine.work),)) as sandbox:
        ran = await shell(sandbox, f"cd {ATTACHMENTS} && find . -type f && cat ./*/*")
        assert ran.exit_code == 0, ran.stderr
        assert "-rf crash.log" in ran.stdout.decode() and ran.stdout.endswith(b"IndexError")
        assert b"another" not in ran.stdout and b"secret" not in ran.stdout
        log = "./*/*crash.log"
        for one in (f"echo x > {log}", "rm -r ./*/", f"chmod 777 {log}", "touch new", f"ln {log} /tmp/a"):
            ran = await shell(sandbox, f"cd {ATTACHMENTS} && {one}")
            assert ran.exit_code != 0, one
        ran = await shell(sandbox, f"touch {ATTACHMENTS}/new")
        assert b"Read-only file system" in ran.stderr, "not its owner alone keeps it from being written"
        # what comes with a message while the agent works
        await lay_out(mine.work, (await mine.brings("later.txt", b"come late"),))
        ran = await shell(sandbox, f"cat {ATTACHMENTS}/*/later.txt")
        assert ran.stdout == b"come late"
    kept = [path.read_bytes() for path in (place.home / "artifacts").rglob("*") if path.is_file()]
    assert sorted(kept) == [b"IndexError", b"come late", b"of another task"]


async def test_a_program_that_waits_finds_what_comes_after_its_folders_moved(place: Place) -> None:
    spare, task = place.folder / "spare", place.folder / "home" / "tasks" / "t"
    for name in ("workspace", "home", "attachments"):
        (spare / name).mkdir(parents=True)
        place.sandboxes.own(spare / name)
    (spare / "attachments").chmod(0o755)
    mine = desk(place, "t")
    message = await mine.brings("late.txt", b"come late")
    box = Box(
        workspace=spare / "workspace",
        home=spare / "home",
        mounts=(Mount(source=spare / "attachments", target=ATTACHMENTS),),
    )
    async with place.sandboxes.open(box) as sandbox:
        waits = await sandbox.start(("sh", "-c", f"echo up; read line; cat {ATTACHMENTS}/*/*; echo"))
        said = waits.lines()
        assert await anext(said) == b"up"
        task.parent.mkdir(parents=True)
        spare.rename(task)
        sandbox.moved(task / "workspace", task / "home")  # type: ignore[attr-defined]
        await lay_out(mine.work, (message,))
        await waits.send(b"go\n")
        assert [line async for line in said] == [b"come late"]
        ran = await shell(sandbox, f"cat {ATTACHMENTS}/*/*")
        assert (ran.exit_code, ran.stdout) == (0, b"come late")


def film(folder: Path, name: str, *more: str) -> bytes:
    """Three seconds of a test picture that changes."""
    source = "testsrc=size=1600x900:rate=10:duration=3"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *more, str(folder / name)], check=True)
    return (folder / name).read_bytes()


@pytest.mark.partner("ffmpeg")
@pytest.mark.parametrize(
    "name", ["screen.mp4", *(pytest.param(one, marks=pytest.mark.slow) for one in ("screen.mov", "screen.webm"))]
)
async def test_frames_of_a_recording_go_along_as_pictures(closed: Place, name: str) -> None:
    mine = desk(closed, "mine")
    piped = ("-f", "webm", "-live", "1") if name.endswith("webm") else ()  # as browsers record: without a length
    message = await mine.brings(name, film(closed.folder, name, "-pix_fmt", "yuv420p", *piped))
    shown = await pictures_of(mine.work, message)
    assert [one.media_type for one in shown] == ["image/jpeg"] * 8
    assert len({one.content for one in shown}) == 8, "each at another moment"
    assert all(kind_of(one.content) == "image/jpeg" and len(one.content) < 1 << 20 for one in shown)
    assert "8 pictures taken at even distances" in await enclosed_words(mine.work, (message,))


@pytest.mark.partner("ffmpeg")
async def test_a_recording_that_names_other_files_or_is_none_gives_no_frames(closed: Place) -> None:
    mine = desk(closed, "mine")
    playlist = b"\0\0\0\x20ftypisom#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n"
    for content in (playlist, b"\x1aE\xdf\xa3" + b"\xff" * 5000):
        message = await mine.brings("bad.mp4", content)
        assert message.files[0].media_type.startswith("video/")
        assert await pictures_of(mine.work, message) == ()
        assert "it is there as a file only" in await enclosed_words(mine.work, (message,))
