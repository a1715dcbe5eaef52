"""A moved base is merged into a branch, in the mirror: also where they conflict, for somebody who settles that."""

import os
from datetime import datetime
from typing import TYPE_CHECKING

from honk.adapters.git.mirror import sha
from honk.adapters.git.runner import GitFailed
from honk.domain.repository import Merge, Repository, Sha
from honk.errors import RepositoryUnusable

if TYPE_CHECKING:
    from honk.adapters.git.repositories import GitRepositories

_SECONDS = 900.0


async def merge(repositories: "GitRepositories", repository: Repository, head: Sha, base: Sha, at: datetime) -> Merge:
    """See `Repositories.merge`."""
    mirror, git = repositories.layout.mirror(repository), repositories.mirrors.git
    wanted = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", sha(head), sha(base))
    try:
        answer = await git(mirror, *wanted, allowed=(0, 1), seconds=_SECONDS)
    except GitFailed as failure:
        raise RepositoryUnusable(
            f"git cannot merge {base[:12]} into {head[:12]}: {failure.complaint.strip()[:300]}",
            "merging needs git 2.38 or newer and a common ancestor",
        ) from failure
    tree, *files = os.fsdecode(answer.stdout).split("\0")
    message = f"Merge the base at {base[:12]}"
    commit = await repositories.commit(repository, sha(tree), (head, base), message, at)
    await repositories.keep(repository, f"merged/{commit}", commit)
    return Merge(commit=commit, conflicts=tuple(dict.fromkeys(name for name in files if name)))
