"""What a forge needs of git: pushing to the target with a lease, and making merge commits in the mirror."""

import os
from datetime import datetime
from pathlib import Path

from honk.adapters.git.address import is_local
from honk.adapters.git.failures import translated
from honk.adapters.git.mirror import TARGET, sha
from honk.adapters.git.owner import receive_pack
from honk.adapters.git.repositories import GitRepositories, quiet
from honk.adapters.git.runner import GitFailed
from honk.domain.repository import Repository, Sha
from honk.errors import NeedsHuman, RepositoryUnusable

_SECONDS = 900.0


class GitTargets:
    """Implements `honk.adapters.embedded.Target` on the mirrors of `repositories`."""

    def __init__(self, repositories: GitRepositories) -> None:
        self._repositories = repositories
        self._mirrors = repositories.mirrors

    async def refresh(self, repository: Repository) -> None:
        await self._repositories.mirrors.refresh(repository, quiet, own=True)

    async def tip(self, repository: Repository, branch: str) -> Sha | None:
        shown = await self._mirrors.advertised(repository)
        return shown.heads.get(branch)

    async def known_tip(self, repository: Repository, branch: str) -> Sha | None:
        return await self._repositories.resolve(repository, f"{TARGET}/{branch}")

    async def hold(self, repository: Repository, branch: str, commit: Sha) -> None:
        await self._repositories.point(repository, f"refs/heads/{branch}", commit)

    async def held(self, repository: Repository, branch: str) -> Sha | None:
        return await self._repositories.resolve(repository, f"refs/heads/{branch}")

    def mirror(self, repository: Repository) -> Path:
        return self._repositories.layout.mirror(repository)

    async def push(self, repository: Repository, branch: str, commit: Sha, *, over: Sha | None) -> str:
        ref = f"refs/heads/{branch}"
        owner = receive_pack(Path(repository.url)) if is_local(repository) else ""
        flags = (
            *("push", "--porcelain", "--no-verify", "--recurse-submodules=no", "--no-follow-tags", "--no-signed"),
            *((f"--receive-pack={owner}",) if owner else ()),
            f"--force-with-lease={ref}:{over or ''}",
        )
        mirror = self.mirror(repository)
        pushed = (*flags, "--", repository.url, f"{sha(commit)}:{ref}")
        try:
            async with self._mirrors.calling(repository, act="write to") as git:
                answer = await git(mirror, *pushed, seconds=_SECONDS, allowed=(0, 1))
        except NeedsHuman as error:
            return error.message
        return "" if answer.code == 0 else _reason(os.fsdecode(answer.stdout), answer.complaint)

    async def checked_out(self, repository: Repository, branch: str) -> Path | None:
        if not is_local(repository):
            return None
        path = Path(repository.url)
        git_dir = path / ".git" if (path / ".git").exists() else path
        try:
            listed = await self._mirrors.remote_git(git_dir, "worktree", "list", "--porcelain")
        except GitFailed as failure:
            raise translated(failure, repository) from failure
        for block in listed.text.split("\n\n"):
            lines = block.splitlines()
            if f"branch refs/heads/{branch}" in lines:
                return Path(lines[0].removeprefix("worktree "))
        return None

    async def landed(self, repository: Repository, head: Sha, tip: Sha, mark: str) -> Sha | None:
        recorded = await self._repositories.resolve(repository, f"refs/honk/{mark}")
        if recorded is not None and await self._contains(repository, tip, recorded):
            return recorded
        if not await self._contains(repository, tip, head):
            return None
        git, mirror = self._mirrors.git, self.mirror(repository)
        walk = ("rev-list", "--first-parent", "--ancestry-path", "--reverse", "--parents", f"{sha(head)}..{sha(tip)}")
        first = (await git(mirror, *walk)).text.partition("\n")[0].split()
        # Merged by a commit of its own, or fast-forwarded, so that the head itself is on the base.
        return sha(first[0]) if len(first) > 2 and first[1] != head else head

    async def recorded(self, repository: Repository, mark: str) -> Sha | None:
        return await self._repositories.resolve(repository, f"refs/honk/{mark}")

    async def record(self, repository: Repository, mark: str, commit: Sha) -> None:
        await self._repositories.keep(repository, mark, commit)

    async def merged_tree(self, repository: Repository, onto: Sha, head: Sha) -> Sha | tuple[str, ...]:
        if await self._contains(repository, head, onto):
            return await self._repositories.tree(repository, head)
        merge = ("merge-tree", "--write-tree", "--name-only", "--no-messages", "-z", sha(onto), sha(head))
        try:
            answer = await self._mirrors.git(self.mirror(repository), *merge, allowed=(0, 1), seconds=_SECONDS)
        except GitFailed as failure:
            raise RepositoryUnusable(
                f"git cannot merge {head[:12]} into {onto[:12]}: {failure.complaint.strip()[:300]}",
                "the base has moved, and merging needs git 2.38 or newer and a common ancestor",
            ) from failure
        tree, *files = os.fsdecode(answer.stdout).split("\0")
        return sha(tree) if answer.code == 0 else tuple(dict.fromkeys(name for name in files if name))

    async def tree(self, repository: Repository, commit: Sha) -> Sha:
        return await self._repositories.tree(repository, commit)

    async def commit(
        self, repository: Repository, tree: Sha, parents: tuple[Sha, ...], message: str, at: datetime
    ) -> Sha:
        return await self._repositories.commit(repository, tree, parents, message, at)

    async def with_trailers(self, repository: Repository, message: str, onto: Sha, head: Sha) -> str:
        git, mirror = self._mirrors.git, self.mirror(repository)
        log = ("log", "--format=%(trailers:only=true,unfold=true)", f"{sha(onto)}..{sha(head)}", "--")
        trailers = dict.fromkeys(line for line in (await git(mirror, *log)).text.splitlines() if line.strip())
        add = (word for trailer in trailers for word in ("--trailer", trailer))
        interpret = ("interpret-trailers", "--if-exists=addIfDifferent", *add)
        answer = await git(mirror, *interpret, stdin=f"{message.rstrip()}\n".encode("utf-8", "replace"))
        return answer.stdout.decode("utf-8", "replace")

    async def _contains(self, repository: Repository, tip: Sha, commit: Sha) -> bool:
        test = ("merge-base", "--is-ancestor", sha(commit), sha(tip))
        return (await self._mirrors.git(self.mirror(repository), *test, allowed=(0, 1))).code == 0


def _reason(porcelain: str, complaint: str) -> str:
    """The target's words from `git push --porcelain` and what its hooks said."""
    for line in porcelain.splitlines():
        if line.startswith("!"):
            said = [one.removeprefix("remote:").strip() for one in complaint.splitlines() if one.startswith("remote:")]
            words = "; ".join(one for one in said if one)[:500]
            return line.rpartition("\t")[2] + (f": {words}" if words else "")
    return complaint.strip()[-500:] or "the target gave no reason"
