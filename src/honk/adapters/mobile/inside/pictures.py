"""Icons: which bytes are a picture of a bearable size, and Xcode's own PNGs turned back into such as browsers know."""

import struct
import zlib
from collections.abc import Iterator

from .unreadable import Unreadable

#: bytes of an icon, and pixels of one side
LARGEST = 512 << 10
_SIDE = 2048
#: pixels of one side of a picture that is drawn anew
_REDRAWN = 1024
_PNG = b"\x89PNG\r\n\x1a\n"


def icon(content: bytes) -> bytes:
    """The picture if it is a PNG or WebP that can be shown, Apple's variant of PNG undone; otherwise empty."""
    if len(content) > LARGEST:
        return b""
    if content.startswith(_PNG):
        kinds = [kind for kind, _ in _pieces(content)]
        if b"CgBI" in kinds[:1]:
            content = _undone(content)
        width, height = struct.unpack(">II", content[16:24].ljust(8, b"\0"))
        return content if kinds and 0 < width <= _SIDE and 0 < height <= _SIDE else b""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        width, height = _webp(content)
        return content if 0 < width <= _SIDE and 0 < height <= _SIDE else b""
    return b""


def _webp(content: bytes) -> tuple[int, int]:
    kind, body = content[12:16], content[20:30].ljust(10, b"\0")
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return 0, 0


def _pieces(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_PNG)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        if at + 12 + length > len(content):
            return
        yield kind, content[at + 8 : at + 8 + length]
        at += 12 + length


def _undone(content: bytes) -> bytes:
    """A plain PNG of Xcode's: raw deflate, blue before red, colours multiplied by their opacity."""
    pieces = list(_pieces(content))
    head = next((piece for kind, piece in pieces if kind == b"IHDR"), b"")
    if len(head) != 13:
        raise Unreadable("its icon has no head")
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", head)
    if (bits, colour, interlaced) != (8, 6, 0) or not 0 < width <= _REDRAWN or not 0 < height <= _REDRAWN:
        return b""
    size = (4 * width + 1) * height
    try:
        drawn = zlib.decompressobj(-15).decompress(b"".join(piece for kind, piece in pieces if kind == b"IDAT"), size)
    except zlib.error as exc:
        raise Unreadable(f"its icon cannot be unpacked: {exc}") from exc
    if len(drawn) != size:
        raise Unreadable("its icon is not complete")
    rows = b"".join(b"\0" + _coloured(row) for row in _rows(drawn, 4 * width))
    kept = (_piece(b"IHDR", head), _piece(b"IDAT", zlib.compress(rows, 9)), _piece(b"IEND", b""))
    return _PNG + b"".join(kept)


def _piece(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _rows(drawn: bytes, width: int) -> Iterator[bytearray]:
    """The rows without their filters (PNG, 9.2)."""
    before = bytearray(width)
    for start in range(0, len(drawn), width + 1):
        kind, row = drawn[start], bytearray(drawn[start + 1 : start + 1 + width])
        for at in range(width if kind else 0):
            left, upper = row[at - 4] if at >= 4 else 0, before[at]
            corner = before[at - 4] if at >= 4 else 0
            row[at] = row[at] + _predicted(kind, left, upper, corner) & 0xFF
        yield row
        before = row


def _predicted(kind: int, left: int, upper: int, corner: int) -> int:
    if kind == 1:
        return left
    if kind == 2:
        return upper
    if kind == 3:
        return (left + upper) // 2
    about = left + upper - corner
    return min((abs(about - left), 0, left), (abs(about - upper), 1, upper), (abs(about - corner), 2, corner))[2]


def _coloured(row: bytearray) -> bytes:
    """Red first, and as strong as it is without its opacity."""
    done = bytearray(row)
    done[0::4], done[2::4] = row[2::4], row[0::4]
    for at in range(0, len(done), 4):
        if 0 < (opacity := done[at + 3]) < 255:
            for colour in range(at, at + 3):
                done[colour] = min(255, (done[colour] * 255 + opacity // 2) // opacity)
    return bytes(done)
