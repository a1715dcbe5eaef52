"""An address as a person types it → a Repository."""

import hashlib
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from honk.domain.repository import Repository
from honk.errors import Usage

_SCHEMES = frozenset({"http", "https", "ssh", "git"})
_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
#: git's short form for ssh: [user@]host:path, where no slash comes before the colon
_SHORT_SSH = re.compile(r"^(?:[^/\s:@]+@)?[^/\s:@]+:(?!:)[^\s]*$")
_TOKEN = re.compile(r"^(gh[a-z]_|github_pat_|glpat-|x-token|x-access-token|oauth2)|^.{40,}$")
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]+")
_NO_PASSWORDS = (
    "give the address without it, and keep the password in git's credential helper "
    "(git config --global credential.helper store, then git credential approve)"
)


def identify(address: str) -> Repository:
    """The repository of a local path (also a folder within a work tree) or URL.

    Credentials in a URL are refused rather than dropped: addresses are stored and shown, and a
    person should know that this one does not belong there. Raises Usage.
    """
    if not address.strip() or address.startswith("-") or any(ord(one) < 32 or ord(one) == 127 for one in address):
        raise Usage(f"not a repository: {address!r}", "give a local path or a git URL")
    if "::" in address.split("/", 1)[0]:
        raise Usage(f"{address!r} asks for a git helper program", "use a local path, https:// or ssh://")
    if address.lower().startswith("file://"):
        return _local(unquote(urlsplit(address).path))
    if _URL.match(address):
        return _remote(address)
    if _SHORT_SSH.match(address) and not _exists(address):
        return _named(address, address.split(":", 1)[1])
    return _local(address)


def is_local(repository: Repository) -> bool:
    """Whether the url is a path on this machine."""
    return repository.url.startswith("/")


def _remote(address: str) -> Repository:
    try:
        parts = urlsplit(address)
        user, password, host = parts.username or "", parts.password, parts.hostname
    except ValueError as exc:
        raise Usage(f"not a URL that git understands: {exc}", "check the address") from exc
    if parts.scheme.lower() not in _SCHEMES:
        raise Usage(f"{parts.scheme}:// is not allowed", "use https://, http://, ssh://, git:// or a local path")
    if password is not None or (parts.scheme.lower().startswith("http") and _TOKEN.search(user)):
        raise Usage(f"the address of {host} contains a password or token", _NO_PASSWORDS)
    if parts.query or parts.fragment:
        raise Usage(f"the address of {host} has a part behind '?' or '#'", "give the address that git clone takes")
    if not host or not parts.path.strip("/"):
        raise Usage(f"{address!r} names no repository", "give the whole address, such as https://host/owner/name")
    return _named(address.rstrip("/"), parts.path)


def _local(address: str) -> Repository:
    try:
        path = Path(address).expanduser().resolve()
    except (RuntimeError, OSError) as exc:
        raise Usage(f"not a path: {address!r} ({exc})") from exc
    try:
        str(path).encode()
    except UnicodeEncodeError as exc:
        raise Usage(f"the path {address!r} is not UTF-8", "rename the folder, or make a link to it") from exc
    root = _root(path)
    return _named(str(root), root.name)


def _root(path: Path) -> Path:
    """The repository that the path lies in, or the path itself where there is none."""
    for folder in (path, *path.parents):
        try:
            if folder.name != ".git" and (folder / ".git").exists():
                return folder
            if (folder / "objects").is_dir() and (folder / "refs").is_dir() and (folder / "HEAD").exists():
                return folder.parent if folder.name == ".git" else folder
        except OSError:
            continue
    return path


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except OSError:
        return False


def _named(url: str, path: str) -> Repository:
    last = path.rstrip("/").rsplit("/", 1)[-1].removesuffix(".git")
    name = _NOT_IN_NAMES.sub("-", last).strip("-.")[:60] or "repository"
    digest = hashlib.sha256(url.encode()).hexdigest()[:10]
    return Repository(url=url, name=name, key=f"{name}-{digest}")
