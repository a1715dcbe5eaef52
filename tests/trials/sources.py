"""Archives from the registries, and the repositories that are made of them."""

import fnmatch
import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from recipe import Release, Trial
from unidiff.patch import Hunk, PatchSet

#: what packaging tools add to every archive
_PACKAGING = ("PKG-INFO", "*.egg-info")
_IDENTITY = ("-c", "user.name=Upstream", "-c", "user.email=upstream@example.invalid", "-c", "core.autocrlf=false")
_DATE = {"GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z"}


class TrialUnusable(Exception):
    """The trial itself is wrong: a hash, a path, a hunk. Nothing was learnt about Honk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cut:
    """A repository at the older release, and the trees that it must get."""

    #: a checkout with one commit on `main`; what Honk is given
    repository: Path
    base: str
    #: a clone that Honk never sees; branches `fix` and `tests-only` hold the true trees
    truth: Path
    fix: str
    tests_only: str


def git(folder: Path, *arguments: str, stdin: str | None = None) -> str:
    """What git prints, without the last newline. Raises CalledProcessError."""
    argv = ["git", "-C", str(folder), *_IDENTITY, *arguments]
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", **_DATE}
    done = subprocess.run(argv, input=stdin, capture_output=True, encoding="utf-8", check=True, env=environment)
    return done.stdout.removesuffix("\n")


def cut(trial: Trial, folder: Path, archives: Path) -> Cut:
    """Makes the repository of the trial below `folder`. Archives are kept in `archives` and used again."""
    old, new = (_unpacked(trial, release, folder, archives) for release in (trial.old, trial.new))
    repository, truth = folder / trial.name, folder / "truth"
    shutil.move(old, repository)
    _without(repository, (*_PACKAGING, *trial.drop))
    git(repository, "init", "-q", "-b", "main")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", f"{trial.package} {trial.old.version}")
    # what the project's own .gitignore hides was made by its build and is in no repository
    git(repository, "clean", "-fdxq")
    git(folder, "clone", "-q", str(repository), str(truth))
    fix = _branch(trial, truth, new, "fix", trial.paths)
    tests_only = _branch(trial, truth, new, "tests-only", trial.tests)
    for release in (trial.old, trial.new):
        shutil.rmtree(folder / f"raw-{release.version}")
    base = git(truth, "rev-parse", "main")
    return Cut(repository=repository, base=base, truth=truth, fix=fix, tests_only=tests_only)


def _branch(trial: Trial, truth: Path, new: Path, branch: str, paths: tuple[str, ...]) -> str:
    """Commits these paths as they are in the newer release, and returns the tree."""
    git(truth, "checkout", "-q", "-b", branch, "main")
    for path in paths:
        if not (new / path).is_file():
            raise TrialUnusable(f"{trial.package} {trial.new.version} has no file {path}")
        (truth / path).parent.mkdir(parents=True, exist_ok=True)
        before = (truth / path).read_bytes() if (truth / path).exists() else None
        shutil.copyfile(new / path, truth / path)
        if path in trial.hunks and before is not None:
            _keep_hunks(truth, path, trial.hunks[path])
        if before == (truth / path).read_bytes():
            raise TrialUnusable(f"{path} is the same in both releases")
    git(truth, "add", "-A")
    git(truth, "commit", "-q", "-m", branch)
    return git(truth, "rev-parse", "HEAD^{tree}")


def _keep_hunks(truth: Path, path: str, wanted: tuple[str, ...]) -> None:
    patch = PatchSet(git(truth, "diff", "--no-ext-diff", "--", path) + "\n")
    (file,) = patch
    kept = [hunk for hunk in file if any(re.search(one, _changed(hunk)) for one in wanted)]
    if not kept or len(kept) == len(file):
        raise TrialUnusable(f"{path}: {len(kept)} of {len(file)} hunks were chosen")
    header = f"--- a/{path}\n+++ b/{path}\n"
    git(truth, "checkout", "-q", "--", path)
    git(truth, "apply", "--recount", "--unidiff-zero", "-", stdin=header + "".join(map(str, kept)))


def _changed(hunk: Hunk) -> str:
    return "".join(line.value for line in hunk if not line.is_context)


def _unpacked(trial: Trial, release: Release, folder: Path, archives: Path) -> Path:
    """The archive's tree without its top folder."""
    archive = _fetched(trial, release, archives)
    raw = folder / f"raw-{release.version}"
    raw.mkdir()
    # Debian 12's tarfile has no filters, and gives root the archive's owners, with whom git will not work.
    _run("tar", "-x", "--no-same-owner", "-C", str(raw), "-f", str(archive))
    (top,) = raw.iterdir()
    return top


def _fetched(trial: Trial, release: Release, archives: Path) -> Path:
    archives.mkdir(parents=True, exist_ok=True)
    known = {_sha256(path): path for path in archives.iterdir() if path.is_file()}
    if release.sha256 not in known:
        fetch = _by_pip if trial.language == "python" else _by_npm
        fetch(trial.package, release, archives)
        known = {_sha256(path): path for path in archives.iterdir() if path.is_file()}
    if release.sha256 not in known:
        raise TrialUnusable(f"{trial.package} {release.version} is not the archive that was written down")
    return known[release.sha256]


def _by_pip(package: str, release: Release, archives: Path) -> None:
    requirement = f"{package}=={release.version} --hash=sha256:{release.sha256}\n"
    listed = archives / "requirement.txt"
    listed.write_text(requirement, encoding="utf-8")
    fixed = ("--no-deps", "--require-hashes", "--no-binary", package, "--dest", str(archives))
    _run(sys.executable, "-m", "pip", "download", "--quiet", *fixed, "--requirement", str(listed))
    listed.unlink()


def _by_npm(package: str, release: Release, archives: Path) -> None:
    _run("npm", "pack", "--silent", "--pack-destination", str(archives), f"{package}@{release.version}")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, encoding="utf-8", check=False)
    if done.returncode:
        raise TrialUnusable(f"{' '.join(argv)}\n{done.stderr[-2000:]}")


def _without(folder: Path, globs: tuple[str, ...]) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if any(fnmatch.fnmatch(path.name, glob) for glob in globs):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
