"""recording → frames: pictures of a video at even distances, for models that see pictures and no videos.

What decodes a stranger's video does so in a sandbox of its own that shows it this one file and nothing else.
"""

from pathlib import Path

import structlog

from honk.domain.attachment import is_recording
from honk.domain.message import File
from honk.errors import HonkError
from honk.ports import Attachment, Bounds, Box, Sandbox
from honk.steps.code.work import Work

_log = structlog.get_logger()
FRAMES = 8
#: Seconds for all of one recording: to find its length, and for each frame.
_LENGTH, _FRAME = 15.0, 5.0
_FRAME_BYTES = 2 << 20
_BOUNDS = Bounds(memory=1 << 30, processes=128, file_size=1 << 20, temporary=16 << 20)
_WIDEST, _HIGHEST = 1024, 2048
_READ = (
    "ffmpeg",
    *("-nostdin", "-v", "error", "-threads", "2"),
    # nothing that a file may name is opened: no list of other files, no address
    *("-protocol_whitelist", "file,pipe", "-format_whitelist", "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"),
)
_SCALED = f"scale='min({_WIDEST},iw)':'min({_HIGHEST},ih)':force_original_aspect_ratio=decrease"


async def frames_of(work: Work, file: File, path: Path) -> tuple[Attachment, ...]:
    """Up to 8 frames of a recording at `path`, oldest first; none of anything else, nor where ffmpeg is missing.

    Taken once an attempt: a crash has them taken again.
    """
    if not is_recording(file.media_type) or not path.is_file():
        return ()
    if file.digest not in work.frames:
        work.frames[file.digest] = await _taken(work, path)
    return work.frames[file.digest]


async def _taken(work: Work, path: Path) -> tuple[Attachment, ...]:
    box = Box(workspace=path.parent, read_only_workspace=True, bounds=_BOUNDS)
    name = f"file:/workspace/{path.name}"
    frames: list[Attachment] = []
    try:
        async with work.ports.sandboxes.open(box) as sandbox:
            length = await _length(sandbox, name)
            for number in range(FRAMES if length else 0):
                if frame := await _frame(sandbox, name, length * (number + 0.5) / FRAMES):
                    frames.append(Attachment(media_type="image/jpeg", content=frame))
    except HonkError as error:
        _log.warning("frames of a recording could not be taken", task=work.task.id, reason=str(error))
    return tuple(frames)


async def _length(sandbox: Sandbox, name: str) -> float:
    """Seconds, counted by its packets: recordings made by browsers do not say. 0.0 where nothing can be read."""
    counted = ("-progress", "pipe:1", "-i", name, "-map", "0:v:0", "-c", "copy", "-f", "null", "-")
    ran = await sandbox.run((*_READ, *counted), seconds=_LENGTH, output_limit=1 << 20)
    times = [line.partition(b"=")[2] for line in ran.stdout.splitlines() if line.startswith(b"out_time_us=")]
    return int(times[-1]) / 1e6 if ran.exit_code == 0 and times and times[-1].isdigit() else 0.0


async def _frame(sandbox: Sandbox, name: str, at: float) -> bytes:
    one = ("-ss", f"{at:.3f}", "-i", name, "-map", "0:v:0", "-frames:v", "1", "-vf", _SCALED)
    picture = ("-pix_fmt", "yuvj420p", "-c:v", "mjpeg", "-q:v", "4", "-f", "image2pipe", "pipe:1")
    ran = await sandbox.run((*_READ, *one, *picture), seconds=_FRAME, output_limit=_FRAME_BYTES)
    whole = ran.exit_code == 0 and not ran.cut and ran.stdout.startswith(b"\xff\xd8\xff")
    return ran.stdout if whole else b""
