"""Which paths, links and bundles may be taken over from a sandbox: pure rules, no input or output."""

import re
from dataclasses import dataclass

from honk.domain.repository import FileChange

_SUBMODULE = "160000"
_LINK = "120000"
_MODES = frozenset({"100644", "100755", _LINK})
#: characters that HFS+ ignores in names
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_LONGEST_PATH = 4096
_LONGEST_NAME = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """Limits of one hand-back, in bytes and files."""

    #: of the bundle, which holds what changed in compressed form
    bundle: int = 200 << 20
    #: of one file
    blob: int = 100 << 20
    #: of all changed files together
    total: int = 1 << 30
    files: int = 50_000


def objection(change: FileChange) -> str:
    """Why the changed entry may not be taken over, or ""."""
    path = shown(change.path)
    if _SUBMODULE in {change.old_mode, change.new_mode}:
        if change.old_mode != _SUBMODULE:
            return f"{path} is a git repository of its own inside the workspace; remove its .git folder or ignore it"
        return f"the submodule {path} was {'removed' if change.new_mode == '000000' else 'changed'}"
    if is_gitmodules(change.path):
        return f"{path} describes submodules, and those may not be changed"
    if change.status == "D":
        return ""
    if change.new_mode not in _MODES:
        return f"{path} has the mode {change.new_mode}"
    return _path_objection(change.path)


def link_objection(path: str, target: str) -> str:
    """Why a symbolic link at `path` to `target` may not be taken over, or "".

    Only leading ".." are allowed: behind a name they would mean another folder when that name is
    a link itself.
    """
    if target.startswith("/"):
        return f"the link {shown(path)} points to the absolute path {shown(target)}"
    parts = [part for part in target.split("/") if part not in {"", "."}]
    up = next((number for number, part in enumerate(parts) if part != ".."), len(parts))
    if ".." in parts[up:] or up > path.count("/"):
        return f"the link {shown(path)} points out of the repository, to {shown(target)}"
    if any(is_dot_git(part) for part in parts):
        return f"the link {shown(path)} points into .git"
    if not target or "\0" in target:
        return f"the link {shown(path)} has no usable target"
    return ""


def bundle_objection(head: bytes, ref: str, base: str) -> str:
    """Why the bundle's header (its first bytes) is not the one that was asked for, or ""."""
    text, end, _ = head.partition(b"\n\n")
    signature, *lines = text.split(b"\n")
    if not end or signature not in {b"# v2 git bundle", b"# v3 git bundle"}:
        return "what came back is no git bundle"
    for line in lines:
        known = (
            line.startswith(b"-" + base.encode())
            or line in {b"@object-format=sha1", b"@object-format=sha256"}
            or re.fullmatch(rb"[0-9a-f]{40,64} " + re.escape(ref.encode()), line) is not None
        )
        if not known:
            return f"the bundle has an unexpected header line: {line[:80]!r}"
    return ""


def is_dot_git(name: str) -> bool:
    """Whether a file system may take this name for ".git": any case, HFS+ and NTFS spellings."""
    for one in (_IGNORED_BY_HFS.sub("", name), name):
        # NTFS drops what follows a colon, and dots and spaces at the end.
        plain = one.split(":", 1)[0].rstrip(". ").lower()
        if plain in {".git", "git~1"}:
            return True
    return False


def is_gitmodules(path: str) -> bool:
    """Whether a file system may take this path for the ".gitmodules" at the top."""
    plain = _IGNORED_BY_HFS.sub("", path).split(":", 1)[0].rstrip(". ").lower()
    return plain == ".gitmodules" or re.fullmatch(r"gitmod~\d|gi7eba~\d", plain) is not None


def shown(path: str) -> str:
    """A path for people: control characters and undecodable bytes escaped, of bearable length."""
    text = path.encode("utf-8", "backslashreplace").decode()
    text = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)
    return f"'{text if len(text) <= 200 else text[:200] + '…'}'"


def _path_objection(path: str) -> str:
    names = path.split("/")
    if any(name in {"", ".", ".."} for name in names):
        return f"{shown(path)} is not a path within the repository"
    if any(is_dot_git(name) for part in names for name in part.split("\\")):
        return f"{shown(path)} has a name that some file systems take for .git"
    encoded = [len(name.encode("utf-8", "surrogateescape")) for name in names]
    if max(encoded) > _LONGEST_NAME or sum(encoded) + len(names) > _LONGEST_PATH:
        return f"{shown(path)} is too long a path"
    return ""
