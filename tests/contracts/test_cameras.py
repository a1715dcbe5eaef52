"""What a camera promises, asked of a real Chromium within the real sandbox."""

import json
import struct
import subprocess
import tarfile
import zlib
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.chromium import Chromium
from honk.adapters.chromium.camera import HEIGHT, PLACES, WIDTH
from honk.ports import Film

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


#: Taller than a screen; green only once it was scrolled far down. It puts what may stand in the way of a film there.
LONG = """<!doctype html><meta name="viewport" content="width=device-width"><title>Long</title>
<style>html{scroll-behavior:smooth}body{margin:0;height:3000px;background:#f00}</style><script>
addEventListener("scroll", () => { if (scrollY > 2000) document.body.style.background = "#0f0"; });
setTimeout(() => alert("a question that nobody answers"), 1e6);</script>"""


def _of_film(path: Path, *asked: str) -> bytes:
    return subprocess.run(asked, check=True, capture_output=True, cwd=path.parent).stdout


def _colours(path: Path) -> set[str]:
    """Of the film's frames, each made one pixel."""
    one = ("-vf", "scale=1:1:flags=area,format=rgb24", "-f", "rawvideo", "-")
    raw = _of_film(path, "ffmpeg", "-v", "error", "-i", str(path), *one)
    pixels = [raw[at : at + 3] for at in range(0, len(raw), 3)]
    return {"red" if pixel[0] > 200 > 60 > pixel[1] else "green" if pixel[1] > 200 else "other" for pixel in pixels}


@pytest.mark.slow
@pytest.mark.partner("chromium")
@pytest.mark.partner("ffmpeg")
@pytest.mark.seconds(150)
async def test_a_film_shows_the_page_to_its_end_at_the_size_of_a_phone(short_tmp: Path) -> None:
    film = await _camera(short_tmp).film(_archive(short_tmp, index_html=LONG), "")
    assert film.note == "" and len(film.content) < 4 << 20
    made = short_tmp / "film.mp4"
    made.write_bytes(film.content)
    fields = "stream=codec_type,pix_fmt,width,height:format=duration"
    told = json.loads(_of_film(made, "ffprobe", "-v", "error", "-of", "json", "-show_entries", fields, str(made)))
    assert told["streams"] == [{"codec_type": "video", "width": WIDTH, "height": HEIGHT, "pix_fmt": "yuv420p"}]
    assert float(told["format"]["duration"]) == 6.0
    assert {"red", "green"} <= _colours(made)
    assert list((short_tmp / "home" / "checkouts").iterdir()) == []


@pytest.mark.slow
@pytest.mark.partner("chromium")
@pytest.mark.partner("ffmpeg")
@pytest.mark.seconds(150)
async def test_a_page_that_never_lets_go_has_no_film(short_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("honk.adapters.chromium.camera._SECONDS", 6.0)
    hangs = "<!doctype html><script>addEventListener('load', () => setTimeout(() => { for (;;); }))</script>"
    camera, archive = _camera(short_tmp), _archive(short_tmp, index_html=hangs)
    assert await camera.film(archive, "") == Film(note="no film could be made of the page")


async def test_where_there_is_no_ffmpeg_there_is_no_film_and_no_word(short_tmp: Path) -> None:
    camera = Chromium(Bubblewrap(short_tmp / "home"), short_tmp / "home", ffmpeg=short_tmp / "nothing")
    assert await camera.film(_archive(short_tmp, index_html=PAGE), "") == Film()
