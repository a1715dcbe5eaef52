"""A commit's files from a dict, for tests of what the gate reads."""

from collections.abc import Mapping

from honk.checks.tree import Tree
from honk.domain.repository import FileChange, Repository, Sha

REPOSITORY = Repository(url="/r", name="r", key="r")


class Files:
    """The part of `Repositories` that a tree reads from."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = files

    async def files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        return tuple(self._files)

    async def read(self, repository: Repository, commit: Sha, path: str, limit: int = 1_000_000) -> bytes | None:
        content = self._files.get(path)
        return None if content is None else content.encode("utf-8", "surrogateescape")


async def tree(files: Mapping[str, str], commit: str = "a" * 40) -> Tree:
    return await Tree.of(Files(files), REPOSITORY, Sha(commit))  # type: ignore[arg-type]


def changed(base: Mapping[str, str], change: Mapping[str, str]) -> tuple[FileChange, ...]:
    """What git would list between the two."""
    found = []
    for path in sorted(base.keys() | change.keys()):
        old, new = base.get(path), change.get(path)
        if old != new:
            lines = set((old or "").splitlines()) - set((new or "").splitlines())
            found.append(
                FileChange(
                    path=path,
                    status="A" if old is None else "D" if new is None else "M",
                    old_mode="000000" if old is None else "100644",
                    new_mode="000000" if new is None else "100644",
                    insertions=0,
                    deletions=len(lines),
                    binary=False,
                )
            )
    return tuple(found)
