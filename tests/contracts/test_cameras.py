"""What a camera promises, asked of a real Chromium within the real sandbox."""

import struct
import tarfile
import zlib
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.chromium import Chromium
from honk.adapters.chromium.camera import HEIGHT, PLACES, WIDTH

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

PAGE = """<!doctype html><meta name="viewport" content="width=device-width, initial-scale=1"><title>Colours</title>
<style>body{margin:0;height:100vh;background:#f00}</style><script type="module" src="colour.js"></script>"""
#: Green only when a module ran, the screen is a phone's, and what the page asks for elsewhere does not come.
SCRIPT = """
const reached = await fetch("http://192.0.2.1/").then(() => true, () => false);
const phone = innerWidth === 390 && devicePixelRatio === 2;
if (phone && !reached) document.body.style.background = "#0f0";
setTimeout(() => { throw new Error("a bad day"); });
"""


def _archive(folder: Path, **files: str) -> Path:
    site = folder / "site"
    site.mkdir()
    for name, content in files.items():
        (site / name.replace("_", ".")).write_text(content)
    with tarfile.open(folder / "site.tar", "w") as tar:
        tar.add(site, arcname=".")
    (folder / "site.tar").chmod(0o444)
    return folder / "site.tar"


def _camera(folder: Path) -> Chromium:
    return Chromium(Bubblewrap(folder / "home"), folder / "home")


def _first_pixel(png: bytes) -> tuple[int, int, tuple[int, ...]]:
    """Width, height, and the colour of the upper left corner."""
    width, height = struct.unpack(">II", png[16:24])
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    return width, height, tuple(zlib.decompress(data)[1:4])


@pytest.mark.slow
@pytest.mark.partner("chromium")
@pytest.mark.seconds(90)
async def test_the_first_page_is_pictured_as_a_phone_shows_it_without_network(short_tmp: Path) -> None:
    archive = _archive(short_tmp, index_html=PAGE, colour_js=SCRIPT)
    shot = await _camera(short_tmp).take(archive, "")
    assert shot.note == ""
    assert _first_pixel(shot.picture) == (2 * WIDTH, 2 * HEIGHT, (0, 255, 0))
    assert shot.errors == ("Uncaught Error: a bad day",)
    missing = await _camera(short_tmp).take(archive, "no/such/page.html")
    assert missing.picture == b"" and "[preview] path" in missing.note
    assert list((short_tmp / "home" / "checkouts").iterdir()) == []


async def test_where_there_is_no_browser_the_note_says_so(short_tmp: Path) -> None:
    camera = Chromium(Bubblewrap(short_tmp / "home"), short_tmp / "home", places=(short_tmp / "nothing",))
    shot = await camera.take(_archive(short_tmp, index_html=PAGE), "")
    assert (shot.picture, shot.note) == (b"", "no Chromium is installed on this machine")


async def test_files_that_are_gone_have_no_picture(short_tmp: Path) -> None:
    here = Path(__file__)
    camera = Chromium(Bubblewrap(short_tmp / "home"), short_tmp / "home", places=(here,))
    assert (await camera.take(short_tmp / "gone.tar", "")).note == "the build's files are no longer kept"


def test_only_programs_are_looked_for_because_wrappers_read_what_no_sandbox_shows() -> None:
    assert not [one for one in PLACES if one.parent == Path("/usr/bin")]
