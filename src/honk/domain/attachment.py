"""What may come with a message: how files are called, what they are, and how much of a conversation is kept."""

import codecs
import re
import unicodedata

#: Pictures that models read, and how their files begin.
PICTURES = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/gif": rb"GIF8[79]a",
    "image/webp": rb"RIFF....WEBP",
}
#: Recordings of a screen, and how their files begin; pictures and sounds in the same containers are none.
_RECORDINGS = {
    "video/quicktime": rb"....(ftypqt|moov|wide)",
    "video/mp4": rb"....ftyp(?!avif|avis|heic|heix|heif|hevc|mif1|msf1|M4A|M4B|crx )",
    "video/webm": rb"\x1aE\xdf\xa3",
}
_OTHERS = {"application/pdf": rb"%PDF-", "application/zip": rb"PK\x03\x04", "application/gzip": rb"\x1f\x8b"}
#: How much of a file's beginning `kind_of` wants.
HEAD = 4096
#: Characters of a conversation that are kept: its end.
CONTEXT_LIMIT = 60_000
#: A file system takes names of 255 bytes.
_LONGEST_NAME = 200
_LONGEST_ENDING = 20


def safe_name(name: str) -> str:
    """The name without its folders and without characters that control anything, at most 200 bytes of UTF-8.

    What nobody sees, or what turns the direction of writing, is left out: it can make a program look like a picture.
    """
    last = re.split(r"[/\\]", name.replace("\0", ""))[-1]
    seen = "".join(char for char in last if unicodedata.category(char)[0] not in "CZ" or char == " ").strip()
    if not seen.strip("."):
        return "file"
    stem, dot, ending = seen.rpartition(".")
    if not stem or len(ending.encode()) > _LONGEST_ENDING:
        stem, dot, ending = seen, "", ""
    room = _LONGEST_NAME - len((dot + ending).encode())
    return stem.encode()[:room].decode("utf-8", "ignore") + dot + ending


def kind_of(head: bytes) -> str:
    """The media type of a file that begins so, never by its name: nobody can claim another one."""
    for kinds in (PICTURES, _RECORDINGS, _OTHERS):
        for kind, begin in kinds.items():
            if re.match(begin, head, re.DOTALL):
                return kind
    return "text/plain" if is_text(head) else "application/octet-stream"


def is_text(head: bytes) -> bool:
    """Whether these bytes, which may end within a character, are text in UTF-8."""
    try:
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False


def is_recording(media_type: str) -> bool:
    """Whether frames can be taken of it."""
    return media_type in _RECORDINGS


def bounded_context(text: str) -> str:
    """The end of a conversation, without what no store and no model takes: NUL, and halves of surrogate pairs."""
    plain = text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
    return plain if len(plain) <= CONTEXT_LIMIT else "…\n" + plain[-CONTEXT_LIMIT + 2 :]
