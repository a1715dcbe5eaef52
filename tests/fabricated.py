"""An .ipa made from Apple's public documents, for lack of Xcode: what it is called, its profile, its icon.

Nothing of it runs anywhere; no phone has seen one. Info.plist and embedded.mobileprovision have the keys of the
Information Property List reference and of a provisioning profile; the icon is a PNG as Xcode rewrites them (CgBI).
"""

import io
import plistlib
import stat
import struct
import zipfile
import zlib
from datetime import datetime
from typing import Any

#: naive UTC, as property lists have it
EXPIRES = datetime(2027, 6, 1, 12, 0)  # noqa: DTZ001
DEVICES = ("00008110-000A1B2C3D4E5F60", "00008120-001122334455667A")
KINDS: dict[str, dict[str, Any]] = {
    "ad hoc": {"ProvisionedDevices": list(DEVICES), "Entitlements": {"get-task-allow": False}},
    "development": {"ProvisionedDevices": list(DEVICES), "Entitlements": {"get-task-allow": True}},
    "enterprise": {"ProvisionsAllDevices": True, "Entitlements": {"get-task-allow": False}},
    "App Store": {"Entitlements": {"get-task-allow": False}},
}
FOLDER = "Payload/Player.app/"


def png(side: int, colour: tuple[int, int, int, int]) -> bytes:
    """A square of one colour."""
    rows = (b"\0" + bytes(colour) * side) * side
    return _png((b"IHDR", _head(side)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def cgbi(side: int, colour: tuple[int, int, int, int]) -> bytes:
    """The same as Xcode has it: blue first, multiplied by the opacity, raw deflate; each row has another filter."""
    red, green, blue, opacity = colour
    row = bytes((one * opacity + 127) // 255 for one in (blue, green, red)) + bytes((opacity,))
    before, lines = bytes(4 * side), b""
    for number in range(side):
        kind, plain = number % 5, row * side
        lines += bytes((kind,)) + bytes(
            (plain[at] - _predicted(kind, plain, before, at)) & 0xFF for at in range(4 * side)
        )
        before = plain
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    drawn = packer.compress(lines) + packer.flush()
    return _png((b"CgBI", b"\x50\0\x20\x02"), (b"IHDR", _head(side)), (b"IDAT", drawn), (b"IEND", b""))


def _predicted(kind: int, row: bytes, before: bytes, at: int) -> int:
    left, corner = (row[at - 4], before[at - 4]) if at >= 4 else (0, 0)
    about = left + before[at] - corner
    paeth = min((left, before[at], corner), key=lambda one: abs(about - one))
    return (0, left, before[at], (left + before[at]) // 2, paeth)[kind]


def _head(side: int) -> bytes:
    return struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)


def _png(*pieces: tuple[bytes, bytes]) -> bytes:
    made = (
        struct.pack(">I", len(one)) + kind + one + struct.pack(">I", zlib.crc32(kind + one)) for kind, one in pieces
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(made)


def pixels(content: bytes) -> set[bytes]:
    """The colours of a PNG whose rows have no filter."""
    width, height = struct.unpack(">II", content[16:24])
    at, data = 8, b""
    while at < len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        data += content[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += length + 12
    rows = zlib.decompress(data)
    assert len(rows) == (4 * width + 1) * height and not any(rows[:: 4 * width + 1])
    return {rows[y + x : y + x + 4] for y in range(1, len(rows), 4 * width + 1) for x in range(0, 4 * width, 4)}


def info(**changes: Any) -> bytes:
    """Info.plist, binary as in a real app."""
    said = {
        "CFBundleIdentifier": "com.example.player",
        "CFBundleDisplayName": "Music player",
        "CFBundleName": "Player",
        "CFBundleShortVersionString": "1.4.0",
        "CFBundleVersion": "57",
        "MinimumOSVersion": "15.0",
        "UIDeviceFamily": [1, 2],
        "CFBundleIcons": {"CFBundlePrimaryIcon": {"CFBundleIconFiles": ["AppIcon60x60"]}},
        "DTPlatformName": "iphoneos",
    }
    return plistlib.dumps({**said, **changes}, fmt=plistlib.FMT_BINARY)


def profile(kind: str, expires: datetime = EXPIRES) -> bytes:
    """A provisioning profile: the property list within bytes of a signature that nobody looks at."""
    said = {"Name": f"Player {kind}", "TeamName": "Example Ltd", "TeamIdentifier": ["ABCDE12345"]}
    plist = plistlib.dumps({**said, "ExpirationDate": expires, **KINDS[kind]})
    return b"0\x82\x10\0\x06\x09*\x86H\x86\xf7\r\x01\x07\x02" + plist + b"\xa0\x82\x05\0" + bytes(64)


def zipped(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    """An archive; of those named in `links` the content is where a symbolic link leads."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            if name in links:
                entry.create_system, entry.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
            archive.writestr(entry, content)
    return out.getvalue()


def ipa(kind: str = "ad hoc", *, expires: datetime = EXPIRES, **changes: bytes) -> bytes:
    """The archive. `changes` replace files by what stands before their ending, such as `Info`."""
    files = {
        f"{FOLDER}Info.plist": changes.get("Info", info()),
        f"{FOLDER}embedded.mobileprovision": changes.get("embedded", profile(kind, expires)),
        f"{FOLDER}AppIcon60x60@2x.png": changes.get("icon", cgbi(120, (200, 30, 90, 128))),
        f"{FOLDER}AppIcon60x60@3x.png": cgbi(4, (1, 2, 3, 255)),
        f"{FOLDER}Player": bytes(2000),
    }
    return zipped(files)
