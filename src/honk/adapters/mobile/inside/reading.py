"""The program: a file → one line of JSON, which says what it is, or why that could not be read."""

import base64
import json
import resource
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import bundle
from .android import MANIFEST, apk
from .bundle import aab
from .iphone import INFO, ipa
from .unreadable import Unreadable
from .zips import Zip

#: bytes of memory and seconds of the processor, wherever this runs
_MEMORY, _SECONDS = 768 << 20, 30
Reader = Callable[[Path, Zip], tuple[dict[str, Any], bytes]]


def main(path: str) -> None:
    """Prints the line. Whatever the file is, it ends well."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    sys.stdout.write(json.dumps(read(Path(path))) + "\n")


def read(file: Path) -> dict[str, Any]:
    """`form` is apk, aab, ipa, zip, tar or ""; of an app either `facts` and `icon`, or `unread` with the reason."""
    form = ""
    try:
        with file.open("rb") as opened:
            zipped = opened.read(4) in {b"PK\x03\x04", b"PK\x05\x06"}
        if not zipped:
            return {"form": "tar" if _is_tar(file) else ""}
        archive = Zip(file)
        form, reader = _form(archive)
        if reader is None:
            return {"form": form}
        facts, icon = reader(file, archive)
        return {"form": form, "facts": facts, "icon": base64.b64encode(icon).decode()}
    except Unreadable as exc:
        return {"form": form, "unread": str(exc)[:500]}
    except MemoryError:
        return {"form": form, "unread": "reading it needs more memory than it may have"}
    except RecursionError:
        return {"form": form, "unread": "it is nested too deeply"}
    except Exception as exc:  # noqa: BLE001 - the file is hostile: whatever it breaks is its own fault
        return {"form": form, "unread": f"it is broken ({type(exc).__name__})"}


def _form(archive: Zip) -> tuple[str, Reader | None]:
    if archive.has("BundleConfig.pb") or archive.has(bundle.MANIFEST):
        return "aab", aab
    if archive.has(MANIFEST):
        return "apk", apk
    if any(INFO.fullmatch(name) for name in archive.names):
        return "ipa", ipa
    return "zip", None


def _is_tar(file: Path) -> bool:
    try:
        with tarfile.open(file, "r:*") as archive:
            return archive.next() is not None
    except (tarfile.TarError, OSError, EOFError):
        return False
