"""What differs between two trees, for a person to read: moved files are found, and every name is exact."""

import os
from typing import TYPE_CHECKING

from honk.adapters.git.mirror import sha
from honk.domain.repository import Compared, FileChange, Repository, Sha

if TYPE_CHECKING:
    from honk.adapters.git.repositories import GitRepositories

#: As many new files are compared with as many that are gone; of more, only those moved unchanged are found.
_MOVED = ("-M", "-l200")
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none", *_MOVED)


async def compared(git: "GitRepositories", repository: Repository, old: Sha, new: Sha) -> tuple[Compared, ...]:
    """See `Repositories.compared`."""
    flags = ("-r", "-z", "--raw", "--numstat", "--no-abbrev", *_PLAIN)
    mirror = git.layout.mirror(repository)
    answer = await git.mirrors.git(mirror, "diff-tree", *flags, sha(old), sha(new))
    return parse_compared(os.fsdecode(answer.stdout))


async def differences(
    git: "GitRepositories", between: tuple[Repository, Sha, Sha], files: tuple[Compared, ...], context: int
) -> str:
    """See `Repositories.differences`."""
    repository, old, new = between
    flags = ("-r", "-p", f"-U{context}", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", *_PLAIN)
    mirror = git.layout.mirror(repository)
    pieces = []
    for some in _batches(files):
        answer = await git.mirrors.git(
            mirror, "-c", "core.quotePath=true", "diff-tree", *flags, sha(old), sha(new), "--", *some
        )
        pieces.append(answer.stdout.decode("utf-8", "replace"))
    return "".join(pieces)


def parse_compared(text: str) -> tuple[Compared, ...]:
    """The output of `git diff-tree -r -z --raw --numstat -M`: first the raw lines, then the counts."""
    fields = iter(text.split("\0"))
    raw: list[tuple[list[str], str, str]] = []
    counts: dict[str, tuple[str, str]] = {}
    for field in fields:
        if field.startswith(":"):
            words = field[1:].split(" ")
            was = next(fields) if words[4].startswith("R") else ""
            raw.append((words, was, next(fields)))
        elif field:
            added, removed, path = field.split("\t", 2)
            if not path:
                _, path = next(fields), next(fields)
            counts[path] = (added, removed)
    return tuple(_compared(words, was, path, counts.get(path, ("0", "0"))) for words, was, path in raw)


def _compared(words: list[str], was: str, path: str, counts: tuple[str, str]) -> Compared:
    old_mode, new_mode, old, new, status = words
    binary = counts[0] == "-"
    change = FileChange(
        path=path,
        status="M" if was else status[0],
        old_mode=old_mode,
        new_mode=new_mode,
        insertions=0 if binary else int(counts[0]),
        deletions=0 if binary else int(counts[1]),
        binary=binary,
    )
    return Compared(change=change, was=was, old=Sha(old), new=Sha(new))


def _batches(files: tuple[Compared, ...], limit: int = 60_000) -> list[list[str]]:
    """Paths in groups that fit on a command line; both of a moved file are in one."""
    groups: list[list[str]] = []
    size = limit + 1
    for one in files:
        paths = [one.change.path, *([one.was] if one.was else [])]
        more = sum(len(os.fsencode(path)) + 1 for path in paths)
        if size + more > limit:
            groups.append([])
            size = 0
        groups[-1] += paths
        size += more
    return groups
