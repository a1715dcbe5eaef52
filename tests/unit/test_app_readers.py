"""What the readers of .ipa, .apk and .aab find; and that no file, however hostile, gets more than a sentence."""

import base64
import io
import plistlib
import random
import struct
import sys
import time
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import DEVICES, EXPIRES, FOLDER, KINDS, cgbi, info, ipa, pixels, png, zipped
from honk.adapters.mobile.inside.pictures import icon
from honk.adapters.mobile.inside.reading import read
from honk.domain.app_package import AppFacts, Profile, version_of

ANDROID = Path(__file__).resolve().parents[1] / "data" / "android"
NOW = datetime(2026, 11, 27, tzinfo=UTC)


def _read(content: bytes, folder: Path) -> dict[str, Any]:
    file = folder / "package"
    file.write_bytes(content)
    return read(file)


def _entries(name: str) -> dict[str, bytes]:
    with zipfile.ZipFile(ANDROID / name) as archive:
        return {one: archive.read(one) for one in archive.namelist()}


# ── what is found ──────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", KINDS)
def test_an_ipa_says_what_it_is_and_for_whom(kind: str, tmp_path: Path) -> None:
    said = _read(ipa(kind), tmp_path)
    facts, profile = said["facts"], said["facts"]["profile"]
    assert (facts["id"], facts["name"], facts["version"], facts["number"], facts["minimum"]) == (
        *("com.example.player", "Music player", "1.4.0", "57", "15.0"),
    )
    assert facts["families"] == ["iPhone", "iPad"]
    assert (profile["kind"], profile["name"], profile["team"]) == (kind, f"Player {kind}", "Example Ltd")
    assert profile["expires"] == EXPIRES.replace(tzinfo=UTC).isoformat()
    assert profile["devices"] == (list(DEVICES) if kind in {"ad hoc", "development"} else [])


def test_the_icon_of_an_ipa_is_one_that_browsers_show(tmp_path: Path) -> None:
    shown = base64.b64decode(_read(ipa(), tmp_path)["icon"])
    assert struct.unpack(">II", shown[16:24]) == (120, 120) and b"CgBI" not in shown
    (red, green, blue, opacity) = next(iter(pixels(shown)))
    assert len(pixels(shown)) == 1 and opacity == 128
    assert max(abs(red - 200), abs(green - 30), abs(blue - 90)) <= 1  # what multiplying by the opacity loses


@pytest.mark.parametrize("name", ["app.apk", "app.aab"])
def test_android_apps_made_with_debians_tools_say_what_they_are(name: str) -> None:
    said = read(ANDROID / name)
    facts = said["facts"]
    assert (facts["id"], facts["name"], facts["version"], facts["number"]) == (
        *("com.example.player", "Music player", "1.4.0", "57"),
    )
    assert (facts["minimum"], facts["target"]) == ("24", "29")
    assert facts["permissions"] == ["android.permission.INTERNET", "android.permission.CAMERA"]
    assert facts["schemes"] == ((1, 2, 3) if name == "app.apk" else ())
    assert struct.unpack(">II", base64.b64decode(said["icon"])[16:24]) == (144, 144)


def test_what_a_phone_can_install_and_why_not() -> None:
    def ios(**changes: Any) -> str:
        profile = Profile(kind="ad hoc", expires=EXPIRES.replace(tzinfo=UTC))
        return AppFacts(**{"form": "ipa", "id": "a.b", "version": "1", "profile": profile, **changes}).obstacle(NOW)

    def android(**changes: Any) -> str:
        return AppFacts(**{"form": "apk", "signer": "ab", "schemes": (2,), **changes}).obstacle(NOW)

    assert ios() == "" == android() == ios(profile=Profile(kind="enterprise"))
    assert "App Store" in ios(profile=Profile(kind="App Store"))
    assert "expired on 2026-11-27" in ios(profile=Profile(kind="ad hoc", expires=NOW))
    assert "no provisioning profile" in ios(profile=None)
    assert "simulator" in ios(simulator=True) and "bundle identifier" in ios(id="")
    assert (
        "store" in android(form="aab") and "not signed" in android(signer="") and "split" in android(split="config.de")
    )
    assert "v1" in android(schemes=(1,), target="30") and not android(schemes=(1,), target="29")


def test_the_system_and_the_version_in_words() -> None:
    facts = AppFacts(form="apk", minimum="24", version="1.4.0", number="57")
    assert facts.system == "Android 7.0 and later" and version_of(facts, "abcdef0123") == "1.4.0 (57)+abcdef0"
    assert AppFacts(form="apk", minimum="9" * 30).system.startswith("Android (API level 999")
    assert AppFacts(form="ipa", minimum="15.0").system == "iOS 15.0 and later"
    assert version_of(AppFacts(form="ipa"), "abcdef0123") == "abcdef0"


# ── what hostile files get ─────────────────────────────────────────────────────────────────────
_BILLION = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<plist version="1.0"><dict><key>CFBundleIdentifier</key><string>&b;</string></dict></plist>"""
_DEEP = b"<plist>" + b"<array>" * 100_000 + b"</array>" * 100_000 + b"</plist>"


def _bomb() -> bytes:
    """A manifest of a gigabyte of nothing, in a megabyte."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("AndroidManifest.xml", "w") as entry:
        for _ in range(64):
            entry.write(bytes(1 << 20))
    return out.getvalue()


def _lying() -> bytes:
    """The directory says that the manifest is small."""
    return _bomb().replace(struct.pack("<I", 64 << 20), struct.pack("<I", 100))


def _twice() -> bytes:
    out = io.BytesIO()
    with pytest.warns(UserWarning), zipfile.ZipFile(out, "w") as archive:
        archive.writestr("AndroidManifest.xml", b"one")
        archive.writestr("AndroidManifest.xml", b"two")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: ipa(Info=_BILLION), "entity declarations"),
        (lambda: ipa(Info=_DEEP), ""),
        (lambda: ipa(Info=plistlib.dumps([1])), "no dictionary"),
        (lambda: ipa(Info=b"rubbish"), "no property list"),
        (lambda: ipa(embedded=b"no list"), "no property list"),
        (lambda: ipa(embedded=bytes(5 << 20)), "larger than"),
        (lambda: ipa()[:-30], "not complete"),
        (lambda: ipa()[:200], "not complete"),
        (lambda: zipped({f"{FOLDER}Info.plist": b"/etc/passwd"}, links=(f"{FOLDER}Info.plist",)), "no regular file"),
        (lambda: zipped({f"Payload/{n}.app/Info.plist": info() for n in "ab"}), "2 apps"),
        (_bomb, "larger than"),
        (_lying, ""),
        (_twice, "twice"),
        (lambda: zipped({"AndroidManifest.xml": b"<manifest package='x'/>"}), "no compiled XML"),
        (lambda: zipped({"BundleConfig.pb": b""}), "has no base/manifest"),
        (
            lambda: zipped({"base/manifest/AndroidManifest.xml": b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"}),
            "",
        ),
        (lambda: b"PK\x03\x04" + bytes(200_000), "no zip archive"),
        (lambda: b"PK\x05\x06" + b"\xff" * 18, ""),
    ],
)
def test_hostile_files_are_answered_with_a_sentence(content: Any, said: str, tmp_path: Path) -> None:
    began = time.monotonic()
    found = _read(content(), tmp_path)
    assert "facts" not in found and found["unread"], found
    assert said in found["unread"]
    assert time.monotonic() - began < 3


def test_a_directory_that_would_fill_the_memory_is_not_read(tmp_path: Path) -> None:
    whole = ipa()
    end = whole.rfind(b"PK\x05\x06")
    large = whole[: end + 12] + struct.pack("<I", 100 << 20) + whole[end + 16 :]
    assert "too large" in _read(large, tmp_path)["unread"]


def _listing(count: int) -> bytes:
    """A directory of so many entries, none of which is there."""
    head = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", *((20,) * 2), *((0,) * 4), *((0,) * 3), 5, *((0,) * 4), 0, 0)
    names = b"".join(head + b"%05x" % number for number in range(count))
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count & 0xFFFF, count & 0xFFFF, len(names), 4, 0)
    return b"PK\x03\x04" + names + end


def test_many_entries_are_an_app_and_too_many_are_none(tmp_path: Path) -> None:
    out = io.BytesIO(ipa())
    with zipfile.ZipFile(out, "a") as archive:
        for number in range(10_000):
            archive.writestr(f"{number:x}", b"")
    assert _read(out.getvalue(), tmp_path)["facts"]["id"] == "com.example.player"
    assert "100,001 entries" in _read(_listing(100_001), tmp_path)["unread"]


def test_what_is_no_app_is_only_named(tmp_path: Path) -> None:
    assert _read(b"", tmp_path) == {"form": ""} == _read(b"#!/bin/sh\n", tmp_path)
    assert _read(zipped({"index.html": b"hello"}), tmp_path) == {"form": "zip"}


@pytest.mark.parametrize(
    "absurd",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        png(2, (1, 2, 3, 4))[:30],
        cgbi(4, (1, 2, 3, 4)).replace(struct.pack(">II", 4, 4), struct.pack(">II", 1 << 30, 1 << 30)),
        png(4, (1, 2, 3, 4)).replace(struct.pack(">II", 4, 4), struct.pack(">II", 1 << 30, 1)),
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"RIFF\x10\0\0\0WEBPVP8X" + b"\xff" * 18,
        b"GIF89a" + bytes(20),
        png(1, (1, 2, 3, 4)) + bytes(600_000),
    ],
)
def test_absurd_icons_are_not_shown(absurd: bytes, tmp_path: Path) -> None:
    assert icon(absurd) == b""
    said = _read(ipa(icon=absurd), tmp_path)
    assert said["facts"]["id"] == "com.example.player"


def test_a_webp_is_shown_by_its_first_bytes() -> None:
    lossless = b"RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f" + (143 | 143 << 14).to_bytes(4, "little") + bytes(9)
    assert icon(lossless) == lossless


def test_an_icon_that_unpacks_to_more_than_it_has_is_not_shown(tmp_path: Path) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packer.compress(bytes(64 << 20)) + packer.flush()
    small = cgbi(2, (1, 2, 3, 4))
    at = small.index(b"IDAT")
    bomb = small[: at - 4] + struct.pack(">I", len(data)) + b"IDAT" + data + bytes(4)
    assert len(icon(bomb)) < 200


@pytest.mark.parametrize("name", ["app.apk", "app.aab", "app.ipa"])
def test_no_mutation_breaks_a_reader(name: str, tmp_path: Path) -> None:
    """Bytes are changed within the entries, where a changed archive would only be refused."""
    chance = random.Random(6)
    entries = _entries(name) if name != "app.ipa" else {}
    if not entries:
        with zipfile.ZipFile(io.BytesIO(ipa())) as archive:
            entries = {one: archive.read(one) for one in archive.namelist()}
        entries = {name: content if "@2x" not in name else cgbi(12, (1, 2, 3, 9)) for name, content in entries.items()}
    read_ones = [one for one in entries if entries[one] and not one.endswith((".MF", ".SF", ".dex", "Player"))]
    began = time.monotonic()
    for _ in range(150):
        changed = dict(entries)
        target = chance.choice(read_ones)
        content = bytearray(changed[target])
        for _ in range(chance.choice((1, 3, 20))):
            content[chance.randrange(len(content))] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        changed[target] = bytes(content[: chance.choice((len(content), chance.randrange(len(content) + 1)))])
        said = _read(zipped(changed), tmp_path)
        assert said["form"] and ("facts" in said or said["unread"])
    whole = bytearray((ANDROID / name).read_bytes() if (ANDROID / name).exists() else ipa(icon=cgbi(12, (1, 2, 3, 9))))
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 5))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        said = _read(bytes(content), tmp_path)
        assert "facts" in said or said.get("unread") or said["form"] in {"", "zip"}
    assert time.monotonic() - began < 12
