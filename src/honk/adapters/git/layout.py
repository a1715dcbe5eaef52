"""Where git's folders lie below Honk's home."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from honk.domain.repository import Repository
from honk.domain.task import TaskId

#: Where every sandbox finds the objects of its base branch; a workspace's alternates name this path.
BASE_OBJECTS_INSIDE = "/honk/base.git/objects"
WORKSPACE_INSIDE = "/workspace"

_LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class Layout:
    home: Path

    def repository(self, repository: Repository) -> Path:
        return self.home / "repositories" / repository.key

    def mirror(self, repository: Repository) -> Path:
        return self.repository(repository) / "mirror.git"

    def base(self, repository: Repository, branch: str) -> Path:
        """The bare store of one base branch: all that a sandbox may see of the repository's history."""
        name = quote(os.fsencode(branch), safe="")
        if len(name) > _LONGEST_NAME:
            name = f"{name[:_LONGEST_NAME]}-{hashlib.sha256(os.fsencode(branch)).hexdigest()[:10]}"
        return self.repository(repository) / "base" / f"{name}.git"

    def task(self, task: TaskId) -> Path:
        return self.home / "tasks" / task

    @property
    def tasks(self) -> Path:
        return self.home / "tasks"

    @property
    def checkouts(self) -> Path:
        return self.home / "checkouts"

    @property
    def trash(self) -> Path:
        return self.home / "trash"
