"""Work in progress under a hidden ref, `refs/honk/wip/<task>`, by the way and with the checks of the hand-back.

The index and the objects of a task's snapshots lie in a folder of their own, which only the sandbox that
makes a snapshot sees: so git looks again only at files that changed since the one before.
"""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from honk.adapters.git import removal
from honk.adapters.git.clone import ATTRIBUTES
from honk.adapters.git.hand_back import INSIDE, REF, HandBack, explained
from honk.adapters.git.layout import BASE_OBJECTS_INSIDE
from honk.adapters.git.mirror import sha
from honk.adapters.git.repositories import GitRepositories
from honk.adapters.git.signature import signature
from honk.adapters.git.tree_rules import bundle_objection
from honk.domain.repository import Repository, Sha
from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.errors import HandBackRefused
from honk.ports import Box, Mount, Ran, Snapshot

_INSIDE = "/honk/snapshot"
_SECONDS = 300.0
_SAME = 11
#: A snapshot waits for whoever works, not the other way round.
_IDLE = ("nice", "-n", "19")

_SCRIPT = r"""
set -eu
base=$1 format=$2 attributes=$3 last=$4
cd "$HONK_WORKSPACE"
export GIT_DIR="$HONK_SNAPSHOT/git"
if [ "$(cat "$HONK_SNAPSHOT/base" 2> /dev/null)" != "$base" ]; then
    rm -rf "$GIT_DIR"
    git init --quiet --bare --template= --object-format="$format"
    mkdir -p "$GIT_DIR/info" "$GIT_DIR/objects/info"
    printf '%s\n' "$base" > "$GIT_DIR/shallow"
    printf '%s\n' "$HONK_BASE_OBJECTS" > "$GIT_DIR/objects/info/alternates"
    printf '%s' "$attributes" > "$GIT_DIR/info/attributes"
    export GIT_WORK_TREE="$HONK_WORKSPACE"
    git read-tree "$base"
    # `add` alone would write every file anew: it cannot touch the base's objects, which are read-only.
    git update-index -q --refresh > /dev/null || :
    printf '%s' "$base" > "$HONK_SNAPSHOT/base"
fi
export GIT_WORK_TREE="$HONK_WORKSPACE"
rm -f "$GIT_DIR/index.lock" "$GIT_DIR/refs/honk/take.lock"
if [ -f .git/info/exclude ]; then head -c 100000 .git/info/exclude > "$GIT_DIR/info/exclude" || :; fi
# A file that vanishes or cannot be read meanwhile must not cost the others.
git add --all --ignore-errors 2> "$HONK_SNAPSHOT/complaint" || :
if git --git-dir=.git ls-files -z --cached --ignored --exclude-standard > "$HONK_SNAPSHOT/forced" 2> /dev/null; then
    xargs -0 sh -c 'for one; do if [ -f "$one" ] || [ -L "$one" ]; then printf "%s\0" "$one"; fi; done' sh \
        < "$HONK_SNAPSHOT/forced" | git update-index -z --add --remove --replace --stdin
fi
tree=$(git write-tree)
if [ "$tree" = "$last" ]; then exit 11; fi
commit=$(git commit-tree "$tree" -p "$base" < /dev/null)
git update-ref refs/honk/take "$commit"
git bundle create --quiet - refs/honk/take "^$base"
"""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """See `Workspaces.snapshot` and its companions. One is made at a time, whatever the number of tasks."""

    repositories: GitRepositories
    hand_back: HandBack
    _one: anyio.Lock = field(default_factory=anyio.Lock)
    #: the tree of each task's snapshot, or that of its base
    _trees: dict[TaskId, Sha] = field(default_factory=dict)
    #: the signature of the files that were looked at last
    _seen: dict[TaskId, str | None] = field(default_factory=dict)

    async def take(self, workspace: Workspace) -> Snapshot | None:
        """Raises HandBackRefused when the tree breaks a rule."""
        async with self._one:
            seen = await anyio.to_thread.run_sync(signature, Path(workspace.path))
            if seen is not None and self._seen.get(workspace.task) == seen:
                return None
            self._seen[workspace.task] = seen
            if workspace.task not in self._trees:
                self._trees[workspace.task] = await self._last_tree(workspace)
            folder = self._folder(workspace.task)
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(prefix=".take-", dir=folder.parent, ignore_cleanup_errors=True) as name:
                bundle = Path(name) / "bundle"
                if not await self._bundle(workspace, folder, bundle):
                    return None
                ref = _ref(workspace.task)
                checked = await self.hand_back.quarantined(
                    workspace, bundle, Path(name) / "git", into=ref, before=_IDLE
                )
            self._trees[workspace.task] = checked.tree
            return Snapshot(commit=checked.commit, files=checked.files)

    async def latest(self, task: TaskId, repository: Repository) -> Sha | None:
        """The commit of the task's snapshot, if it has one."""
        if not self.repositories.layout.mirror(repository).exists():
            return None
        return await self.repositories.resolve(repository, _ref(task))

    async def drop(self, task: TaskId, repository: Repository) -> None:
        """No snapshot: no effect."""
        async with self._one:
            self._trees.pop(task, None)
            self._seen.pop(task, None)
            folder = self._folder(task)
            if folder.exists():
                await anyio.to_thread.run_sync(partial(removal.remove, folder, self.repositories.layout.trash))
            if await self.latest(task, repository) is not None:
                mirrors = self.repositories.mirrors
                async with mirrors.locked(repository):
                    await mirrors.git(mirrors.layout.mirror(repository), "update-ref", "--no-deref", "-d", _ref(task))

    async def _last_tree(self, workspace: Workspace) -> Sha:
        last = await self.latest(workspace.task, workspace.repository)
        return await self.repositories.tree(workspace.repository, last or workspace.base.commit)

    def _folder(self, task: TaskId) -> Path:
        return self.repositories.layout.task(task) / "snapshot"

    async def _bundle(self, workspace: Workspace, folder: Path, into: Path) -> bool:
        """Has a sandbox write the work to a file on the host; False when the tree is that of the last snapshot.

        A folder that a crash left unusable is begun anew.
        """
        ran = await self._run(workspace, folder, into)
        if ran.exit_code not in {0, _SAME, None}:
            await anyio.to_thread.run_sync(partial(removal.remove, folder, self.repositories.layout.trash))
            ran = await self._run(workspace, folder, into)
        if ran.exit_code == _SAME:
            return False
        if ran.cut or ran.exit_code is None:
            raise HandBackRefused("the work in progress is too large, or takes too long, to be kept")
        if ran.exit_code != 0:
            raise explained(ran, ran.stderr.decode("utf-8", "replace").strip())
        with into.open("rb") as file:
            wrong = bundle_objection(file.read(8192), REF, workspace.base.commit)
        if wrong:
            raise HandBackRefused(wrong)
        return True

    async def _run(self, workspace: Workspace, folder: Path, into: Path) -> Ran:
        if not folder.exists():
            folder.mkdir(parents=True)
            self.repositories.sandboxes.own(folder)
        base = workspace.base
        store = self.repositories.layout.base(workspace.repository, base.branch)
        objects = Mount(source=store / "objects", target=BASE_OBJECTS_INSIDE)
        box = Box(
            workspace=Path(workspace.path),
            mounts=(objects, Mount(source=folder, target=_INSIDE, writable=True)),
            read_only_workspace=True,
        )
        object_format = "sha256" if len(base.commit) == 64 else "sha1"
        last = self._trees[workspace.task]
        argv = (*_IDLE, "sh", "-c", _SCRIPT, "sh", sha(base.commit), object_format, ATTRIBUTES, last)
        async with self.repositories.sandboxes.open(box) as sandbox:
            return await sandbox.run(
                argv,
                seconds=_SECONDS,
                output_limit=self.hand_back.rules.bundle,
                environment={**INSIDE, "HONK_SNAPSHOT": _INSIDE},
                stdout_to=into,
            )


def _ref(task: TaskId) -> str:
    return f"refs/honk/wip/{task}"
