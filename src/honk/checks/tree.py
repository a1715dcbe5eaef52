"""A commit's files, read from git objects and never from a folder that an agent could write."""

import tomllib
from typing import Any

from honk.domain.repository import Repository, Sha
from honk.ports import Repositories


class Tree:
    """The files of one commit; what was read is kept."""

    def __init__(self, repositories: Repositories, repository: Repository, commit: Sha, paths: tuple[str, ...]) -> None:
        self._repositories = repositories
        self._repository = repository
        self.commit = commit
        self.paths = frozenset(paths)
        self._contents: dict[str, bytes | None] = {}

    @classmethod
    async def of(cls, repositories: Repositories, repository: Repository, commit: Sha) -> "Tree":
        return cls(repositories, repository, commit, await repositories.files(repository, commit))

    def __contains__(self, path: str) -> bool:
        return path in self.paths

    async def content(self, path: str) -> bytes | None:
        """The file's bytes, or None when it is absent, not a regular file, or larger than a megabyte."""
        if path not in self.paths:
            return None
        if path not in self._contents:
            self._contents[path] = await self._repositories.read(self._repository, self.commit, path)
        return self._contents[path]

    async def text(self, path: str) -> str | None:
        """The file as text; what is not UTF-8 is replaced."""
        content = await self.content(path)
        return None if content is None else content.decode("utf-8", "replace")

    async def toml(self, path: str) -> dict[str, Any]:
        """The file as TOML; {} when it is absent or not TOML."""
        try:
            return tomllib.loads(await self.text(path) or "")
        except tomllib.TOMLDecodeError:
            return {}
