"""The contract of `Workspaces`: made, handed back, removed. Against real git, in real sandboxes."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.git.tree_rules import Rules
from honk.adapters.git.workspaces import GitWorkspaces
from honk.domain.attempt import Change
from honk.domain.task import TaskId
from honk.domain.workspace import Workspace
from honk.errors import Defect, HandBackRefused
from honk.ports import Process, Ran, Sandboxes
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio
T1 = TaskId("t1")


@pytest.fixture(params=["plain", pytest.param("bubblewrap", marks=pytest.mark.sandbox)])
def world(request: pytest.FixtureRequest, short_tmp: Path) -> GitWorld:
    walls: Sandboxes = Bubblewrap(short_tmp / "honk") if request.param == "bubblewrap" else PlainSandboxes()
    return GitWorld(short_tmp, walls)


@pytest.fixture
def plain(short_tmp: Path) -> GitWorld:
    """For what does not depend on the sandbox."""
    return GitWorld(short_tmp, PlainSandboxes())


def blob(world: GitWorld, workspace: Workspace, change: Change, path: str) -> str:
    return world.git(world.mirror(workspace.repository), "cat-file", "-p", f"{change.commit}:{path}")


def paths(change: Change) -> dict[str, str]:
    return {file.path: file.status for file in change.files}


# ── made ───────────────────────────────────────────────────────────────────────────────────────
async def test_a_workspace_is_a_clean_clone_on_its_own_branch(world: GitWorld) -> None:
    music = world.make(files={"a": "1\n", "run": "x\n", "sub/b": "2\n"})
    (music / "run").chmod(0o755)
    (music / "link").symlink_to("sub/b")
    world.commit(music, {})
    world.git(music, "tag", "-m", "one", "v1.2.3")
    workspace = await world.opened(music)
    ran = await world.inside(
        workspace,
        "git status --porcelain --branch; git describe; git log --oneline main | wc -l;"
        "git remote; git config user.name;"
        "readlink link; test -x run; echo 3 > sub/b; git commit -qam inside; git fsck 2>&1 | head -3",
    )
    assert ran.exit_code == 0, ran.stderr
    assert ran.stdout.decode().split("\n")[:5] == ["## honk/t1", "v1.2.3", "2", "Honk", "sub/b"]
    assert b"missing" not in ran.stdout and b"corrupt" not in ran.stdout


async def test_a_sandbox_sees_the_base_branch_and_nothing_else(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "checkout", "-q", "-b", "private")
    private = world.commit(music, {"private": "secret\n"})
    world.git(music, "checkout", "-q", "main")
    other = await world.opened(music, "other")
    Path(other.path, "theirs").write_text("x\n")
    theirs = await world.take(other)
    workspace = await world.opened(music)
    script = f"for one in {private} {theirs.commit} {theirs.tree}; do git cat-file -e $one && echo seen; done; true"
    ran = await world.inside(workspace, script)
    assert b"seen" not in ran.stdout
    assert (await world.inside(workspace, f"git cat-file -e {workspace.base.commit}")).exit_code == 0


async def test_opening_again_never_resets(plain: GitWorld) -> None:
    music = plain.make()
    workspace = await plain.opened(music)
    Path(workspace.path, "work").write_text("kept")
    shutil.rmtree(Path(workspace.path, ".git"))
    plain.commit(music, {"later": "1"})
    assert await plain.workspaces.open(T1, workspace.repository, workspace.base) == workspace
    assert Path(workspace.path, "work").read_text() == "kept"
    assert not Path(workspace.path, "later").exists()


async def test_a_half_made_workspace_is_made_again(plain: GitWorld) -> None:
    half = plain.home / "tasks" / "t1" / ".new-workspace"
    half.mkdir(parents=True)
    (half / "README.md").write_text("half")
    workspace = await plain.opened(plain.make())
    assert Path(workspace.path, "README.md").read_text() == "Music\n"
    assert sorted(os.listdir(half.parent)) == ["workspace"]


async def test_a_lost_workspace_is_rebuilt_at_the_last_commit(world: GitWorld) -> None:
    workspace = await world.opened(world.make())
    Path(workspace.path, "one").write_text("1\n")
    first = await world.take(workspace)
    await world.workspaces.discard(T1)
    assert not Path(workspace.path).exists()
    again = await world.workspaces.open(T1, workspace.repository, workspace.base, at=first.commit)
    assert Path(again.path, "one").read_text() == "1\n"
    ran = await world.inside(again, "git diff --stat main; git status --porcelain; echo 2 > two")
    assert b"one" in ran.stdout, ran.stderr
    second = await world.take(again, first.commit, "Second")
    assert paths(second) == {"one": "A", "two": "A"}
    assert world.git(world.mirror(workspace.repository), "rev-parse", f"{second.commit}^") == first.commit


async def test_a_base_that_is_behind_its_branch_can_be_opened(world: GitWorld) -> None:
    music = world.make()
    repository, base = await world.fetched(music)
    world.git(music, "commit", "-q", "--amend", "-m", "rewritten")
    await world.repositories.refresh(repository, world.tell)
    workspace = await world.workspaces.open(T1, repository, base)
    assert (await world.inside(workspace, "git log -1 --format=%H")).stdout.decode().strip() == base.commit


async def test_a_strict_umask_shuts_nobody_out(world: GitWorld) -> None:
    before = os.umask(0o077)
    try:
        workspace = await world.opened(world.make())
        world.commit(Path(workspace.repository.url), {"later": "1"})
        second = await world.opened(workspace.repository.url, "t2")
    finally:
        os.umask(before)
    for one in (workspace, second):
        ran = await world.inside(one, "git fsck && git log && echo 2 > README.md")
        assert ran.exit_code == 0, ran.stderr
        assert paths(await world.take(one)) == {"README.md": "M"}


@pytest.mark.parametrize("branch", ["honk", "feature/x.y", "ünï", "a%2fb"])
async def test_any_branch_name_can_be_a_base(plain: GitWorld, branch: str) -> None:
    music = plain.make()
    plain.git(music, "checkout", "-q", "-b", branch)
    workspace = await plain.opened(music)
    assert workspace.base.branch == branch
    Path(workspace.path, "new").write_text("1")
    assert paths(await plain.take(workspace)) == {"new": "A"}


async def test_a_tasks_id_cannot_leave_the_folder(plain: GitWorld) -> None:
    for wrong in ("", "..", ".x", "a/b"):
        with pytest.raises(Defect):
            await plain.workspaces.discard(TaskId(wrong))


# ── handed back ────────────────────────────────────────────────────────────────────────────────
async def test_the_tree_as_it_lies_there_comes_back(world: GitWorld) -> None:
    music = world.make(files={"mod": "1\n", "gone": "1\n", "keep": "1\n", ".gitignore": "*.log\n"})
    workspace = await world.opened(music)
    ran = await world.inside(
        workspace,
        "echo 2 > mod; rm gone; echo x > new; printf '\\0\\1' > bin; echo y > run; chmod +x run; ln -s sub/x link;"
        'mkdir sub; echo z > "sub/new\nline"; echo no > debug.log; echo x > "$(printf \'latin\\351\')"',
    )
    assert ran.exit_code == 0, ran.stderr
    change = await world.take(workspace, message="Fix\n\nHonk-Task: t1\n")
    assert paths(change) == {
        **{"mod": "M", "gone": "D", "new": "A", "bin": "A", "run": "A", "link": "A", "sub/new\nline": "A"},
        os.fsdecode(b"latin\xe9"): "A",
    }
    modes = {file.path: file.new_mode for file in change.files}
    assert (modes["run"], modes["link"], modes["new"]) == ("100755", "120000", "100644")
    assert (change.base, change.parent) == (workspace.base.commit, workspace.base.commit)
    shown = world.git(world.mirror(workspace.repository), "log", "-1", "--format=%P|%an|%cn|%s|%aI", change.commit)
    assert shown == f"{change.base}|Honk|Honk|Fix|2026-11-21T12:00:00+00:00"
    refs = world.git(world.mirror(workspace.repository), "for-each-ref", "--contains", change.commit, "refs/honk/tasks")
    assert change.commit in refs


async def test_taking_twice_gives_one_commit_and_nothing_gives_none(world: GitWorld) -> None:
    workspace = await world.opened(world.make())
    nothing = await world.take(workspace)
    assert nothing.empty and nothing.commit == workspace.base.commit
    Path(workspace.path, "new").write_text("1")
    first = await world.take(workspace)
    assert await world.take(workspace) == first
    second = await world.take(workspace, first.commit, "Nothing more")
    assert second.commit == first.commit and paths(second) == {"new": "A"}
    Path(workspace.path, "new").unlink()
    undone = await world.take(workspace, first.commit, "Undone")
    assert undone.empty and undone.commit != first.commit
    assert world.git(world.mirror(workspace.repository), "rev-parse", f"{undone.commit}^") == first.commit


@pytest.mark.parametrize(
    "script",
    [
        "git commit -qam one; echo 3 >> a; git commit -qam two",
        "git checkout -q --detach; git commit -qam one",
        "git checkout -q -b other; git commit -qam one; git branch -q -D honk/t1 main",
        "git checkout -q --orphan fresh; git commit -qam one",
        "git stash -q; echo 2 > a; git stash list",
        "git reset -q --soft HEAD; git rm -q --cached a",
        "rm -rf .git",
        "rm -rf .git; echo garbage > .git",
        "rm -rf .git; git init -q; git add -A; git commit -qm fresh",
        "rm .git/HEAD; echo x > .git/index; rm -rf .git/objects",
        "touch .git/index.lock; git config core.bare true; git config core.worktree /tmp",
        "echo /tmp/elsewhere > .git/objects/info/alternates",
        "git update-index --assume-unchanged a; git update-index --skip-worktree b",
        "git commit -qam one; git replace HEAD HEAD~1; mkdir -p .git/info; git rev-parse HEAD > .git/info/grafts",
        "chmod 0 a; mkdir shut; chmod 0 shut",
        "rm .git; true",
    ],
)
async def test_whatever_became_of_its_git_the_work_comes_back(plain: GitWorld, script: str) -> None:
    workspace = await plain.opened(plain.make(files={"a": "1\n", "b": "1\n"}))
    Path(workspace.path, "a").write_text("2\n")
    await plain.inside(workspace, f"{{ {script}\n}} || true")
    change = await plain.take(workspace)
    assert paths(change)["a"] == "M" and set(paths(change)) == {"a"}
    assert blob(plain, workspace, change, "a").startswith("2")


async def test_a_half_done_merge_comes_back_as_it_lies_there(plain: GitWorld) -> None:
    workspace = await plain.opened(plain.make(files={"a": "1\n"}))
    await plain.inside(
        workspace,
        "git checkout -q -b side; echo side > a; git commit -qam side; git checkout -q honk/t1;"
        "echo mine > a; git commit -qam mine; git merge side || true",
    )
    change = await plain.take(workspace)
    assert "<<<<<<<" in blob(plain, workspace, change, "a")


async def test_ignored_files_count_only_when_the_agent_added_them(plain: GitWorld) -> None:
    workspace = await plain.opened(plain.make(files={"a": "1\n", ".gitignore": "build/\n*.log\n"}))
    await plain.inside(
        workspace,
        "mkdir build; echo 1 > build/wanted; echo 1 > build/not; echo x > x.log; git add -f build/wanted;"
        "echo gone > gone.log; git add -f gone.log; rm gone.log; echo hidden > local; echo local >> .git/info/exclude",
    )
    assert paths(await plain.take(workspace)) == {"build/wanted": "A"}


async def test_line_ends_and_filters_never_change_what_nobody_edited(plain: GitWorld) -> None:
    music = plain.make(
        files={"crlf.txt": "1\r\n2\r\n", "lf.txt": "1\n", "id": "$Id: old $\n", "big.bin": "version 1\n"}
    )
    plain.commit(
        music, {".gitattributes": "*.txt text eol=crlf\nid ident\n*.bin filter=lfs diff=lfs merge=lfs -text\n"}
    )
    # Committed before the attributes, so git itself would call them modified.
    plain.git(music, "rm", "-q", "--cached", "crlf.txt")
    name = plain.git(music, "hash-object", "-w", "--no-filters", "crlf.txt")
    plain.git(music, "update-index", "--add", "--cacheinfo", f"100644,{name},crlf.txt")
    plain.git(music, "commit", "-q", "-m", "as it was")
    workspace = await plain.opened(music)
    assert (await plain.take(workspace)).empty
    Path(workspace.path, "crlf.txt").write_bytes(b"1\r\nchanged\r\n")
    change = await plain.take(workspace)
    assert [(file.insertions, file.deletions) for file in change.files] == [(1, 1)]


async def test_nothing_planted_runs_on_the_host(plain: GitWorld) -> None:
    workspace = await plain.opened(plain.make(files={"a": "1\n"}))
    witness = plain.root / "ran-on-the-host"
    program = f"touch {witness}; cat"
    hooks = "pre-commit post-checkout post-index-change reference-transaction post-commit pre-push fsmonitor-watchman"
    await plain.inside(
        workspace,
        f"for one in {hooks}; do mkdir -p .git/hooks; printf '#!/bin/sh\\n{program}\\n' > .git/hooks/$one;"
        "chmod +x .git/hooks/$one; done;"
        f"git config core.fsmonitor '{program} #'; git config filter.evil.clean '{program}';"
        f"git config filter.evil.smudge '{program}'; git config filter.evil.process '{program}';"
        f"git config core.sshCommand '{program} #'; git config uploadpack.packObjectsHook '{program} #';"
        f"git config diff.evil.textconv '{program}'; git config diff.external '{program} #';"
        f"git config core.hooksPath .git/hooks; git config gpg.program '{program} #';"
        f"git config alias.add '!{program}';"
        "echo '* filter=evil diff=evil' > .gitattributes; echo 2 > a",
    )
    witness.unlink(missing_ok=True)
    change = await plain.take(workspace)
    assert blob(plain, workspace, change, "a") == "2"
    await plain.repositories.diff(workspace.repository, change.base, change.commit)
    into = plain.home / "checkouts" / "x"
    await plain.repositories.checkout(workspace.repository, workspace.base, change.commit, into)
    assert (into / "a").read_text() == "2\n"
    assert not witness.exists()


# ── refused ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("ln -s /etc/passwd link", "absolute"),
        ("ln -s ../../etc/passwd link", "out of the repository"),
        ("mkdir -p d; ln -s ../.. d/link", "out of the repository"),
        ("ln -s src/../../x link", "out of the repository"),
        ("ln -s .git/config link", "points into .git"),
        ("ln -sf /etc README.md", "absolute"),
        ("mkdir -p x/.GIT; echo 1 > x/.GIT/config", ".git"),
        ("mkdir 'git~1'; echo 1 > 'git~1/config'", ".git"),
        (
            "mkdir nested; cd nested; git init -q; echo 1 > a; git add a;"
            "git -c user.name=N -c user.email=n@n commit -qm n",
            "git repository of its own",
        ),
        ("mkdir -p nested; cd nested; git init -q; echo 1 > a", "git repository of its own"),
        ("echo '[submodule]' > .gitmodules", "submodules"),
        ("echo '[submodule]' > .GitModules", "submodules"),
    ],
)
async def test_what_breaks_a_rule_is_refused_and_named(plain: GitWorld, script: str, words: str) -> None:
    workspace = await plain.opened(plain.make())
    ran = await plain.inside(workspace, script)
    assert ran.exit_code == 0, ran.stderr
    with pytest.raises(HandBackRefused, match=words):
        await plain.take(workspace)


async def test_submodules_and_odd_links_of_the_base_are_left_alone(plain: GitWorld) -> None:
    music = plain.make()
    library = plain.make("library")
    plain.git(music, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(library), "lib")
    (music / "absolute").symlink_to("/usr/share")
    plain.commit(music, {"lfs.bin": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"})
    workspace = await plain.opened(music)
    repository = workspace.repository
    assert "lib" not in await plain.repositories.files(repository, workspace.base.commit)
    assert (await plain.take(workspace)).empty
    Path(workspace.path, "new").write_text("1")
    assert paths(await plain.take(workspace)) == {"new": "A"}
    for script, words in (
        ("rmdir lib", "removed"),
        ("rmdir lib; echo 1 > lib", "changed"),
        ("rm .gitmodules", "submod"),
    ):
        await plain.inside(workspace, f"git checkout -q -- . ; {script}")
        with pytest.raises(HandBackRefused, match=words):
            await plain.take(workspace)


async def test_sizes_and_numbers_have_limits(plain: GitWorld) -> None:
    workspaces = GitWorkspaces(plain.repositories, rules=Rules(bundle=40_000, blob=30_000, total=50_000, files=20))
    plain.workspaces = workspaces
    music = plain.make()
    for script, words in (
        ("head -c 60000 /dev/urandom > huge", "larger than"),
        ("head -c 31000 /dev/zero > large", "'large' has 31000 bytes"),
        ("for one in 1 2; do head -c 29000 /dev/zero > $one; echo $one >> $one; done", "together"),
        ("for one in $(seq 21); do echo $one > $one; done", "21 files changed"),
    ):
        workspace = await plain.opened(music)
        await plain.inside(workspace, script)
        with pytest.raises(HandBackRefused, match=words):
            await plain.take(workspace)
        await workspaces.discard(T1)


@pytest.mark.sandbox
async def test_ten_thousand_files_come_back() -> None:
    # In memory, where there is such a place: this is about numbers, not about the disk.
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="hk", dir=memory if os.access(memory, os.W_OK) else None) as root:
        world = GitWorld(Path(root), Bubblewrap(Path(root) / "honk"))
        workspace = await world.opened(world.make())
        await world.inside(workspace, "mkdir many; cd many; seq 10000 | split -l 1 -a 4 - file-")
        assert len((await world.take(workspace)).files) == 10_000


async def test_an_evil_bundle_is_refused(plain: GitWorld) -> None:
    """The sandbox's own git is not to be trusted: it may send anything."""
    music = plain.make()
    evil = plain.root / "evil"
    plain.git(plain.root, "clone", "-q", str(music), str(evil))
    base = plain.tip(evil)
    file = plain.git(evil, "hash-object", "-w", "README.md")
    gone = "1" * 40
    inner = plain.git(evil, "mktree", stdin=f"100644 blob {file}\tconfig\n".encode())
    trees = {
        "dotgit": f"40000 tree {inner}\t.git\n",
        "slash": f"100644 blob {file}\t..\n",
        "hfs": f"40000 tree {inner}\t.g\u200cit\n",
        "missing": f"100644 blob {gone}\tgone\n",
        "gitlink": f"160000 commit {base}\tsub\n",
    }
    bundle = plain.root / "evil.bundle"
    for name, entry in trees.items():
        tree = plain.git(evil, "mktree", "--missing", stdin=entry.encode())
        commit = plain.git(evil, "commit-tree", tree, "-p", base, "-m", name)
        objects = f"{commit}\n{tree}\n{inner}\n".encode()
        pack = subprocess.run(
            ("git", "-C", str(evil), "pack-objects", "--stdout", "-q"), input=objects, capture_output=True
        )
        bundle.write_bytes(f"# v2 git bundle\n-{base} x\n{commit} refs/honk/take\n\n".encode() + pack.stdout)
        await _refused(plain, music, bundle)
    plain.git(evil, "update-ref", "refs/honk/take", plain.commit(evil, {"x": "1"}))
    whole = plain.root / "whole.bundle"
    plain.git(evil, "bundle", "create", str(whole), "refs/honk/take", "main", f"^{base}")
    await _refused(plain, music, whole)
    plain.git(evil, "bundle", "create", str(whole), "refs/honk/take", f"^{base}")
    whole.write_bytes(whole.read_bytes()[:-30])
    await _refused(plain, music, whole)
    whole.write_bytes(b"\0" * 1000)
    await _refused(plain, music, whole)


class Lying:
    """A sandbox in which somebody replaced git: it answers with a file of its own."""

    def __init__(self, bundle: Path) -> None:
        self._bundle = bundle

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        assert stdout_to is not None
        shutil.copyfile(self._bundle, stdout_to)
        return Ran(exit_code=0, stdout=b"", stderr=b"", seconds=0.0)

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process:
        raise NotImplementedError

    def inbound(self, name: str) -> Path:
        raise NotImplementedError


async def _refused(world: GitWorld, music: Path, bundle: Path) -> None:
    """The sandbox sends this file in place of its work; nothing of it may reach the mirror."""
    workspace = await world.opened(music)
    mirror = world.mirror(workspace.repository)
    before = world.git(mirror, "count-objects", "-v"), world.git(mirror, "for-each-ref")
    with pytest.raises(HandBackRefused):
        await world.workspaces.take(workspace, Lying(bundle), parent=workspace.base.commit, message="x", at=NOON)
    assert (world.git(mirror, "count-objects", "-v"), world.git(mirror, "for-each-ref")) == before


async def test_a_take_leaves_nothing_behind(world: GitWorld) -> None:
    workspace = await world.opened(world.make())
    Path(workspace.path, "new").write_text("1")
    await world.take(workspace)
    Path(workspace.path, "link").symlink_to("/etc")
    with pytest.raises(HandBackRefused):
        await world.take(workspace)
    assert os.listdir(world.home / "tasks" / "t1") == ["workspace"]


# ── removed ────────────────────────────────────────────────────────────────────────────────────
async def test_hostile_trees_are_removed_and_links_never_followed(world: GitWorld) -> None:
    outside = world.root / "precious"
    outside.mkdir()
    (outside / "file").write_text("kept")
    workspace = await world.opened(world.make())
    ran = await world.inside(
        workspace,
        f"ln -s {outside} link; ln -s {outside}/file flink; mkfifo pipe; mkdir shut; echo 1 > shut/x; chmod 0 shut;"
        'python3 -c \'import os\nfor _ in range(60): os.mkdir("d" * 200); os.chdir("d" * 200)\nopen("file", "w")\'',
    )
    assert ran.exit_code == 0, ran.stderr
    await world.workspaces.discard(T1)
    assert not (world.home / "tasks" / "t1").exists()
    assert os.listdir(world.home / "trash") == [] and (outside / "file").read_text() == "kept"
    await world.workspaces.discard(T1)


async def test_collect_keeps_only_what_is_named(plain: GitWorld) -> None:
    music = plain.make()
    kept = await plain.opened(music, "kept")
    gone = await plain.opened(music, "gone")
    Path(gone.path, "big").write_bytes(b"x" * 100_000)
    checkouts = plain.home / "checkouts"
    for name in ("kept-1", "old", "fresh"):
        (checkouts / name).mkdir(parents=True)
    os.utime(checkouts / "old", (0, 0))
    left = plain.home / "trash" / "left"
    left.mkdir(parents=True)
    (left / "x").write_bytes(b"x" * 1000)
    assert await plain.workspaces.collect(frozenset({TaskId("kept")})) > 101_000
    assert Path(kept.path, "README.md").exists() and not Path(gone.path).exists()
    assert sorted(os.listdir(checkouts)) == ["fresh", "kept-1"] and os.listdir(plain.home / "trash") == []
