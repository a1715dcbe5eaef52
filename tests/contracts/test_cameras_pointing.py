"""The picture of what somebody pointed at: a build's page, or an app's own server, in the real sandbox."""

import asyncio
import struct
import tarfile
import zlib
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.chromium import Chromium
from honk.ports import Shot, View

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]

PAGE = """<!doctype html><meta name="viewport" content="width=device-width"><title>x</title>
<style>body{margin:0;background:#fff}p{margin:1500px 0 0 50px;width:100px;height:100px;background:#0f0}</style>
<main><p>pointed at</p></main>"""
#: of the outline
PINK, GREEN = (0xE0, 0x11, 0x5F), (0, 0xFF, 0)


def _colours(png: bytes) -> tuple[int, int, set[tuple[int, ...]]]:
    """Width, height, and the colours in it; of PNGs as Chromium writes them: 8 bits, three or four channels."""
    width, height, _, kind = struct.unpack(">IIBB", png[16:26])
    channels = {2: 3, 6: 4}[kind]
    data, at = b"", 8
    while at < len(png):
        length, name = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, row = zlib.decompress(data), bytearray(width * channels)
    colours: set[tuple[int, ...]] = set()
    for line in range(height):
        start = line * (width * channels + 1)
        row = _unfiltered(raw[start], bytearray(raw[start + 1 : start + 1 + width * channels]), row, channels)
        colours |= {tuple(row[i : i + 3]) for i in range(0, len(row), channels)}
    return width, height, colours


def _unfiltered(kind: int, line: bytearray, above: bytearray, channels: int) -> bytearray:
    for i in range(len(line)):
        left = line[i - channels] if i >= channels else 0
        corner = above[i - channels] if i >= channels else 0
        guess = left + above[i] - corner
        near = min((abs(guess - left), 0, left), (abs(guess - above[i]), 1, above[i]), (abs(guess - corner), 2, corner))
        line[i] = (line[i] + (0, left, above[i], (left + above[i]) // 2, near[2])[kind]) & 255
    return line


def _shows_what_was_pointed_at(shot: Shot) -> None:
    assert shot.note == ""
    width, height, colours = _colours(shot.picture)
    assert (width, height) == (640, 500)
    assert colours >= {PINK, GREEN}, "the element is far down the page: it is scrolled to, and outlined"


@pytest.mark.slow
@pytest.mark.partner("chromium")
@pytest.mark.seconds(90)
async def test_the_element_is_scrolled_to_and_outlined(short_tmp: Path) -> None:
    camera = Chromium(Bubblewrap(short_tmp / "home"), short_tmp / "home")
    (short_tmp / "index.html").write_text(PAGE)
    with tarfile.open(short_tmp / "site.tar", "w") as tar:
        tar.add(short_tmp / "index.html", arcname="./index.html")
    (short_tmp / "site.tar").chmod(0o444)
    view = View(width=640, height=500, element="main > p")
    _shows_what_was_pointed_at(await camera.point(short_tmp / "site.tar", "?x=1", view))

    async def app(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        found = PAGE.encode() if asked.startswith(b"GET /deep/page?x=1 ") else b"<p>elsewhere"
        head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {len(found)}\r\n"
        writer.write(f"{head}Content-Security-Policy: default-src 'none'\r\nConnection: close\r\n\r\n".encode() + found)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(app, short_tmp / "app.sock"):
        _shows_what_was_pointed_at(await camera.point(short_tmp / "app.sock", "deep/page?x=1", view))
    evil = View(width=10**9, height=-5, element="</script><script>document.body.remove()</script>\"'`${}\\")
    shot = await camera.point(short_tmp / "site.tar", "", evil)
    assert shot.picture.startswith(b"\x89PNG") and struct.unpack(">II", shot.picture[16:24]) == (2000, 240)
    assert list((short_tmp / "home" / "checkouts").iterdir()) == []
