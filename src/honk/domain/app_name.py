"""What an app calls itself: read from the files that say so, all of which an agent may have written."""

import html
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping

from honk.domain.text import shortened, visible

#: Files in the order in which they are asked for a name; manifests and the page are those of the build.
MANIFESTS = ("manifest.webmanifest", "manifest.json", "site.webmanifest")
PAGE, PACKAGE, PROJECT = "index.html", "package.json", "pyproject.toml"
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,500})</title", re.IGNORECASE)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+~-]{0,39}")
_LONGEST = 60


def called(files: Mapping[str, bytes], commit: str) -> tuple[str, str]:
    """Name and version by the content of those of the files that are there.

    The name is "" where none says it. The version is that of the package with the commit, which tells two
    builds of one version apart, or the commit alone.
    """
    names = (shortened(visible(html.unescape(name)), _LONGEST) for name in _names(files))
    declared = next((one for one in _versions(files) if _VERSION.fullmatch(one)), "")
    short = commit[:7]
    return next(filter(None, names), ""), f"{declared}+{short}" if declared else short


def _names(files: Mapping[str, bytes]) -> Iterator[str]:
    for path in MANIFESTS:
        yield from _said(json.loads, files.get(path), "short_name", "name")
    if found := _TITLE.search(files.get(PAGE, b"").decode("utf-8", "replace")):
        yield found[1]
    yield from _said(json.loads, files.get(PACKAGE), "displayName", "name")
    yield from _said(_project, files.get(PROJECT), "name")


def _versions(files: Mapping[str, bytes]) -> Iterator[str]:
    yield from _said(json.loads, files.get(PACKAGE), "version")
    yield from _said(_project, files.get(PROJECT), "version")


def _project(text: str) -> object:
    return tomllib.loads(text).get("project")


def _said(read: Callable[[str], object], content: bytes | None, *keys: str) -> Iterator[str]:
    """The values of these keys that are words."""
    try:
        table = read((content or b"").decode())
    except (ValueError, RecursionError):
        return
    if isinstance(table, dict):
        yield from (table[key] for key in keys if isinstance(table.get(key), str))
