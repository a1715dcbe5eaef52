"""How the fake repositories compare two trees: as git does for a person, files moved unchanged included."""

import difflib
import hashlib
from collections.abc import Mapping
from dataclasses import replace

from honk.domain.repository import Compared, FileChange, Sha

Tree = Mapping[str, bytes]


def compared(old: Tree, new: Tree, changes: tuple[FileChange, ...]) -> tuple[Compared, ...]:
    """See `Repositories.compared`."""
    gone = {old[one.path]: one.path for one in changes if one.status == "D"}
    moved = {one.path: gone.pop(new[one.path]) for one in changes if one.status == "A" and new[one.path] in gone}
    return tuple(_compared(old, new, one, moved.get(one.path, "")) for one in changes if one.path not in moved.values())


def _compared(old: Tree, new: Tree, one: FileChange, was: str) -> Compared:
    before, after = old.get(was or one.path), new.get(one.path)
    binary = b"\0" in (before or b"") + (after or b"")
    added, removed = _counts(before or b"", after or b"")
    change = replace(
        one,
        status="M" if was else one.status,
        old_mode="100644" if was else one.old_mode,
        insertions=0 if binary else added,
        deletions=0 if binary else removed,
        binary=binary,
    )
    return Compared(change=change, was=was, old=_blob(before), new=_blob(after))


def differences(old: Tree, new: Tree, files: tuple[Compared, ...], context: int) -> str:
    """See `Repositories.differences`."""
    return "".join(_difference(old.get(one.before), new.get(one.change.path), one, context) for one in files)


def _difference(before: bytes | None, after: bytes | None, one: Compared, context: int) -> str:
    a, b = _quoted(f"a/{one.before}"), _quoted(f"b/{one.change.path}")
    head = [f"diff --git {a} {b}"]
    if one.was:
        head += ["similarity index 100%", f"rename from {_quoted(one.was)}", f"rename to {_quoted(one.change.path)}"]
    if before is None:
        head.append("new file mode 100644")
    if after is None:
        head.append("deleted file mode 100644")
    if before != after:
        head.append(f"index {one.old}..{one.new}" + (" 100644" if None not in (before, after) else ""))
        a, b = a if before is not None else "/dev/null", b if after is not None else "/dev/null"
        if one.change.binary:
            head.append(f"Binary files {a} and {b} differ")
        else:
            head += _hunks(_lines(before or b""), _lines(after or b""), (a, b), context)
    return "".join(f"{line}\n" for line in head)


def _hunks(old: list[str], new: list[str], names: tuple[str, str], context: int) -> list[str]:
    found: list[str] = []
    for line in difflib.unified_diff(old, new, *names, n=context, lineterm=""):
        text, newline, _ = line.partition("\n")
        found.append(text)
        if not newline and line[:1] in "+- " and not line.startswith(("+++ ", "--- ")):
            found.append("\\ No newline at end of file")
    return found


def _lines(content: bytes) -> list[str]:
    lines = content.decode("utf-8", "replace").split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _counts(before: bytes, after: bytes) -> tuple[int, int]:
    marks = [line[:1] for line in difflib.unified_diff(_lines(before), _lines(after), n=0)][2:]
    return marks.count("+"), marks.count("-")


def _blob(content: bytes | None) -> Sha:
    return Sha("0" * 40 if content is None else hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest())


def _quoted(path: str) -> str:
    raw = path.encode("utf-8", "surrogateescape")
    if all(32 <= byte < 127 and byte not in b'"\\' for byte in raw):
        return path
    shown = "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03o}" for byte in raw)
    return f'"{shown}"'
