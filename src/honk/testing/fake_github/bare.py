"""A bare git repository, and what a forge does in it: objects, refs, merges, differences."""

import base64
import hashlib
import hmac
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

_KEY = b"the key that this forge signs with"
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_SETTINGS = """
[http]
	receivepack = true
[uploadpack]
	allowFilter = true
	allowAnySHA1InWant = true
[receive]
	advertisePushOptions = true
[gc]
	auto = 0
[transfer]
	hideRefs = refs/hidden
"""
#: one object, or all between two
_NAMED = re.compile(r"[0-9a-f]{40}(?:\.\.[0-9a-f]{40})?")


class GitFailed(Exception):
    """Git ended with an error; its words are the message."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Signature:
    """Who, and when: of an author or committer."""

    name: str
    email: str
    at: datetime

    def line(self) -> str:
        """As it stands in a commit."""
        offset = self.at.strftime("%z") or "+0000"
        return f"{self.name} <{self.email}> {int(self.at.timestamp())} {offset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    sha: str
    tree: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str
    #: the armoured signature, where there is one
    signature: str = ""
    #: what was signed
    payload: str = ""

    @property
    def verified(self) -> bool:
        """Whether this forge signed it."""
        return bool(self.signature) and self.signature == seal(self.payload)


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """One file of a difference."""

    path: str
    status: str
    additions: int
    deletions: int
    sha: str
    patch: str | None
    previous: str = ""


def seal(payload: str) -> str:
    """The signature of a commit that this forge makes; only it can."""
    digest = hmac.new(_KEY, payload.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()
    words = base64.b64encode(digest).decode()
    return f"-----BEGIN PGP SIGNATURE-----\n\n{words}\n-----END PGP SIGNATURE-----"


def _parse_who(line: str) -> Signature:
    name, _, rest = line.partition(" <")
    email, _, when = rest.rpartition("> ")
    seconds, _, offset = when.partition(" ")
    at = datetime.fromtimestamp(int(seconds), tz=datetime.strptime(offset, "%z").tzinfo)
    return Signature(name=name, email=email, at=at)


def parse_commit(sha: str, raw: str) -> Commit:
    """A commit object's text."""
    head, _, message = raw.partition("\n\n")
    fields: dict[str, list[str]] = {}
    kept: list[str] = []
    last = ""
    for line in head.split("\n"):
        if line.startswith(" "):
            fields[last][-1] += "\n" + line[1:]
        else:
            last, _, value = line.partition(" ")
            fields.setdefault(last, []).append(value)
        if last != "gpgsig":
            kept.append(line)
    return Commit(
        sha=sha,
        tree=fields["tree"][0],
        parents=tuple(fields.get("parent", [])),
        author=_parse_who(fields["author"][0]),
        committer=_parse_who(fields["committer"][0]),
        message=message,
        signature=fields.get("gpgsig", [""])[0],
        payload="\n".join(kept) + "\n\n" + message,
    )


class Bare:
    """`folder` is the repository. Calls are short and wait for git."""

    def __init__(self, folder: Path, extra: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self._told: dict[tuple[str, ...], str] = {}
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "GitHub",
            "GIT_AUTHOR_EMAIL": "noreply@github.com",
            "GIT_COMMITTER_NAME": "GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
            **(extra or {}),
        }

    def git(self, *argv: str, stdin: bytes | None = None) -> str:
        """What git prints. Raises GitFailed."""
        command = ["git", "-C", str(self.folder), "-c", "safe.directory=*", *argv]
        done = subprocess.run(command, env=self._environment, input=stdin, capture_output=True, check=False)
        if done.returncode != 0:
            raise GitFailed(done.stderr.decode("utf-8", "replace").strip() or f"git {argv[0]}: {done.returncode}")
        return done.stdout.decode("utf-8", "surrogateescape")

    def try_git(self, *argv: str, stdin: bytes | None = None) -> str | None:
        """The same; None where it fails."""
        try:
            return self.git(*argv, stdin=stdin)
        except GitFailed:
            return None

    def of(self, command: str, *options: str, objects: tuple[str, ...], paths: tuple[str, ...] = ()) -> str:
        """What git says of objects; of those that are named in full it is asked once, since they never change."""
        argv = (command, *options, *objects, *(("--", *paths) if paths else ()))
        if not all(_NAMED.fullmatch(one) for one in objects):
            return self.git(*argv)
        if argv not in self._told:
            self._told[argv] = self.git(*argv)
        return self._told[argv]

    def create(self, default_branch: str) -> None:
        """An empty repository that takes pushes and gives partial clones."""
        self.folder.mkdir(parents=True)
        self.git("init", "-q", "--bare", "-b", default_branch)
        with (self.folder / "config").open("a") as config:
            config.write(_SETTINGS)

    # refs, read from the files, since this is asked at every call

    def _packed(self) -> dict[str, str]:
        try:
            lines = (self.folder / "packed-refs").read_text().splitlines()
        except FileNotFoundError:
            return {}
        pairs = (line.split(" ", 1) for line in lines if line[:1] not in ("#", "^"))
        return {name: sha for sha, name in pairs}

    def ref(self, name: str) -> str | None:
        """The object that a full ref such as "refs/heads/main" points at."""
        try:
            return (self.folder / name).read_text().strip() or None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError, ValueError):
            return self._packed().get(name)

    def branch(self, name: str) -> str | None:
        """The tip of a branch."""
        return self.ref(f"refs/heads/{name}")

    def refs(self, prefix: str = "refs/heads/") -> dict[str, str]:
        """Full names that begin with it, sorted, and what they point at."""
        found = {name: sha for name, sha in self._packed().items() if name.startswith(prefix)}
        base = self.folder / prefix.rpartition("/")[0]
        for file in sorted(base.rglob("*")) if base.is_dir() else []:
            name = str(file.relative_to(self.folder))
            if file.is_file() and not name.endswith(".lock") and name.startswith(prefix):
                found[name] = file.read_text().strip()
        return dict(sorted(found.items()))

    def set_ref(self, name: str, sha: str | None, old: str | None = None) -> None:
        """Moves, makes or (None) removes a ref. Raises GitFailed."""
        if sha is None:
            self.git("update-ref", "-d", name)
        else:
            self.git("update-ref", name, sha, *([old] if old else []))

    def resolve(self, name: str) -> str | None:
        """The commit that a branch, a tag or a (short) sha means."""
        for full in (f"refs/heads/{name}", f"refs/tags/{name}", name):
            found = self.ref(full) if full.startswith("refs/") else None
            if found:
                return self.peel(found)
        return self.peel(name) if len(name) >= 4 and not set(name) - set("0123456789abcdef") else None

    def peel(self, name: str) -> str | None:
        """The commit behind an object's name."""
        found = self.try_git("rev-parse", "--verify", "-q", f"{name}^{{commit}}")
        return found.strip() if found else None

    # objects

    def kind(self, sha: str) -> str | None:
        """commit, tree, blob or tag; None where there is none."""
        found = self.try_git("cat-file", "-t", sha)
        return found.strip() if found else None

    def blob(self, sha: str) -> bytes:
        """The content of a blob."""
        return self.git("cat-file", "blob", sha).encode("utf-8", "surrogateescape")

    def write(self, kind: str, content: bytes) -> str:
        """Keeps an object; its name."""
        return self.git("hash-object", "-w", "-t", kind, "--stdin", stdin=content).strip()

    def entries(self, tree: str, *, recursive: bool = False) -> list[tuple[str, str, str, str, int | None]]:
        """mode, type, sha, path and size of what is in a tree."""
        options = ["-r", "-t"] if recursive else []
        found = []
        for line in self.git("ls-tree", "-l", "-z", *options, tree).split("\0"):
            if line:
                head, _, path = line.partition("\t")
                mode, kind, sha, size = head.split()
                found.append((mode, kind, sha, path, int(size) if size.isdigit() else None))
        return found

    def at(self, commit: str, path: str) -> tuple[str, str, str] | None:
        """mode, type and sha of a path."""
        found = self.try_git("ls-tree", "-z", commit, "--", path)
        if not found:
            return None
        mode, kind, sha = found.split("\0")[0].partition("\t")[0].split()
        return mode, kind, sha

    def tree(self, entries: Sequence[tuple[str, str | None, str]], base: str | None = None) -> str:
        """A tree of (mode, sha, path) on top of a base; without a sha a path is removed."""
        index = self.folder / "index.new"
        index.unlink(missing_ok=True)
        room = Bare(self.folder, {"GIT_INDEX_FILE": str(index)})
        if base and base != _EMPTY_TREE:
            room.git("read-tree", base)
        lines = []
        for mode, sha, path in entries:
            if sha is None:
                lines.append(f"0 {'0' * 40}\t{path}")
            elif mode == "040000":
                lines += [f"{m} {s}\t{path}/{p}" for m, k, s, p, _ in self.entries(sha, recursive=True) if k != "tree"]
            else:
                lines.append(f"{mode} {sha}\t{path}")
        stdin = "".join(f"{line}\0" for line in lines).encode("utf-8", "surrogateescape")
        room.git("update-index", "-z", "--index-info", stdin=stdin)
        made = room.git("write-tree").strip()
        index.unlink(missing_ok=True)
        return made

    def commit(
        self,
        tree: str,
        parents: Sequence[str],
        message: str,
        author: Signature,
        *,
        committer: Signature | None = None,
        signed: bool = False,
    ) -> str:
        """A commit, signed by the forge where that is wanted."""
        lines = [f"tree {tree}", *(f"parent {one}" for one in parents), f"author {author.line()}"]
        lines.append(f"committer {(committer or author).line()}")
        payload = "\n".join(lines) + "\n\n" + message
        if signed:
            lines.append("gpgsig " + seal(payload).replace("\n", "\n "))
        return self.write("commit", ("\n".join(lines) + "\n\n" + message).encode("utf-8", "surrogateescape"))

    def read_commit(self, sha: str) -> Commit:
        """A commit by its full name. Raises GitFailed."""
        return parse_commit(sha, self.of("cat-file", "commit", objects=(sha,)))

    # history and differences

    def between(self, old: str, new: str) -> list[str]:
        """Commits of `new` that `old` does not have, oldest first."""
        return self.of("rev-list", "--topo-order", "--reverse", objects=(f"{old}..{new}",)).split()

    def merge_base(self, one: str, other: str) -> str | None:
        """Where two histories parted."""
        try:
            return self.of("merge-base", objects=(one, other)).strip() or None
        except GitFailed:
            return None

    def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is in the history of `commit`."""
        return self.try_git("merge-base", "--is-ancestor", ancestor, commit) is not None

    def merged_tree(self, one: str, other: str) -> str | None:
        """The tree of a merge, None where it conflicts."""
        try:
            return self.of("merge-tree", "--write-tree", objects=(one, other)).split("\n", 1)[0].strip() or None
        except GitFailed:
            return None

    def replayed(self, commits: Sequence[str], onto: str, committer: Signature) -> str | None:
        """The commits again on another base; None where one conflicts or is empty."""
        for sha in commits:
            old = self.read_commit(sha)
            if len(old.parents) != 1:
                return None
            # its tree, as if it were made on the old parent: so the merge has that parent as its base
            stand_in = self.commit(self.read_commit(onto).tree, old.parents, "base", committer)
            tree = self.merged_tree(stand_in, sha)
            if tree is None:
                return None
            onto = self.commit(tree, [onto], old.message, old.author, committer=committer)
        return onto

    def changes(self, old: str | None, new: str) -> list[Changed]:
        """The files that differ, with their patches."""
        options = ("-M", "--no-ext-diff", "--no-color")
        start = old or _EMPTY_TREE
        told = self.of("diff-tree", "-r", "-z", "--raw", "--abbrev=40", *options, objects=(start, new))
        names = told.split("\0")
        return [self._changed(start, new, one) for one in _raw(names)]

    def _changed(self, old: str, new: str, one: tuple[str, str, str, str]) -> Changed:
        letter, sha, path, previous = one
        where, paths = (old, new), (path, *([previous] if previous else []))
        counts = self.of("diff-tree", "-r", "--numstat", "-M", "-z", objects=where, paths=paths).split("\t")
        text = self.of("diff-tree", "-r", "-p", "-M", "--no-color", "--no-ext-diff", objects=where, paths=paths)
        start = text.find("\n@@")
        added, removed = (int(word) if word.strip().isdigit() else 0 for word in counts[:2])
        return Changed(
            path=path,
            status={"A": "added", "D": "removed", "M": "modified", "R": "renamed", "T": "changed"}[letter],
            additions=added,
            deletions=removed,
            sha=sha,
            patch=text[start + 1 :].rstrip("\n") if start >= 0 else None,
            previous=previous,
        )

    def diff(self, old: str | None, new: str) -> str:
        """The difference as text."""
        return self.of("diff-tree", "-r", "-p", "-M", "--full-index", objects=(old or _EMPTY_TREE, new))


def _raw(words: Sequence[str]) -> list[tuple[str, str, str, str]]:
    """Letter, new (for removed ones old) sha, path and previous path from `diff-tree --raw -z`."""
    found = []
    rest = iter(words)
    for head in rest:
        if not head.startswith(":"):
            continue
        _, _, old, new, letter = head.split()
        path, previous = next(rest), ""
        if letter[0] in "RC":
            previous, path = path, next(rest)
        found.append((letter[0], old if letter[0] == "D" else new, path, previous))
    return found
