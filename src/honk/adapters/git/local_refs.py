"""What a repository on this machine shows of itself, read from its files: no process, a fraction of a millisecond.

Only for asking whether anything moved since the last fetch. Whatever has an unusual form is not read, and git is
asked instead.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from honk.domain.repository import Sha

_HEX = frozenset("0123456789abcdef")
_BRANCHES = "refs/heads/"
_SHOWN = (_BRANCHES, "refs/tags/")


@dataclass(frozen=True, slots=True)
class Advertised:
    """What a target shows of itself."""

    heads: Mapping[str, Sha]
    #: the branch that HEAD names, when it has a commit
    branch: str | None
    #: the commit of HEAD, also when it names no branch
    head: Sha | None
    #: the objects that tags name
    tags: Mapping[str, Sha]


def read(path: Path) -> Advertised | None:
    """None when git must be asked."""
    git_dir = path / ".git" if (path / ".git").is_dir() else path
    if (git_dir / "reftable").exists() or (git_dir / "commondir").exists():
        return None
    try:
        head = (git_dir / "HEAD").read_text().strip()
        # Loose ones first: a ref that is packed meanwhile is then found in at least one of the two places.
        loose = dict(_loose(git_dir))
        refs = {**dict(_packed(git_dir / "packed-refs")), **loose}
    except (OSError, ValueError):
        return None
    heads = {name.removeprefix(_BRANCHES): Sha(value) for name, value in refs.items() if name.startswith(_BRANCHES)}
    tags = {name: Sha(value) for name, value in refs.items() if not name.startswith(_BRANCHES)}
    if not head.startswith(f"ref: {_BRANCHES}"):
        return Advertised(heads=heads, branch=None, head=Sha(head), tags=tags) if _is_name(head) else None
    branch = head.removeprefix(f"ref: {_BRANCHES}")
    at = heads.get(branch)
    return Advertised(heads=heads, branch=branch if at else None, head=at, tags=tags)


def _loose(git_dir: Path) -> Iterator[tuple[str, str]]:
    for kind in _SHOWN:
        for folder, _, names in os.walk(git_dir / kind):
            for name in names:
                path = Path(folder, name)
                value = path.read_text().strip()
                if name.endswith(".lock"):
                    continue
                if not _is_name(value):
                    raise ValueError(f"{path} is a symbolic ref")
                yield os.fspath(path.relative_to(git_dir)), value


def _packed(path: Path) -> Iterator[tuple[str, str]]:
    if not path.exists():
        return
    for line in os.fsdecode(path.read_bytes()).splitlines():
        value, _, name = line.partition(" ")
        if _is_name(value) and name.startswith(_SHOWN):
            yield name, value


def _is_name(value: str) -> bool:
    return len(value) in (40, 64) and _HEX.issuperset(value)
