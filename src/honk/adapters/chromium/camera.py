"""A build → a picture or a film of its first page, on a phone's screen. The browser runs in a sandbox without network.

What an agent made is opened by a browser, so both are inside the same walls: no way out, a clean environment,
a profile that is gone afterwards. The browser's own sandbox needs what ours refuses (namespaces), so it is off.
"""

import json
import re
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from honk.adapters.chromium import inside
from honk.ports import Bounds, Box, Film, Mount, Ran, Sandbox, Sandboxes, Shot, View

#: Programs, not the distributions' wrappers: these read files of the host that no sandbox shows.
PLACES = (
    Path("/usr/lib/chromium/chromium"),
    Path("/usr/lib/chromium-browser/chromium-browser"),
    Path("/usr/lib64/chromium-browser/chromium-browser"),
    Path("/opt/google/chrome/chrome"),
)
#: Below /usr, because that alone is inside every sandbox.
FFMPEG = Path("/usr/bin/ffmpeg")
#: of a common phone, in CSS pixels
WIDTH, HEIGHT = 390, 844
#: pixels of the picture to one of CSS; the next one where a picture is too large
_SCALES = (2, 1)
_LARGEST = 1 << 20
#: milliseconds of the page's own time, which runs ahead of the clock while nothing is being loaded
_SETTLES = 8000
_SECONDS = 25.0
#: for unpacking, and for what the browser takes to end
_MARGIN = 5.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--mute-audio",
    "--hide-scrollbars",
    # A window is never narrower than 500, unless it is the whole of a narrow screen.
    "--kiosk",
    "--enable-logging=stderr",
)
#: for a picture alone: a film is of real time
_AT_ONCE = f"--virtual-time-budget={_SETTLES}"
_BOUNDS = Bounds(memory=2 << 30, processes=256, file_size=512 << 20, temporary=1 << 30)
#: Alone in its folder, below which it is served, as a preview is below a path.
_SITE = "/tmp/served/site"
_UNPACK = ("sh", "-c", f"mkdir -p {_SITE} && exec tar -C {_SITE} -xf /honk/artifact.tar")
_ARCHIVE = "/honk/artifact.tar"
#: an error that the page did not catch, as the browser logs it
_UNCAUGHT = re.compile(rb':CONSOLE[^\]]*\] "(Uncaught .*?)", source: ')
#: An app's server is reached by the way that a broker's exit has otherwise.
_SERVER = "http://127.0.0.1:3128"
#: sizes of a screen that are believed, and from which on one pixel to one is enough
_SMALLEST, _WIDEST, _TALLEST, _LARGE = 240, 2000, 3000, 600
_PNG = b"\x89PNG\r\n\x1a\n"
_PHONE = View(width=WIDTH, height=HEIGHT, element="")
#: seconds that putting a film together may take
_ENCODES = 20.0
#: runs the browser at a page: sandbox, program, what is served, page
_Run = Callable[[Sandbox, Path, str, str], Awaitable[Ran]]
#: errors that are told of one page, and characters of each
_TOLD, _LENGTH = 3, 200


class Chromium:
    """Implements ports.Camera. `places` are looked through for the first program that is there."""

    def __init__(
        self, sandboxes: Sandboxes, home: Path, *, places: tuple[Path, ...] = PLACES, ffmpeg: Path = FFMPEG
    ) -> None:
        self._sandboxes = sandboxes
        self._home = home
        self._places = places
        self._ffmpeg = ffmpeg

    async def take(self, archive: Path, page: str) -> Shot:
        """See ports.Camera."""
        return await self._picture(archive, page, _PHONE)

    async def point(self, shown: Path, page: str, view: View) -> Shot:
        """See ports.Camera."""
        return await self._picture(shown, page, view)

    async def film(self, archive: Path, page: str) -> Film:
        """See ports.Camera."""
        return _film(await self._ran(archive, page, self._filmed)) if self._ffmpeg.is_file() else Film()

    async def _picture(self, shown: Path, page: str, view: View) -> Shot:
        return _shot(await self._ran(shown, page, partial(self._pictured, view=view)))

    async def _ran(self, shown: Path, page: str, run: _Run) -> Ran | str:
        """What `run` gave within a sandbox that shows the build, or why there is nothing."""
        program = next((one for one in self._places if one.is_file()), None)
        if program is None:
            return "no Chromium is installed on this machine"
        if not shown.is_file() and not shown.is_socket():
            return "the build's files are no longer kept"
        root = self._home / "checkouts"
        root.mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(dir=root, prefix="picture-"))
        try:
            self._sandboxes.own(room)
            # Under /usr everything is shown inside already.
            browser = (
                () if program.is_relative_to("/usr") else (Mount(source=program.parent, target=str(program.parent)),)
            )
            box = Box(workspace=room, mounts=browser, bounds=_BOUNDS, read_only_workspace=True)
            if shown.is_socket():
                self._sandboxes.own(shown)
                box = replace(box, exit=shown, relay=True)
            else:
                box = replace(box, mounts=(Mount(source=shown, target=_ARCHIVE), *browser))
            async with self._sandboxes.open(box) as sandbox:
                if box.exit is not None:
                    return await run(sandbox, program, _SERVER, page)
                unpacked = await sandbox.run(_UNPACK, seconds=_SECONDS)
                if unpacked.exit_code != 0:
                    return _why(unpacked, "the build could not be unpacked")
                return await run(sandbox, program, _SITE, page)
        finally:
            shutil.rmtree(room, ignore_errors=True)

    async def _pictured(self, sandbox: Sandbox, program: Path, source: str, page: str, *, view: View) -> Ran:
        width = min(max(view.width, _SMALLEST), _WIDEST)
        height = min(max(view.height, _SMALLEST), _TALLEST)
        outline = json.dumps({"element": view.element, "at": view.at}) if view.element else ""
        python = str(self._sandboxes.runtime("python"))
        ran: Ran | None = None
        for scale in _SCALES if width < _LARGE else _SCALES[-1:]:
            ran = await sandbox.run(
                (
                    *(python, "-I", "-", source, page, str(scale), str(_SECONDS), outline, "", str(program)),
                    *(*_OPTIONS, _AT_ONCE, *_screen(width, height, scale)),
                ),
                seconds=_SECONDS + _MARGIN,
                stdin=Path(inside.__file__).read_bytes(),
                output_limit=_LARGEST,
            )
            if not ran.cut:
                break
        assert ran is not None
        return ran

    async def _filmed(self, sandbox: Sandbox, program: Path, source: str, page: str) -> Ran:
        python = str(self._sandboxes.runtime("python"))
        return await sandbox.run(
            (
                *(python, "-I", "-", source, page, "1", str(_SECONDS), "", str(self._ffmpeg), str(program)),
                *(*_OPTIONS, *_screen(WIDTH, HEIGHT, 1)),
            ),
            seconds=_SECONDS + _ENCODES,
            stdin=Path(inside.__file__).read_bytes(),
            output_limit=inside.HEAVIEST,
        )


def _screen(width: int, height: int, scale: int) -> tuple[str, str]:
    return f"--window-size={width},{height}", f"--screen-info={{{width * scale}x{height * scale}}}"


def _film(ran: Ran | str) -> Film:
    if isinstance(ran, str):
        return Film(note=ran)
    if ran.exit_code != 0 or ran.cut or ran.stdout[4:8] != b"ftyp":
        return Film(note="no film could be made of the page")
    return Film(content=ran.stdout)


def _shot(ran: Ran | str) -> Shot:
    if isinstance(ran, str):
        return Shot(note=ran)
    if ran.exit_code == 3:
        return Shot(note="the build has no such page; [preview] path in .honk.toml names the one to open first")
    if ran.exit_code != 0 or ran.cut or not ran.stdout.startswith(_PNG):
        return Shot(note=_why(ran, "Chromium made no picture of the page"))
    found = dict.fromkeys(one.decode("utf-8", "replace") for one in _UNCAUGHT.findall(ran.stderr))
    return Shot(picture=ran.stdout, errors=tuple(one[:_LENGTH] for one in found)[:_TOLD])


def _why(ran: Ran, said: str) -> str:
    if ran.ended:
        return f"{said}: {ran.ended}"
    if ran.cut:
        return f"{said} that is smaller than {_LARGEST >> 20} MiB"
    return (
        f"{said} within {_SECONDS:.0f} s" if ran.exit_code in {None, 4} else f"{said} (it ended with {ran.exit_code})"
    )
