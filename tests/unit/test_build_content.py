"""What a file is, however hostile: bounded, and never by its name."""

import struct
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.errors import Usage
from honk.settings.ci import Built
from honk.steps.build.content import kind_of_build

END = struct.Struct("<4s4H2LH")
NAMES = st.sampled_from(["AndroidManifest.xml", "index.html", "Payload/A.app/x", "a/index.html", "x", "../../etc", ""])


def _zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in dict.fromkeys(names):
            archive.writestr(zipfile.ZipInfo(name or "empty"), b"x")
    return path


@given(st.binary(max_size=300), st.booleans())
def test_rubbish_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory, content: bytes, archive: bool) -> None:
    file = tmp_path_factory.mktemp("x") / "f"
    file.write_bytes((b"PK\3\4" + content + b"PK\5\6" + content) if archive else content)
    with pytest.raises(Usage):
        kind_of_build(file, "app.apk")


@given(st.lists(NAMES, max_size=4), st.integers(0, 400), st.integers(0, 255))
def test_one_changed_byte_never_ends_in_anything_but_words(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], at: int, byte: int
) -> None:
    file = _zip(tmp_path_factory.mktemp("x") / "f", names)
    content = bytearray(file.read_bytes())
    content[at % len(content)] = byte
    file.write_bytes(content)
    try:
        assert kind_of_build(file, "f") in {"apk", "ipa", "aab", "web"}
    except Usage as error:
        assert error.remedy


def test_a_list_of_names_that_is_larger_than_its_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"PK\3\4" + bytes(100) + END.pack(b"PK\5\6", 0, 0, 9, 9, 1 << 30, 0, 0))
    with pytest.raises(Usage, match="more than is looked at"):
        kind_of_build(file, "f")
    file.write_bytes(b"PK\3\4" + bytes(100) + END.pack(b"PK\5\6", 0, 0, 9, 9, 5000, 0, 0))
    with pytest.raises(Usage, match="broken"):
        kind_of_build(file, "f")


def test_a_large_archive_in_the_newer_form_is_read(tmp_path: Path) -> None:
    """Of more than 65,535 files: their number stands in a record before the end, which says that it is elsewhere."""
    small = _zip(tmp_path / "s", ["AndroidManifest.xml"]).read_bytes()
    at = small.index(b"PK\5\6")
    length, offset = END.unpack(small[at:])[5:7]
    record = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, length, offset)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, at, 1)
    file = tmp_path / "f"
    end = END.pack(b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    file.write_bytes(small[:at] + record + locator + end)
    assert kind_of_build(file, "f") == "apk"
    assert zipfile.ZipFile(file).namelist() == ["AndroidManifest.xml"]
    file.write_bytes(
        small[:at] + record.replace(struct.pack("<2Q", 1, 1), struct.pack("<2Q", 1, 1 << 40)) + locator + end
    )
    with pytest.raises(Usage, match="more than is looked at"):
        kind_of_build(file, "f")


def test_a_ci_says_what_it_built(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"pull_request": {"head": {"sha": "abc"}}}')
    github = {"GITHUB_SHA": "merge", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_EVENT_PATH": str(event)}
    assert Built.here({**github, "GITHUB_HEAD_REF": "honk/fix-1"}) == Built(commit="abc", task="fix-1")
    assert Built.here({"GITHUB_SHA": "def", "GITHUB_EVENT_NAME": "push", "GITHUB_REF_NAME": "main"}).commit == "def"
    for broken in ("", "[]", '{"pull_request": 1}', '{"pull_request": {"head": {"sha": 7}}}'):
        event.write_text(broken)
        assert Built.here(github).commit == "merge"
    assert Built.here({"CI_COMMIT_SHA": "f00", "CI_COMMIT_REF_NAME": "honk/x"}) == Built(commit="f00", task="x")
    assert Built.here({}) == Built()
