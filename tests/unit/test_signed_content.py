"""What a signer may change of an app, and nothing else: archives and programs, honest and not."""

import struct
import zipfile
from pathlib import Path

import pytest

from honk.steps.build.same_content import bare, differences

CONTENT = {"AndroidManifest.xml": b"x", "classes.dex": b"code", "META-INF/services/a": b"impl"}
SIGNATURE = {"META-INF/MANIFEST.MF": b"m", "META-INF/KEY.SF": b"s", "META-INF/KEY.RSA": b"r"}


def archive(path: Path, files: dict[str, bytes], *more: tuple[str, bytes]) -> str:
    with zipfile.ZipFile(path, "w") as made:
        for name, content in (*files.items(), *more):
            made.writestr(zipfile.ZipInfo(name), content)
    return str(path)


@pytest.fixture
def unsigned(tmp_path: Path) -> str:
    return archive(tmp_path / "unsigned", CONTENT)


def test_a_signature_alone_is_the_same_content(tmp_path: Path, unsigned: str) -> None:
    assert differences(unsigned, archive(tmp_path / "signed", {**CONTENT, **SIGNATURE}), "apk") == []
    assert differences(unsigned, unsigned, "apk") == []


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({**CONTENT, "classes.dex": b"evil"}, "changed: 'classes.dex'", id="changed"),
        pytest.param({**CONTENT, "classes2.dex": b"evil"}, "added: 'classes2.dex'", id="added"),
        pytest.param({**CONTENT, "META-INF/services/b": b"evil"}, "added: 'META-INF/services/b'", id="service"),
        pytest.param({**CONTENT, "META-INF/x/KEY.RSA": b"evil"}, "added: 'META-INF/x/KEY.RSA'", id="deeper"),
        pytest.param({**CONTENT, "a/META-INF/KEY.RSA": b"evil"}, "added: 'a/META-INF/KEY.RSA'", id="elsewhere"),
        pytest.param({"AndroidManifest.xml": b"x"}, "missing: 'META-INF/services/a'", id="missing"),
    ],
)
def test_anything_else_is_named(tmp_path: Path, unsigned: str, files: dict[str, bytes], said: str) -> None:
    assert said in differences(unsigned, archive(tmp_path / "signed", {**files, **SIGNATURE}), "apk")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_entry_twice_is_no_same_content(tmp_path: Path, unsigned: str) -> None:
    twice = archive(tmp_path / "signed", CONTENT, ("classes.dex", b"evil"))
    assert "twice there: 'classes.dex'" in differences(unsigned, twice, "apk")


def program(code: bytes, *, signature: bytes = b"", linkedit: int = 16, more: bytes = b"") -> bytes:
    """A small Mach-O file of 64 bits, as codesign leaves it: a segment for links, and a signature at the end."""
    segment = struct.pack(
        "<II16sQQQQIIII", 0x19, 72, b"__LINKEDIT", 4096, linkedit + len(signature), 200, linkedit, 1, 1, 0, 0
    )
    text = struct.pack("<II16sQQQQIIII", 0x19, 72, b"__TEXT", 0, 4096, 0, 200, 5, 5, 0, 0)
    commands = [text, segment, more] if more else [text, segment]
    body_at = 32 + 72 * 2 + len(more) + 16
    start = body_at + 64 + len(code)
    if signature:
        commands.append(struct.pack("<IIII", 0x1D, 16, start, len(signature)))
    joined = b"".join(commands)
    head = struct.pack("<IIIIIIII", 0xFEEDFACF, 0x0100000C, 0, 2, len(commands), len(joined), 0x85, 0)
    return (head + joined).ljust(body_at + 64, b"\0") + code + signature


def test_a_program_is_the_same_but_for_its_signature() -> None:
    plain, signed = program(b"\x01code\x02"), program(b"\x01code\x02", signature=b"\xfa\xde" * 40)
    assert plain != signed and bare(plain) == bare(signed)
    assert bare(signed) == bare(program(b"\x01code\x02", signature=b"\xfa\xdf" * 80, linkedit=4096))
    assert bare(plain) != bare(program(b"\x01evil\x02", signature=b"\xfa\xde" * 40))
    library = struct.pack("<II16s", 0xC, 24, b"@rpath/evil.dyl\0")
    assert bare(plain) != bare(program(b"\x01code\x02", signature=b"\xfa\xde" * 40, more=library))
    assert bare(signed + b"more") == signed + b"more"
    for cut in range(0, len(signed), 7):
        bare(signed[:cut])


def test_a_program_for_two_processors() -> None:
    def fat(*slices: bytes) -> bytes:
        at, head, body = 8 + 20 * len(slices), struct.pack(">II", 0xCAFEBABE, len(slices)), b""
        for number, one in enumerate(slices):
            head += struct.pack(">IIIII", number, 0, at + len(body), len(one), 0)
            body += one
        return head + body

    plain, signed = program(b"\x01a\x02"), program(b"\x01a\x02", signature=b"\xfa" * 20)
    assert bare(fat(plain, plain)) == bare(fat(signed, signed))
    assert bare(fat(plain, plain)) != bare(fat(signed, program(b"\x01b\x02")))


def test_an_app_for_an_iphone(tmp_path: Path) -> None:
    app = {"Payload/M.app/M": program(b"\x01code\x02"), "Payload/M.app/Info.plist": b"p"}
    added = {"Payload/M.app/_CodeSignature/CodeResources": b"r", "Payload/M.app/embedded.mobileprovision": b"e"}
    unsigned = archive(tmp_path / "u", app)
    own = {**app, "Payload/M.app/M": program(b"\x01code\x02", signature=b"\xfa\xde" * 40)}
    assert differences(unsigned, archive(tmp_path / "s", {**own, **added}), "ipa") == []
    evil = {**own, **added, "Payload/M.app/M": program(b"\x01evil\x02", signature=b"\xfa\xde" * 40)}
    assert differences(unsigned, archive(tmp_path / "e", evil), "ipa") == ["changed: 'Payload/M.app/M'"]
    plugin = {**own, **added, "Payload/M.app/PlugIns/X.appex/X": b"evil"}
    assert differences(unsigned, archive(tmp_path / "p", plugin), "ipa") != []
    assert differences(unsigned, archive(tmp_path / "o", {**own, "_CodeSignature/x": b"evil"}), "ipa") != []
