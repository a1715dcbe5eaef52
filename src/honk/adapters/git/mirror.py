"""The bare mirror of a repository, and the smaller bare store of each base branch."""

import os
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from honk.adapters.git import local_refs
from honk.adapters.git.address import is_local
from honk.adapters.git.environment import Environments
from honk.adapters.git.failures import translated
from honk.adapters.git.layout import Layout
from honk.adapters.git.lending import lent
from honk.adapters.git.local_refs import Advertised
from honk.adapters.git.lock import exclusive
from honk.adapters.git.runner import Git, GitFailed
from honk.domain.event import StepProgressed
from honk.domain.repository import Repository, Sha
from honk.errors import Defect, RepositoryUnusable
from honk.ports import Credentials, Tell
from honk.ports.slow import progress, slow

#: The target's branches in the mirror. `refs/heads/` of the mirror is Honk's own, so that pruning never meets it.
TARGET = "refs/remotes/target"
_SHA = re.compile(r"^[0-9a-f]{40}([0-9a-f]{24})?$")
_FETCH = (
    *("fetch", "--progress", "--no-recurse-submodules", "--no-write-fetch-head", "--no-auto-maintenance"),
    "--update-shallow",
)
#: Also where the operator's configuration counts: no hook of theirs, and nothing that others borrow is cleaned up.
_SETTINGS = """\
[gc]
\tauto = 0
[core]
\thooksPath = /dev/null
[uploadpack]
\tallowAnySHA1InWant = true
"""
_QUICK = 120.0
_LONG = 3600.0
_TELL_EVERY = 2.0


def sha(text: str) -> Sha:
    """A full object name. Raises Defect for anything else, so that none is ever taken for an option."""
    if not _SHA.match(text):
        raise Defect(f"not an object name: {text!r}")
    return Sha(text)


@dataclass(frozen=True, slots=True)
class Mirrors:
    """Makes and refreshes mirrors and base stores; every change of one happens under its repository's lock."""

    layout: Layout
    environments: Environments
    #: by repository, what its target showed when this process fetched it last
    fetched: dict[str, Advertised] = field(default_factory=dict)
    #: of Honk's own, for the servers that have given it any
    credentials: Credentials | None = None

    @property
    def git(self) -> Git:
        """For Honk's own repositories."""
        return Git(self.environments.own())

    @property
    def remote_git(self) -> Git:
        """For targets on this machine; `calling` is for those anywhere."""
        return Git(self.environments.remote(), mortal=True)

    @asynccontextmanager
    async def calling(
        self, repository: Repository, *, act: str = "read", inherit: tuple[int, ...] = ()
    ) -> AsyncIterator[Git]:
        """For one call of the target, with a credential of Honk's own where it has one for that server.

        GitFailed leaves it as an error that says who must act. `act` is "read" or "write to".
        """
        git = replace(self.remote_git, inherit=inherit)
        async with lent(self.credentials, repository, writes=act != "read") as given:
            if given is not None:
                git = replace(git, environment=given.within(git.environment), inherit=(*inherit, given.descriptor))
            try:
                yield git
            except GitFailed as failure:
                raise translated(failure, repository, act=act, own=given is not None) from failure

    @asynccontextmanager
    async def locked(self, repository: Repository, tell: Tell | None = None, *, holder: str = "") -> AsyncIterator[int]:
        """Alone with the repository's mirror and base stores. What a killed git left there is removed.

        Who waits is told who has them: its `holder`.
        """

        async def waiting(who: str) -> None:
            if tell is not None:
                by = f"for {who}" if who else "by Honk itself"
                said = f"waiting: {repository.name} is being fetched already {by}"
                await tell(StepProgressed(step="prepare", detail=said))

        lock = self.layout.repository(repository) / "lock"
        async with exclusive(lock, waiting, holder=holder) as descriptor:
            for store in (self.layout.mirror(repository), *(self.layout.repository(repository) / "base").glob("*.git")):
                stale = (*store.glob("*.lock"), *(store / "refs").rglob("*.lock"), *store.glob("objects/pack/tmp_*"))
                for leftover in stale:
                    leftover.unlink(missing_ok=True)
            yield descriptor

    async def advertised(self, repository: Repository) -> Advertised:
        """Asks the target. Raises RepositoryUnusable or Unreachable."""
        self._check_path(repository)
        asked = ("ls-remote", "--symref", "--", repository.url, "HEAD", "refs/heads/*", "refs/tags/*")
        async with self.calling(repository) as git:
            answer = await git(Path(os.devnull), *asked, seconds=_QUICK)
        branch, head, heads, tags = None, None, dict[str, Sha](), dict[str, Sha]()
        for line in os.fsdecode(answer.stdout).splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: refs/heads/") and name == "HEAD":
                branch = value.removeprefix("ref: refs/heads/")
            elif name == "HEAD":
                head = sha(value)
            elif name.startswith("refs/heads/"):
                heads[name.removeprefix("refs/heads/")] = sha(value)
            elif name.startswith("refs/tags/") and not name.endswith("^{}"):
                tags[name] = sha(value)
        return Advertised(heads=heads, branch=branch if head else None, head=head, tags=tags)

    async def unmoved(self, repository: Repository, *, own: bool) -> bool:
        """Whether the target still shows what it showed when this process fetched it last. Asks it, if it must.

        Without `own`, branches that Honk itself pushes do not count.
        """
        known, mirror = self.fetched.get(repository.key), self.layout.mirror(repository)
        # A shallow target may be deepened, which moves none of its refs.
        if known is None or not mirror.exists() or (mirror / "shallow").exists():
            return False
        if is_local(repository):
            shown = await anyio.to_thread.run_sync(local_refs.read, Path(repository.url))
            if shown is not None:
                return _same(shown, known, own=own)
        return _same(await self.advertised(repository), known, own=own)

    async def refresh(self, repository: Repository, tell: Tell, *, holder: str = "", own: bool = False) -> None:
        """Clones or fetches; see `Repositories.refresh`. With `own`, Honk's own branches there are looked at too."""
        self.environments.prepare()
        self._check_path(repository)
        asking = progress("prepare", f"asking {repository.name} for its branches")
        async with slow(tell, asking):
            unmoved = await self.unmoved(repository, own=own)
        if unmoved:
            return
        async with self.locked(repository, tell, holder=holder) as lock:
            self.fetched.pop(repository.key, None)
            async with slow(tell, asking):
                shown = await self.advertised(repository)
            if not shown.heads:
                raise RepositoryUnusable(
                    f"{repository.url} is empty: no branch has a commit", "commit something there first, then try again"
                )
            mirror = self.layout.mirror(repository)
            if not mirror.exists():
                await self._begin(repository, shown, tell, lock)
            await self._fetch(mirror, repository, (f"+refs/heads/*:{TARGET}/*", "+refs/tags/*:refs/tags/*"), tell, lock)
            _replace(self.layout.repository(repository) / "head", _head_line(repository, shown))
            self.fetched[repository.key] = shown

    def head(self, repository: Repository) -> str:
        """The target's default branch when it was last fetched. Raises RepositoryUnusable when it has none."""
        kind, _, value = _read(self.layout.repository(repository) / "head").strip().partition(" ")
        if kind == "branch":
            return value
        if kind == "detached":
            raise RepositoryUnusable(
                f"{repository.url} has no branch checked out (HEAD is at {value[:12]})", "name one with --base"
            )
        raise RepositoryUnusable(
            f"the default branch of {repository.url} has no commit yet", "commit to it, or name another with --base"
        )

    async def base_store(self, repository: Repository, branch: str, commit: Sha) -> Path:
        """The bare store with the objects of this branch only, made or brought up to hold the commit."""
        store = self.layout.base(repository, branch)
        if await self._holds(store, commit):
            return store
        mirror = self.layout.mirror(repository)
        async with self.locked(repository) as lock:
            if not store.exists():
                await self.create(store, commit, shared=True)
            git = replace(self.git, inherit=(lock,))
            tip = (await git(mirror, "rev-parse", "--verify", "--quiet", f"{TARGET}/{branch}", allowed=(0, 1))).text
            if tip:
                await git(store, *_FETCH, "--", str(mirror), f"+{TARGET}/{branch}:refs/heads/{branch}", seconds=_LONG)
            if not await self._holds(store, commit):
                await git(store, *_FETCH, "--", str(mirror), f"+{commit}:refs/honk/base/{commit}", seconds=_LONG)
        return store

    async def create(self, path: Path, like: Sha, *, shared: bool = False) -> None:
        """A bare repository in an absent folder, of the object format of `like`.

        A shared one can be read by every user, whatever the umask.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".new-", dir=path.parent))
        try:
            object_format = "sha256" if len(like) == 64 else "sha1"
            made.chmod(0o755)
            flags = ("--quiet", "--bare", "--template=", f"--object-format={object_format}")
            await self.git(made, "init", *flags, *(("--shared=0644",) if shared else ()))
            with (made / "config").open("a") as config:
                config.write(_SETTINGS)
            made.rename(path)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    async def _begin(self, repository: Repository, shown: Advertised, tell: Tell, lock: int) -> None:
        """A new mirror. It borrows the default branch's objects from that branch's store, to keep them once only."""
        first = next(iter(shown.heads.values()))
        mirror, borrowed = self.layout.mirror(repository), None
        if shown.branch is not None and shown.branch in shown.heads:
            borrowed = self.layout.base(repository, shown.branch)
            if not borrowed.exists():
                await self.create(borrowed, first, shared=True)
            await self._fetch(
                borrowed, repository, (f"+refs/heads/{shown.branch}:refs/heads/{shown.branch}",), tell, lock
            )
        made = mirror.with_name("mirror.new")
        shutil.rmtree(made, ignore_errors=True)
        await self.create(made, first)
        if borrowed is not None:
            # Relative, so that Honk's home can be moved.
            target = os.path.relpath(borrowed / "objects", mirror / "objects")
            (made / "objects" / "info" / "alternates").write_text(f"{target}\n")
            if (borrowed / "shallow").exists():
                shutil.copyfile(borrowed / "shallow", made / "shallow")
        made.rename(mirror)

    async def _fetch(self, store: Path, repository: Repository, refs: tuple[str, ...], tell: Tell, lock: int) -> None:
        prune = ("--prune",) if len(refs) > 1 else ()
        deepen = ("--unshallow",) if (store / "shallow").exists() else ()
        command = (*_FETCH, *prune, *deepen, "--", repository.url, *refs)
        async with self.calling(repository, inherit=(lock,)) as git:
            await git.follow(store, *command, watch=_watch(repository, tell), seconds=_LONG)

    async def _holds(self, store: Path, commit: Sha) -> bool:
        if not store.exists():
            return False
        return (await self.git(store, "cat-file", "-e", f"{commit}^{{tree}}", allowed=(0, 1, 128))).code == 0

    def _check_path(self, repository: Repository) -> None:
        if not is_local(repository):
            return
        path = Path(repository.url)
        try:
            if path.is_file():
                raise RepositoryUnusable(f"{path} is a file, not a git repository", "give the folder of a repository")
            if not path.is_dir():
                raise RepositoryUnusable(f"there is no folder {path}", "check the path, or give a full git URL")
            with os.scandir(path):
                pass
        except PermissionError as exc:
            raise RepositoryUnusable(f"no right to read {path}", "give this user the right to read it") from exc


def _same(one: Advertised, other: Advertised, *, own: bool) -> bool:
    return one == other if own else _theirs(one) == _theirs(other)


def _theirs(shown: Advertised) -> Advertised:
    heads = {name: commit for name, commit in shown.heads.items() if not name.startswith("honk/")}
    return replace(shown, heads=heads)


def _head_line(repository: Repository, shown: Advertised) -> str:
    if shown.branch is not None:
        return f"branch {shown.branch}\n"
    if shown.head is None:
        return "unborn\n"
    # A server that cannot say which branch HEAD names: the usual names first, as git clone guesses.
    same = [name for name, commit in shown.heads.items() if commit == shown.head]
    usual = [name for name in ("main", "master") if name in same] or same
    return f"branch {usual[0]}\n" if usual and not is_local(repository) else f"detached {shown.head}\n"


def _watch(repository: Repository, tell: Tell) -> Callable[[str], Awaitable[None]]:
    last = 0.0

    async def watch(line: str) -> None:
        nonlocal last
        now = time.monotonic()
        if "%" in line and now - last >= _TELL_EVERY:
            last = now
            await tell(
                StepProgressed(step="prepare", detail=f"fetching {repository.name}: {line.removeprefix('remote: ')}")
            )

    return watch


def _read(path: Path) -> str:
    return os.fsdecode(path.read_bytes())


def _replace(path: Path, content: str) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "wb") as file:
        file.write(os.fsencode(content))
    Path(name).replace(path)
