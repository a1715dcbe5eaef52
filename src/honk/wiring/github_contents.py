"""Commits of a mirror piece by piece, by git: for where a repository at GitHub takes signed ones alone."""

import os

from honk.adapters.git.mirror import sha
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.github.contents import Entry, Written
from honk.domain.repository import Repository, Sha


class MirrorContents:
    """Implements `honk.adapters.github.contents.Contents` on the mirrors of `repositories`."""

    def __init__(self, repositories: GitRepositories) -> None:
        self._repositories = repositories

    async def written(self, repository: Repository, commit: Sha) -> Written:
        raw = (await self._git(repository, "cat-file", "commit", sha(commit))).decode("utf-8", "replace")
        head, _, message = raw.partition("\n\n")
        lines = [line.split(" ") for line in head.split("\n")]
        return Written(
            tree=sha(next(words[1] for words in lines if words[0] == "tree")),
            parents=tuple(sha(words[1]) for words in lines if words[0] == "parent"),
            message=message,
        )

    async def entries(self, repository: Repository, old: Sha, new: Sha) -> tuple[Entry, ...]:
        listed = await self._git(
            repository, "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "--no-renames", sha(old), sha(new)
        )
        fields = iter(os.fsdecode(listed).split("\0"))
        found = []
        for meta in fields:
            if meta.startswith(":"):
                _, mode, _, made, status = meta.split(" ")
                path = next(fields)
                found.append(Entry(path=path) if status == "D" else Entry(path=path, mode=mode, object=sha(made)))
        return tuple(found)

    async def blob(self, repository: Repository, object: Sha) -> bytes:
        return await self._git(repository, "cat-file", "blob", sha(object))

    async def _git(self, repository: Repository, *argv: str) -> bytes:
        mirrors = self._repositories.mirrors
        return (await mirrors.git(mirrors.layout.mirror(repository), *argv)).stdout
