"""Work comes back: a bundle made inside the sandbox, checked in quarantine, committed in the mirror.

Inside, a repository of our own in a temporary folder looks at the work tree. So the agent's `.git`
(its commits, branches, half-done merges, configuration and hooks, or the lack of it all) has no say:
the files as they lie there are the work. On the host, git only ever sees the bundle.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from honk.adapters.git.clone import ATTRIBUTES
from honk.adapters.git.layout import BASE_OBJECTS_INSIDE, WORKSPACE_INSIDE
from honk.adapters.git.mirror import sha
from honk.adapters.git.repositories import PLAIN, GitRepositories, parse_changes
from honk.adapters.git.runner import Git, GitFailed
from honk.adapters.git.tree_rules import Rules, bundle_objection, link_objection, objection, shown
from honk.domain.attempt import Change
from honk.domain.repository import Sha
from honk.domain.workspace import Workspace
from honk.errors import HandBackRefused
from honk.ports import Ran, Sandbox

_SECONDS = 600.0
REF = "refs/honk/take"
_LONGEST_LINK = 4096
_SHOWN = 5
#: address space of the git that unpacks what came back; its packs and blobs are streamed or small
_MEMORY_KIB = 6 << 20

_SCRIPT = r"""
set -eu
base=$1 format=$2 attributes=$3
own=$(mktemp -d)
trap 'rm -rf "$own"' EXIT
export GIT_DIR="$own/git"
git init --quiet --bare --template= --object-format="$format"
mkdir -p "$GIT_DIR/info" "$GIT_DIR/objects/info"
printf '%s\n' "$base" > "$GIT_DIR/shallow"
printf '%s\n' "$HONK_BASE_OBJECTS" > "$GIT_DIR/objects/info/alternates"
printf '%s' "$attributes" > "$GIT_DIR/info/attributes"
cd "$HONK_WORKSPACE"
export GIT_WORK_TREE="$HONK_WORKSPACE"
if [ -f .git/info/exclude ]; then head -c 100000 .git/info/exclude > "$GIT_DIR/info/exclude" || :; fi
git read-tree "$base"
# `add` alone would write every file anew: it cannot touch the base's objects, which are read-only.
git update-index -q --refresh > /dev/null 2>&1 || :
if ! git add --all 2> "$own/complaint"; then
    find . -name .git -prune -o \( -type d ! -perm -u=rwx -o -type f ! -perm -u=r \) -exec chmod u+rwX {} + || :
    git add --all 2> "$own/complaint" || { cat "$own/complaint" >&2; exit 10; }
fi
# What the agent added on purpose counts although it is ignored.
if git --git-dir=.git ls-files -z --cached --ignored --exclude-standard > "$own/forced" 2> /dev/null; then
    xargs -0 sh -c 'for one; do if [ -f "$one" ] || [ -L "$one" ]; then printf "%s\0" "$one"; fi; done' sh \
        < "$own/forced" | git update-index -z --add --remove --replace --stdin
fi
tree=$(git write-tree)
commit=$(git commit-tree "$tree" -p "$base" < /dev/null)
git update-ref refs/honk/take "$commit"
git bundle create --quiet - refs/honk/take "^$base"
"""

_WHO = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (("NAME", "Honk"), ("EMAIL", "honk@localhost"), ("DATE", "@0 +0000"))
}
#: the environment of git inside a sandbox
INSIDE = {
    **_WHO,
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "HONK_WORKSPACE": WORKSPACE_INSIDE,
    "HONK_BASE_OBJECTS": BASE_OBJECTS_INSIDE,
    "GIT_NO_REPLACE_OBJECTS": "1",
}


def _settings(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Configuration by variables."""
    variables = {}
    number = 0
    for name, value in pairs:
        variables[f"GIT_CONFIG_KEY_{number}"] = name
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
        number += 1
    return {**variables, "GIT_CONFIG_COUNT": str(number)}


INSIDE |= _settings(
    (
        ("core.fsmonitor", "false"),
        ("core.hooksPath", "/dev/null"),
        ("core.protectHFS", "true"),
        ("core.safecrlf", "false"),
        ("core.bigFileThreshold", "16m"),
        ("advice.addEmbeddedRepo", "false"),
        ("gc.auto", "0"),
    )
)
#: A changed .gitmodules is refused by our own rules; an old one with faults must not block the rest.
_FSCK = _settings(
    (
        ("transfer.fsckObjects", "true"),
        *((f"fetch.fsck.gitmodules{kind}", "ignore") for kind in ("Url", "Path", "Name", "Update", "Parse")),
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What came back and broke no rule."""

    tree: Sha
    #: Honk's own commit of the tree, on the base
    commit: Sha
    #: how many differ from the base
    files: int


@dataclass(frozen=True, slots=True)
class HandBack:
    repositories: GitRepositories
    rules: Rules

    async def take(self, workspace: Workspace, sandbox: Sandbox, *, parent: Sha, message: str, at: datetime) -> Change:
        """See `Workspaces.take`."""
        repository, base = workspace.repository, workspace.base
        folder = self.repositories.layout.task(workspace.task)
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".take-", dir=folder) as name:
            bundle = Path(name) / "bundle"
            await self._bundle(base.commit, sandbox, bundle)
            into = f"refs/honk/incoming/{workspace.task}"
            tree = (await self.quarantined(workspace, bundle, Path(name) / "git", into=into)).tree
        if tree == await self.repositories.tree(repository, parent):
            commit = parent
        else:
            commit = await self.repositories.commit_tree(repository, tree, parent, message, at)
            await self.repositories.keep(repository, f"tasks/{workspace.task}/{commit}", commit)
        files = await self.repositories.changes(repository, base.commit, commit)
        return Change(base=base.commit, parent=parent, commit=commit, tree=tree, files=files)

    async def _bundle(self, base: Sha, sandbox: Sandbox, into: Path) -> None:
        """Has the sandbox write its work to a file on the host."""
        object_format = "sha256" if len(base) == 64 else "sha1"
        ran = await sandbox.run(
            ("sh", "-c", _SCRIPT, "sh", base, object_format, ATTRIBUTES),
            seconds=_SECONDS,
            output_limit=self.rules.bundle,
            environment=INSIDE,
            stdout_to=into,
        )
        complaint = ran.stderr.decode("utf-8", "replace").strip()
        if ran.cut or "No space left" in complaint:
            raise HandBackRefused(
                f"the change is larger than {_size(self.rules.bundle)}", await self._name_large_files(sandbox)
            )
        if ran.exit_code is None:
            raise HandBackRefused(
                f"collecting the change took longer than {_SECONDS:.0f} s", "remove what is not needed"
            )
        if ran.exit_code != 0:
            raise explained(ran, complaint)
        with into.open("rb") as file:
            wrong = bundle_objection(file.read(8192), REF, base)
        if wrong:
            raise HandBackRefused(wrong)

    async def _name_large_files(self, sandbox: Sandbox) -> str:
        find = "find . -name .git -prune -o -type f -size +10M -print | head -n 5"
        ran = await sandbox.run(("sh", "-c", f"cd {WORKSPACE_INSIDE} && {find}"), seconds=60)
        names = ", ".join(shown(line) for line in ran.stdout.decode("utf-8", "replace").splitlines())
        return f"leave out or ignore large files{f', such as {names}' if names else ''}"

    async def quarantined(
        self, workspace: Workspace, bundle: Path, quarantine: Path, *, into: str, before: tuple[str, ...] = ()
    ) -> Checked:
        """The tree of the bundle, after every check; in the mirror, the ref `into` keeps a commit of it then.

        `before` is put before git, such as a program that lowers its priority. Raises HandBackRefused.
        """
        repository, base = workspace.repository, workspace.base
        mirrors = self.repositories.mirrors
        store = await mirrors.base_store(repository, base.branch, base.commit)
        await mirrors.create(quarantine, base.commit)
        (quarantine / "objects" / "info").mkdir(exist_ok=True)
        # The base's objects and nothing else: what comes back can build only on what the sandbox saw.
        (quarantine / "objects" / "info" / "alternates").write_text(f"{store / 'objects'}\n")
        (quarantine / "shallow").write_text(f"{base.commit}\n")
        git = replace(mirrors.git, prefix=("sh", "-c", f'ulimit -v {_MEMORY_KIB}; exec "$@"', "sh", *before))
        try:
            await git(quarantine, "update-ref", "refs/honk/base", base.commit)
            fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
            await git(quarantine, *fetch, "--", str(bundle), f"+{REF}:{REF}", extra=_FSCK, seconds=_SECONDS)
            tree = sha((await git(quarantine, "rev-parse", "--verify", f"{REF}^{{commit}}^{{tree}}")).text)
            files = await self._check(git, quarantine, base.commit, tree)
            clean = sha((await git(quarantine, "commit-tree", tree, "-p", base.commit, stdin=b"", extra=_WHO)).text)
            await git(quarantine, "update-ref", "refs/honk/clean", clean)
        except GitFailed as failure:
            raise HandBackRefused(f"what came back is damaged or forbidden: {failure.complaint.strip()}") from failure
        await self._bring(workspace, quarantine, into)
        return Checked(tree=tree, commit=clean, files=files)

    async def _bring(self, workspace: Workspace, quarantine: Path, into: str) -> None:
        """Objects that passed go into the mirror, where the ref keeps them until they are committed."""
        mirrors = self.repositories.mirrors
        fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--update-shallow")
        refs = f"+refs/honk/clean:{into}"
        async with mirrors.locked(workspace.repository) as lock:
            git = replace(mirrors.git, inherit=(lock,))
            await git(mirrors.layout.mirror(workspace.repository), *fetch, "--", str(quarantine), refs)

    async def _check(self, git: Git, quarantine: Path, base: Sha, tree: Sha) -> int:
        """How many files changed. Raises HandBackRefused with what is wrong, a few examples of it at most."""
        flags = ("-r", "-z", "--raw", "--no-abbrev", *PLAIN)
        listed = await git(quarantine, "diff-tree", *flags, base, tree)
        changes = parse_changes(os.fsdecode(listed.stdout))
        if len(changes) > self.rules.files:
            raise HandBackRefused(
                f"{len(changes)} files changed, more than {self.rules.files}", "add generated files to .gitignore"
            )
        _refuse([wrong for change in changes if (wrong := objection(change))])
        blobs = _new_blobs(listed.stdout)
        sizes = await self._sizes(git, quarantine, blobs)
        _refuse(
            [
                f"{shown(path)} has {_size(sizes[name])}, more than {_size(self.rules.blob)}"
                for path, (_, name) in blobs.items()
                if sizes[name] > self.rules.blob
            ]
        )
        if sum(sizes[name] for _, name in blobs.values()) > self.rules.total:
            raise HandBackRefused(f"the changed files have more than {_size(self.rules.total)} together")
        await self._check_links(
            git, quarantine, {p: name for p, (mode, name) in blobs.items() if mode == "120000"}, sizes
        )
        return len(changes)

    async def _sizes(self, git: Git, quarantine: Path, blobs: dict[str, tuple[str, str]]) -> dict[str, int]:
        names = sorted({name for _, name in blobs.values()})
        asked = "".join(f"{name}\n" for name in names).encode()
        answer = await git(quarantine, "cat-file", "--batch-check", stdin=asked)
        sizes = {}
        for line in answer.text.splitlines():
            name, kind, *size = line.split()
            if kind != "blob":
                raise HandBackRefused(f"the object {name} is {kind}, not a file")
            sizes[name] = int(size[0])
        return sizes

    async def _check_links(self, git: Git, quarantine: Path, links: dict[str, str], sizes: dict[str, int]) -> None:
        _refuse([f"the link {shown(path)} is too long" for path, name in links.items() if sizes[name] > _LONGEST_LINK])
        names = sorted(set(links.values()))
        if not names:
            return
        answer = await git(quarantine, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode())
        targets, rest = {}, answer.stdout
        for name in names:
            _, _, rest = rest.partition(b"\n")
            targets[name], rest = os.fsdecode(rest[: sizes[name]]), rest[sizes[name] + 1 :]
        _refuse([wrong for path, name in links.items() if (wrong := link_objection(path, targets[name]))])


def _new_blobs(raw: bytes) -> dict[str, tuple[str, str]]:
    """path → (mode, object) of everything that is there afterwards, from `diff-tree --raw -z`."""
    fields = iter(os.fsdecode(raw).split("\0"))
    found = {}
    for field in fields:
        if field.startswith(":"):
            _, mode, _, name, status = field[1:].split(" ")
            path = next(fields)
            if status != "D":
                found[path] = (mode, name)
    return found


def explained(ran: Ran, complaint: str) -> HandBackRefused:
    """What git could not add, in words for whoever made it."""
    for line in complaint.splitlines():
        if "does not have a commit checked out" in line:
            return HandBackRefused(f"a git repository of its own lies inside the workspace: {line}", "remove its .git")
        if "invalid path" in line:
            return HandBackRefused(f"a name that some file systems take for .git: {line}", "rename it")
        if "can only add regular files" in line:
            return HandBackRefused(f"only files, links and folders can be taken over: {line}", "remove it")
    return HandBackRefused(f"the work tree could not be read (exit {ran.exit_code}): {complaint[-1000:]}")


def _refuse(wrongs: list[str]) -> None:
    if wrongs:
        more = f" (and {len(wrongs) - _SHOWN} more)" if len(wrongs) > _SHOWN else ""
        raise HandBackRefused("; ".join(wrongs[:_SHOWN]) + more, "undo this, and hand back again")


def _size(count: int) -> str:
    return f"{count / (1 << 20):.0f} MiB" if count >= 1 << 20 else f"{count} bytes"
