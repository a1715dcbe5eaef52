"""Fakes of repositories and workspaces: commits are entries of a dictionary, a tree is a dictionary of files."""

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from honk.domain.attempt import Change
from honk.domain.event import StepProgressed
from honk.domain.repository import Base, Compared, FileChange, Merge, Repository, Sha
from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.errors import HandBackRefused, HonkError, RepositoryUnusable
from honk.ports import Mount, Sandbox, Snapshot, Tell
from honk.testing import fake_comparing

Tree = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    tree: Sha
    parents: tuple[Sha, ...]
    message: str


@dataclass
class Code:
    """Every commit and tree there is, and the branches of the one target repository."""

    commits: dict[Sha, Commit] = field(default_factory=dict)
    trees: dict[Sha, Tree] = field(default_factory=dict)
    branches: dict[str, Sha] = field(default_factory=dict)
    #: the branch that the target calls its default one; there is none where no branch has this name
    default: str = "main"
    #: what the next calls of the target raise, one each
    outages: list[HonkError] = field(default_factory=list)

    def tree(self, files: Tree) -> Sha:
        """Stores a tree; the same files give the same name."""
        listed = json.dumps([[path, files[path].decode("latin-1")] for path in sorted(files)])
        name = _name("tree", listed)
        self.trees[name] = dict(files)
        return name

    def commit(self, tree: Sha, parents: tuple[Sha, ...], message: str) -> Sha:
        """Stores a commit; the same arguments give the same name."""
        name = _name("commit", tree, *parents, message)
        self.commits[name] = Commit(tree=tree, parents=parents, message=message)
        return name

    def files(self, commit: Sha) -> Tree:
        """The files of a commit."""
        return self.trees[self.commits[commit].tree]

    def fork(self, head: Sha, base: Sha) -> Sha:
        """The latest commit that both have."""
        both, todo = self._ancestors(base), [head]
        while True:
            if found := [one for one in todo if one in both]:
                return next((one for one in found if one == base), found[0])
            todo = [parent for one in todo for parent in self.commits[one].parents]

    def _ancestors(self, commit: Sha) -> set[Sha]:
        found, todo = set[Sha](), [commit]
        while todo:
            found.add(one := todo.pop())
            todo.extend(self.commits[one].parents)
        return found

    def history(self, branch: str) -> tuple[Commit, ...]:
        """Every commit that the branch holds."""
        seen: dict[Sha, Commit] = {}
        todo = [self.branches[branch]]
        while todo:
            name = todo.pop()
            if name not in seen:
                seen[name] = self.commits[name]
                todo.extend(seen[name].parents)
        return tuple(seen.values())


def _name(*parts: str) -> Sha:
    return Sha(hashlib.sha1("\0".join(parts).encode()).hexdigest())


def _mode(tree: Tree, path: str) -> str:
    return "100644" if path in tree else "000000"


class FakeRepositories:
    """See `Repositories`. One target repository; an address with "missing" in it leads nowhere."""

    def __init__(self, code: Code) -> None:
        self._code = code

    def identify(self, address: str) -> Repository:
        return Repository(url=address, name=Path(address).name, key=hashlib.sha256(address.encode()).hexdigest()[:12])

    async def refresh(self, repository: Repository, tell: Tell, *, holder: str = "", own: bool = False) -> None:
        if self._code.outages:
            raise self._code.outages.pop(0)
        if "missing" in repository.url:
            raise RepositoryUnusable(f"there is no repository at {repository.url}", "look at the address")
        await tell(StepProgressed(step="prepare", detail="fetching"))

    async def base(self, repository: Repository, branch: str | None) -> Base:
        name = branch or self._code.default
        if name not in self._code.branches:
            raise RepositoryUnusable(f"{repository.url} has no branch {name}")
        return Base(branch=name, commit=self._code.branches[name])

    async def merge(self, repository: Repository, head: Sha, base: Sha, at: datetime) -> Merge:
        ours, theirs = self._code.files(head), self._code.files(base)
        begun = self._code.files(self._code.fork(head, base))
        files, conflicts = dict(ours), []
        for path in {*theirs, *begun}:
            if theirs.get(path) == begun.get(path) or theirs.get(path) == ours.get(path):
                continue
            if ours.get(path) == begun.get(path):
                files[path] = theirs.get(path, b"")
            else:
                conflicts.append(path)
                files[path] = b"<<<<<<<\n" + ours.get(path, b"") + b"\n=======\n" + theirs.get(path, b"") + b"\n>>>>>>>"
        commit = self._code.commit(self._code.tree(files), (head, base), f"Merge the base at {base[:12]}")
        return Merge(commit=commit, conflicts=tuple(sorted(conflicts)))

    async def uncommitted(self, repository: Repository) -> int:
        return 0

    async def subjects(self, repository: Repository, commit: Sha, limit: int = 50) -> tuple[str, ...]:
        found: list[str] = []
        at: Sha | None = commit
        while at is not None and len(found) < limit:
            one = self._code.commits[at]
            if len(one.parents) < 2:
                found.append(one.message.partition("\n")[0])
            at = one.parents[0] if one.parents else None
        return tuple(found)

    async def files(self, repository: Repository, commit: Sha) -> tuple[str, ...]:
        return tuple(sorted(self._code.files(commit)))

    async def read(self, repository: Repository, commit: Sha, path: str, limit: int = 1_000_000) -> bytes | None:
        return self._code.files(commit).get(path)

    async def changes(self, repository: Repository, old: Sha, new: Sha) -> tuple[FileChange, ...]:
        return changes(self._code.files(old), self._code.files(new))

    async def diff(self, repository: Repository, old: Sha, new: Sha, *, paths: tuple[str, ...] = ()) -> str:
        return "".join(f"{one.status} {one.path}\n" for one in await self.changes(repository, old, new))

    async def compared(self, repository: Repository, old: Sha, new: Sha) -> tuple[Compared, ...]:
        before, after = self._code.files(old), self._code.files(new)
        return fake_comparing.compared(before, after, changes(before, after))

    async def differences(
        self, repository: Repository, old: Sha, new: Sha, files: tuple[Compared, ...], *, context: int = 3
    ) -> str:
        return fake_comparing.differences(self._code.files(old), self._code.files(new), files, context)

    async def patch(self, repository: Repository, old: Sha, new: Sha) -> bytes:
        return (await self.diff(repository, old, new)).encode()

    async def commit_tree(self, repository: Repository, tree: Sha, parent: Sha, message: str, at: datetime) -> Sha:
        return self._code.commit(tree, (parent,), message)

    async def with_paths(self, repository: Repository, base: Sha, source: Sha, paths: tuple[str, ...]) -> Sha:
        given = self._code.files(source)
        kept = {path: content for path, content in self._code.files(base).items() if path not in paths}
        return self._code.tree({**kept, **{path: given[path] for path in paths if path in given}})

    async def tree(self, repository: Repository, commit: Sha) -> Sha:
        return self._code.commits[commit].tree

    async def keep(self, repository: Repository, name: str, commit: Sha) -> None:
        """Nothing is ever removed here."""

    async def checkout(self, repository: Repository, base: Base, commit: Sha, into: Path) -> None:
        _write(self._code.files(commit), into)

    async def clear(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)


class FakeWorkspaces:
    """See `Workspaces`. A workspace is a real folder; a file called `link` in it may not be handed back."""

    def __init__(self, code: Code, home: Path) -> None:
        self._code = code
        self._home = home
        self._snapshots: dict[TaskId, Sha] = {}

    async def open(
        self, task: TaskId, repository: Repository, base: Base, *, at: Sha | None = None, head: Sha | None = None
    ) -> Workspace:
        place = self.place(task)
        if not place.exists():
            _write(self._code.files(at or base.commit), place)
        return Workspace(task=task, repository=repository, base=base, path=str(place))

    def mounts(self, workspace: Workspace) -> tuple[Mount, ...]:
        return ()

    async def take(self, workspace: Workspace, sandbox: Sandbox, *, parent: Sha, message: str, at: datetime) -> Change:
        files = _files(Path(workspace.path))
        tree = self._code.tree(files)
        same = tree == self._code.commits[parent].tree
        return Change(
            base=workspace.base.commit,
            parent=parent,
            commit=parent if same else self._code.commit(tree, (parent,), message),
            tree=tree,
            files=changes(self._code.files(workspace.base.commit), files),
        )

    async def snapshot(self, workspace: Workspace) -> Snapshot | None:
        tree = self._code.tree(_files(Path(workspace.path)))
        commit = self._code.commit(tree, (workspace.base.commit,), "work in progress")
        if self._snapshots.get(workspace.task) == commit:
            return None
        self._snapshots[workspace.task] = commit
        changed = changes(self._code.files(workspace.base.commit), self._code.files(commit))
        return Snapshot(commit=commit, files=len(changed))

    async def latest_snapshot(self, workspace: Workspace) -> Sha | None:
        return self._snapshots.get(workspace.task)

    async def drop_snapshot(self, workspace: Workspace) -> None:
        self._snapshots.pop(workspace.task, None)

    async def clear(self, task: TaskId) -> None:
        shutil.rmtree(self.place(task), ignore_errors=True)

    async def discard(self, task: TaskId) -> None:
        shutil.rmtree(self.place(task).parent, ignore_errors=True)

    async def collect(self, keep: frozenset[TaskId]) -> int:
        return 0

    def place(self, task: TaskId) -> Path:
        """Where the task's workspace lies."""
        return self._home / "tasks" / task / "workspace"


def _files(place: Path) -> Tree:
    files = {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}
    if "link" in files:
        raise HandBackRefused("link leads out of the repository", "remove it")
    return files


def changes(old: Tree, new: Tree) -> tuple[FileChange, ...]:
    """What differs, by path."""
    return tuple(
        FileChange(
            path=path,
            status="A" if path not in old else "D" if path not in new else "M",
            old_mode=_mode(old, path),
            new_mode=_mode(new, path),
            insertions=len(new.get(path, b"").splitlines()),
            deletions=len(old.get(path, b"").splitlines()),
            binary=False,
        )
        for path in sorted({*old, *new})
        if old.get(path) != new.get(path)
    )


def _write(files: Tree, into: Path) -> None:
    for path, content in files.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_bytes(content)
