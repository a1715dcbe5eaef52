"""A fresh checkout: an ordinary clone that borrows the base branch's objects, made while no sandbox has seen it.

The files in it are byte for byte what is committed: conversions that .gitattributes may ask for (line
ends, encodings, `ident`, filters) are off in the checkout and in the hand-back alike, so that a tree
which nobody edited never comes back changed.
"""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from honk.adapters.git.layout import BASE_OBJECTS_INSIDE
from honk.adapters.git.mirror import Mirrors
from honk.domain.repository import Base, Repository, Sha

ATTRIBUTES = "* -text -ident !eol !working-tree-encoding !filter\n"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    commit: Sha
    #: name and mail of commits made inside
    author: tuple[str, str]
    #: the branch to be on; None leaves HEAD at the commit itself
    branch: str | None = None
    #: where the branch is, when that is not the commit: the files are the commit's all the same
    head: Sha | None = None


async def make(mirrors: Mirrors, repository: Repository, base: Base, wanted: Wanted, into: Path) -> None:
    """Makes the folder, which must not exist. A crash leaves at most a `.new-…` folder beside it."""
    store = await mirrors.base_store(repository, base.branch, base.commit)
    into.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=into.parent))
    try:
        made.chmod(0o755)
        await _fill(mirrors, repository, base, wanted, store, made)
        made.rename(into)
    finally:
        shutil.rmtree(made, ignore_errors=True)


async def _fill(mirrors: Mirrors, repository: Repository, base: Base, wanted: Wanted, store: Path, made: Path) -> None:
    git, git_dir = mirrors.git, made / ".git"
    await mirrors.create(git_dir, wanted.commit)
    objects = str(store / "objects").replace("\\", "\\\\").replace('"', '\\"')
    borrowed = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": f'"{objects}"'}
    if (store / "shallow").exists():
        shutil.copyfile(store / "shallow", git_dir / "shallow")
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text(ATTRIBUTES)
    (git_dir / "config").write_text(_config(git_dir / "config", wanted.author))
    refs = await mirrors.git(
        store, "for-each-ref", f"--merged={base.commit}", "--format=%(objectname) %(refname)", "refs/tags/"
    )
    head = f"refs/heads/{wanted.branch}" if wanted.branch else None
    lines = refs.text.splitlines()
    if head is None or not head.startswith(f"refs/heads/{base.branch}/"):
        lines.append(f"{base.commit} refs/heads/{base.branch}")
    (git_dir / "packed-refs").write_bytes(os.fsencode("".join(f"{line}\n" for line in lines)))
    for name, commit in {"start": wanted.commit, "head": wanted.head}.items():
        if commit not in {None, base.commit}:
            mirror = mirrors.layout.mirror(repository)
            fetch = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance")
            where = ("--update-shallow", "--", str(mirror), f"{commit}:refs/honk/{name}")
            await git(git_dir, *fetch, *where, extra=borrowed)
    if head is None:
        await git(git_dir, "update-ref", "--no-deref", "HEAD", wanted.commit, extra=borrowed)
    else:
        await git(git_dir, "update-ref", head, wanted.commit, extra=borrowed)
        await git(git_dir, "symbolic-ref", "HEAD", head)
    await git(git_dir, f"--work-tree={made}", "reset", "--quiet", "--hard", extra=borrowed, seconds=900)
    if wanted.head is not None and wanted.head != wanted.commit:
        # Everything stays staged, so that files which are ignored and were added on purpose still count.
        await git(git_dir, "reset", "--quiet", "--soft", wanted.head, extra=borrowed)
    (git_dir / "objects" / "info").mkdir(exist_ok=True)
    (git_dir / "objects" / "info" / "alternates").write_text(f"{BASE_OBJECTS_INSIDE}\n")


def _config(existing: Path, author: tuple[str, str]) -> str:
    """The settings that `git init` wrote, for a repository with a work tree."""
    name, mail = (value.replace("\\", "").replace('"', "").replace("\n", " ") for value in author)
    settings = "\n".join(
        line for line in existing.read_text().splitlines() if "bare" not in line and "hooksPath" not in line
    )
    return (
        f"{settings}\n[core]\n\tbare = false\n\tlogAllRefUpdates = true\n[maintenance]\n\tauto = false\n"
        f'[user]\n\tname = "{name}"\n\temail = "{mail}"\n'
    )
