"""Names, kinds and bounds of what comes with a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from honk.domain.attachment import CONTEXT_LIMIT, bounded_context, is_recording, kind_of, safe_name
from honk.domain.message import Enclosed


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("crash.log", "crash.log"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\trace.txt", "trace.txt"),
        ("a\0b.txt", "ab.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ("line\nbreak\u2028.txt", "linebreak.txt"),
        ("..", "file"),
        (" . ", "file"),
        ("", "file"),
        ("half \ud800.txt", "half .txt"),
        (".env", ".env"),
    ],
)
def test_a_name_is_one_part_of_a_path_without_surprises(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


@given(st.text())
def test_every_name_can_be_a_file(name: str) -> None:
    safe = safe_name(name)
    assert safe and safe not in {".", ".."} and "/" not in safe and "\0" not in safe
    assert len(safe.encode()) <= 200
    assert safe_name(safe) == safe


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("ü" * 300 + ".jsonl").endswith("ü.jsonl")


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\x89PNG\r\n\x1a\nrest", "image/png"),
        (b"\0\0\0\x20ftypisom\0\0", "video/mp4"),
        (b"\0\0\0\x14ftypqt  ", "video/quicktime"),
        (b"\x1aE\xdf\xa3\x01", "video/webm"),
        (b"\0\0\0\x20ftypheic", "application/octet-stream"),
        (b"PK\x03\x04\x14", "application/zip"),
        ("grüße"[:4].encode()[:-1], "text/plain"),
        (b"", "text/plain"),
        (b"a\0b", "application/octet-stream"),
        (b"\xff\xfe\x00", "application/octet-stream"),
    ],
)
def test_the_kind_is_in_the_bytes(head: bytes, kind: str) -> None:
    assert kind_of(head) == kind
    assert is_recording(kind) is kind.startswith("video/")


def test_the_end_of_a_conversation_is_kept() -> None:
    long = "early\n" + "x" * CONTEXT_LIMIT + "late"
    kept = Enclosed(context=long).context
    assert len(kept) == CONTEXT_LIMIT and kept.endswith("late") and "early" not in kept
    assert bounded_context(kept) == kept
    assert bounded_context("a\0b\ud800c") == "ab?c"
