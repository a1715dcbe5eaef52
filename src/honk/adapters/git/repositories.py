"""`Repositories` on git's command line: everything that the host reads and writes is in bare repositories."""

import difflib
import os
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from honk.adapters.git import address, clone, comparing, merging, removal
from honk.adapters.git.environment import Environments
from honk.adapters.git.layout import Layout
from honk.adapters.git.mirror import TARGET, Mirrors, sha
from honk.adapters.git.remembered import Remembered
from honk.adapters.git.runner import GitFailed
from honk.domain.event import EventData
from honk.domain.repository import Base, Compared, FileChange, Merge, Repository, Sha
from honk.errors import RepositoryUnusable
from honk.ports import Credentials, Sandboxes, Tell

PLAIN = ("--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "--ignore-submodules=none")
_PATHS_BYTES = 60_000


class GitRepositories:
    """Mirrors below `home`. `operator` is the environment of the person who runs Honk, used for remotes only.

    `credentials` are Honk's own; for a server that has given it none, the operator's means count.
    """

    def __init__(
        self,
        home: Path,
        sandboxes: Sandboxes,
        *,
        operator: Mapping[str, str],
        author: tuple[str, str] = ("Honk", "honk@localhost"),
        credentials: Credentials | None = None,
    ) -> None:
        self.layout = Layout(home)
        self.mirrors = Mirrors(self.layout, Environments(home, operator), credentials=credentials)
        self.sandboxes = sandboxes
        self.author = author
        self._read = Remembered()

    def identify(self, address_: str) -> Repository:
        return address.identify(address_)

    async def refresh(self, repository: Repository, tell: Tell, *, holder: str = "", own: bool = False) -> None:
        await self.mirrors.refresh(repository, tell, holder=holder, own=own)

    async def merge(self, repository: Repository, head: Sha, base: Sha, at: datetime) -> Merge:
        return await merging.merge(self, repository, head, base, at)

    async def base(self, repository: Repository, branch: str | None) -> Base:
        if not (self.layout.repository(repository) / "head").exists():
            await self.refresh(repository, quiet)
        name = branch if branch is not None else self.mirrors.head(repository)
        shown = self.mirrors.fetched.get(repository.key)
        tips = dict(shown.heads) if shown else await self._tips(repository)
        if shown and name not in tips:
            await self.mirrors.refresh(repository, quiet, own=True)
            tips = await self._tips(repository)
        if name not in tips:
            near = difflib.get_close_matches(name, tips, n=3) or sorted(tips)[:5]
            raise RepositoryUnusable(f"{repository.url} has no branch {name!r}", f"it has: {', '.join(near)}")
        return Base(branch=name, commit=tips[name])

    async def uncommitted(self, repository: Repository) -> int:
        """0 as well where git refuses to look, such as in another user's work tree."""
        if not address.is_local(repository):
            return 0
        path = Path(repository.url)
        git_dir = path / ".git"
        if not git_dir.exists():
            return 0
        self.mirrors.environments.prepare()
        status = ("status", "--porcelain", "-z", "--no-renames", "--untracked-files=normal")
        try:
            # Never with another user's configuration: it may name programs that `status` runs.
            if path.stat().st_uid != os.geteuid() or git_dir.stat().st_uid != os.geteuid():
                return 0
            answer = await self.mirrors.remote_git(git_dir, f"--work-tree={path}", *status, seconds=60)
        except (GitFailed, OSError):
            return 0
        return sum(1 for one in answer.stdout.split(b"\0") if one)

    async def subjects(self, repository: Repository, commit: Sha, limit: int = 50) -> tuple[str, ...]:
        log = ("log", "--first-parent", "--no-merges", f"--max-count={limit}", "--format=%s", sha(commit))
        answer = await self.mirrors.git(self.layout.mirror(repository), *log)
        return tuple(answer.stdout.decode("utf-8", "replace").splitlines())

    async def files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        return await self._read.once(("files", repository.key, commit), lambda: self._files(repository, commit))

    async def read(self, repository: Repository, commit: Sha, path: str, limit: int = 1_000_000) -> bytes | None:
        listed = self._read.known(("files", repository.key, commit))
        if listed is not None and path not in listed:
            return None
        key = ("read", repository.key, commit, path, limit)
        return await self._read.once(key, lambda: self._content(repository, commit, path, limit))

    async def _files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        return tuple(path for path, mode, _ in await self._entries(repository, sha(commit)) if mode != "160000")

    async def _content(self, repository: Repository, commit: Sha, path: str, limit: int) -> bytes | None:
        mirror = self.layout.mirror(repository)
        git = self.mirrors.git
        listed = await git(mirror, "ls-tree", "-z", "-l", "--full-tree", sha(commit), "--", path, allowed=(0, 128))
        for line in os.fsdecode(listed.stdout).split("\0"):
            meta, _, name = line.partition("\t")
            if name != path or not meta.startswith("100"):
                continue
            _, _, blob, size = meta.split()
            return (await git(mirror, "cat-file", "blob", blob)).stdout if int(size) <= limit else None
        return None

    async def changes(self, repository: Repository, old: Sha, new: Sha) -> tuple[FileChange, ...]:
        flags = ("-r", "-z", "--raw", "--numstat", "--no-abbrev", *PLAIN)
        answer = await self.mirrors.git(self.layout.mirror(repository), "diff-tree", *flags, sha(old), sha(new))
        return parse_changes(os.fsdecode(answer.stdout))

    async def diff(self, repository: Repository, old: Sha, new: Sha, *, paths: tuple[str, ...] = ()) -> str:
        """Bytes that are not UTF-8 are shown as U+FFFD; odd file names are quoted the way git does."""
        flags = ("-r", "-p", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", *PLAIN)
        pieces = []
        for some in _batches(paths) if paths else [()]:
            answer = await self.mirrors.git(
                self.layout.mirror(repository), "diff-tree", *flags, sha(old), sha(new), "--", *some
            )
            pieces.append(answer.stdout.decode("utf-8", "replace"))
        return "".join(pieces)

    async def compared(self, repository: Repository, old: Sha, new: Sha) -> tuple[Compared, ...]:
        return await comparing.compared(self, repository, old, new)

    async def differences(
        self, repository: Repository, old: Sha, new: Sha, files: tuple[Compared, ...], *, context: int = 3
    ) -> str:
        return await comparing.differences(self, (repository, old, new), files, context)

    async def patch(self, repository: Repository, old: Sha, new: Sha) -> bytes:
        flags = ("-r", "-p", "--binary", "--full-index", "--src-prefix=a/", "--dst-prefix=b/", *PLAIN)
        answer = await self.mirrors.git(
            self.layout.mirror(repository), "-c", "core.quotePath=true", "diff-tree", *flags, sha(old), sha(new)
        )
        return answer.stdout

    async def commit_tree(self, repository: Repository, tree: Sha, parent: Sha, message: str, at: datetime) -> Sha:
        return await self.commit(repository, tree, (parent,), message, at)

    async def commit(
        self, repository: Repository, tree: Sha, parents: tuple[Sha, ...], message: str, at: datetime
    ) -> Sha:
        """A commit of Honk's own with any number of parents."""
        name, mail = self.author
        date = f"@{int(at.timestamp())} +0000"
        who = {
            **{"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail, "GIT_AUTHOR_DATE": date},
            **{"GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail, "GIT_COMMITTER_DATE": date},
        }
        text = message.replace("\0", "").rstrip("\n") + "\n"
        answer = await self.mirrors.git(
            self.layout.mirror(repository),
            *("commit-tree", sha(tree), *(word for parent in parents for word in ("-p", sha(parent))), "-F", "-"),
            stdin=text.encode("utf-8", "replace"),
            extra=who,
        )
        return sha(answer.text)

    async def with_paths(self, repository: Repository, base: Sha, source: Sha, paths: tuple[str, ...]) -> Sha:
        wanted = set(paths)
        theirs = {path: (mode, blob) for path, mode, blob in await self._entries(repository, sha(source))}
        zero = "0" * len(base)
        gone = [f"0 {zero}\t{path}" for path in paths if path not in theirs]
        there = [f"{theirs[path][0]} {theirs[path][1]}\t{path}" for path in sorted(wanted & theirs.keys())]
        mirror = self.layout.mirror(repository)
        git = self.mirrors.git
        with TemporaryDirectory(prefix="index-", dir=self.layout.repository(repository)) as folder:
            extra = {"GIT_INDEX_FILE": f"{folder}/index"}
            await git(mirror, "read-tree", sha(base), extra=extra)
            lines = os.fsencode("".join(f"{line}\0" for line in (*gone, *there)))
            await git(mirror, "update-index", "-z", "--replace", "--index-info", stdin=lines, extra=extra)
            return sha((await git(mirror, "write-tree", extra=extra)).text)

    async def tree(self, repository: Repository, commit: Sha) -> Sha:
        return await self._read.once(("tree", repository.key, commit), lambda: self._tree(repository, commit))

    async def _tree(self, repository: Repository, commit: Sha) -> Sha:
        mirror = self.layout.mirror(repository)
        return sha((await self.mirrors.git(mirror, "rev-parse", "--verify", f"{sha(commit)}^{{tree}}")).text)

    async def keep(self, repository: Repository, name: str, commit: Sha) -> None:
        await self.point(repository, f"refs/honk/{name}", commit)

    async def point(self, repository: Repository, ref: str, commit: Sha) -> None:
        """Sets a ref of the mirror, whatever it was before."""
        async with self.mirrors.locked(repository):
            await self.mirrors.git(self.layout.mirror(repository), "update-ref", "--no-deref", ref, sha(commit))

    async def resolve(self, repository: Repository, ref: str) -> Sha | None:
        """The commit at a full ref name of the mirror."""
        git = self.mirrors.git
        answer = await git(self.layout.mirror(repository), "show-ref", "--verify", "-s", "--", ref, allowed=(0, 1, 128))
        return sha(answer.text) if answer.code == 0 else None

    async def checkout(self, repository: Repository, base: Base, commit: Sha, into: Path) -> None:
        await clone.make(self.mirrors, repository, base, clone.Wanted(commit=sha(commit), author=self.author), into)
        self.sandboxes.own(into)

    async def clear(self, folder: Path) -> None:
        await anyio.to_thread.run_sync(removal.remove, folder, self.layout.trash)

    async def _entries(self, repository: Repository, commit: Sha) -> list[tuple[str, str, str]]:
        """(path, mode, object) of every file, link and submodule."""
        listed = await self.mirrors.git(self.layout.mirror(repository), "ls-tree", "-r", "-z", "--full-tree", commit)
        entries = []
        for line in os.fsdecode(listed.stdout).split("\0"):
            meta, tab, path = line.partition("\t")
            if tab:
                mode, _, name = meta.split()
                entries.append((path, mode, name))
        return entries

    async def _tips(self, repository: Repository) -> dict[str, Sha]:
        listed = await self.mirrors.git(
            self.layout.mirror(repository), "for-each-ref", "--format=%(objectname) %(refname)", f"{TARGET}/"
        )
        pairs = (line.split(" ", 1) for line in listed.text.splitlines())
        return {ref.removeprefix(f"{TARGET}/"): sha(commit) for commit, ref in pairs}


def parse_changes(text: str) -> tuple[FileChange, ...]:
    """The output of `git diff-tree -r -z --raw --numstat --no-renames`: first the raw lines, then the counts."""
    fields = iter(text.split("\0"))
    raw: dict[str, tuple[str, str, str]] = {}
    counts: dict[str, tuple[str, str]] = {}
    for field in fields:
        if field.startswith(":"):
            old_mode, new_mode, _, _, status = field[1:].split(" ")
            raw[next(fields)] = (old_mode, new_mode, status[0])
        elif field:
            added, removed, path = field.split("\t", 2)
            counts[path] = (added, removed)
    return tuple(
        FileChange(
            path=path,
            status=status,
            old_mode=old_mode,
            new_mode=new_mode,
            insertions=int(counts[path][0]) if path in counts and counts[path][0] != "-" else 0,
            deletions=int(counts[path][1]) if path in counts and counts[path][1] != "-" else 0,
            binary=path in counts and counts[path][0] == "-",
        )
        for path, (old_mode, new_mode, status) in raw.items()
    )


def _batches(paths: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Paths in groups that fit on a command line."""
    some: list[str] = []
    size = 0
    for path in paths:
        size += len(os.fsencode(path)) + 1
        if some and size > _PATHS_BYTES:
            yield tuple(some)
            some, size = [], len(os.fsencode(path)) + 1
        some.append(path)
    yield tuple(some)


async def quiet(_: EventData) -> None:
    """For a refresh that nobody follows."""
