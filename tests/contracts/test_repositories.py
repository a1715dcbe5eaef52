"""The contract of `Repositories`, against real git."""

import os
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from unidiff import PatchSet

from honk.domain.event import StepProgressed
from honk.domain.repository import Sha
from honk.errors import Defect, RepositoryUnusable, Unreachable, Usage
from honk.testing.git_world import NOON, GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio


@pytest.fixture
def world(tmp_path: Path) -> GitWorld:
    return GitWorld(tmp_path, PlainSandboxes())


# ── addresses ──────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("https://example.org/ada/music-player.git", "music-player"),
        ("https://ada@example.org/music", "music"),
        ("ssh://git@example.org:2222/ada/music.git", "music"),
        ("git@example.org:ada/music.git", "music"),
        ("git://example.org/my%20music", "my-20music"),
    ],
)
async def test_a_url_is_kept_as_it_is(world: GitWorld, address: str, name: str) -> None:
    repository = world.repositories.identify(address)
    assert (repository.url, repository.name) == (address, name)
    assert repository == world.repositories.identify(address)
    assert "/" not in repository.key and repository.key.startswith(name)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "  ",
        "-oProxyCommand=touch /tmp/x",
        "--upload-pack=touch",
        "ext::sh -c touch",
        "fd::17",
        "ftp://example.org/x",
        "https://example.org",
        "https://ada:secret-canary@example.org/x",
        "https://ghp_secretcanary0123456789@example.org/x",
        "https://example.org/x?private_token=secret-canary",
        "http://[::1/x",
        "a\nb",
        "-" * 3,
    ],
)
async def test_what_is_no_repository_or_holds_a_secret_is_refused_without_repeating_the_secret(
    world: GitWorld, address: str
) -> None:
    with pytest.raises(Usage) as caught:
        world.repositories.identify(address)
    assert "canary" not in str(caught.value)


async def test_every_way_to_name_a_local_repository_gives_the_same_one(
    world: GitWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    music = world.make("my music")
    (world.root / "link").symlink_to(music)
    monkeypatch.chdir(music / "src")
    ways = (
        str(music),
        ".",
        "..",
        f"{music}/src",
        f"{music}/.git",
        f"file://{str(music).replace(' ', '%20')}",
        str(world.root / "link"),
    )
    assert {world.repositories.identify(way) for way in ways} == {world.repositories.identify(str(music))}
    assert world.repositories.identify(str(music)).url == str(music)


# ── refresh and base ───────────────────────────────────────────────────────────────────────────
async def test_the_base_of_a_local_path_is_its_checked_out_branch(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "checkout", "-q", "-b", "feature/x")
    tip = world.commit(music, {"x": "1"})
    repository, base = await world.fetched(music)
    assert (base.branch, base.commit) == ("feature/x", tip)
    assert (await world.repositories.base(repository, "main")).commit == world.tip(music, "main")


async def test_the_base_of_a_bare_repository_is_its_head(world: GitWorld) -> None:
    bare = world.make_bare()
    _, base = await world.fetched(bare)
    assert (base.branch, base.commit) == ("main", world.tip(bare))


async def test_a_refresh_follows_the_target_and_never_touches_honks_own_branches(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "branch", "gone")
    world.git(music, "branch", "honk/theirs")
    repository, base = await world.fetched(music)
    await world.repositories.keep(repository, "tasks/t1", base.commit)
    world.git(world.mirror(repository), "update-ref", "refs/heads/honk/t1", base.commit)
    world.git(music, "branch", "-D", "gone")
    world.git(music, "branch", "gone/below")
    tip = world.commit(music, {"new": "1"})
    world.git(music, "tag", "v1")
    await world.repositories.refresh(repository, world.tell)
    refs = world.git(world.mirror(repository), "for-each-ref", "--format=%(refname)").split()
    assert {"refs/heads/honk/t1", "refs/honk/tasks/t1", "refs/tags/v1"} <= set(refs)
    assert (await world.repositories.base(repository, None)).commit == tip
    with pytest.raises(RepositoryUnusable, match="has no branch 'gone'"):
        await world.repositories.base(repository, "gone")
    assert (await world.repositories.base(repository, "gone/below")).commit == base.commit


async def test_a_force_pushed_base_is_followed_and_the_old_commit_stays_readable(world: GitWorld) -> None:
    music = world.make()
    old = world.commit(music, {"a": "old"})
    repository, _ = await world.fetched(music)
    world.git(music, "reset", "-q", "--hard", "HEAD~1")
    new = world.commit(music, {"a": "new"})
    await world.repositories.refresh(repository, world.tell)
    assert (await world.repositories.base(repository, None)).commit == new
    assert await world.repositories.read(repository, old, "a") == b"old"


async def test_an_empty_repository_says_so(world: GitWorld) -> None:
    with pytest.raises(RepositoryUnusable, match="empty"):
        await world.fetched(world.make(files={}))


async def test_an_unborn_branch_says_so_while_others_can_be_named(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "checkout", "-q", "--orphan", "fresh")
    with pytest.raises(RepositoryUnusable, match=r"no commit yet.*\n.*--base"):
        await world.fetched(music)
    repository = world.repositories.identify(str(music))
    assert (await world.repositories.base(repository, "main")).branch == "main"


async def test_a_detached_head_says_so(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "checkout", "-q", "--detach")
    with pytest.raises(RepositoryUnusable, match="no branch checked out"):
        await world.fetched(music)


async def test_an_unknown_branch_names_near_ones(world: GitWorld) -> None:
    repository, _ = await world.fetched(world.make())
    for name in ("mian", "--upload-pack=x", "../main", "main^", "refs/heads/main"):
        with pytest.raises(RepositoryUnusable, match="main"):
            await world.repositories.base(repository, name)


async def test_long_branch_names_do_not_share_a_store(world: GitWorld) -> None:
    repository, _ = await world.fetched(world.make())
    one, two = (world.repositories.layout.base(repository, "ü" * 60 + end) for end in "ab")
    assert one != two and len(one.name) < 200


async def test_no_such_repository(world: GitWorld) -> None:
    (world.root / "plain").mkdir()
    (world.root / "file").write_text("x")
    for path, words in (("nowhere", "no folder"), ("plain", "no git repository"), ("file", "is a file")):
        with pytest.raises(RepositoryUnusable, match=words):
            await world.fetched(world.root / path)


async def test_a_server_that_never_answers_can_be_given_up(world: GitWorld) -> None:
    repository = None
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    called = anyio.Event()

    async def hold(stream: anyio.abc.SocketStream) -> None:
        called.set()
        async with stream:
            # Ends when git is gone.
            async for _ in stream:
                pass
        gone.set()

    gone = anyio.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(listener.serve, hold)
        repository = world.repositories.identify(f"http://127.0.0.1:{port}/music.git")
        with anyio.CancelScope() as scope:

            async def give_up() -> None:
                await called.wait()
                scope.cancel()

            group.start_soon(give_up)
            await world.repositories.refresh(repository, world.tell)
        await gone.wait()
        group.cancel_scope.cancel()
    await listener.aclose()
    with anyio.fail_after(5), pytest.raises(Unreachable):
        await world.repositories.refresh(repository, world.tell)


async def test_no_network_is_unreachable_and_may_pass(world: GitWorld) -> None:
    with pytest.raises(Unreachable, match="cannot be reached"):
        await world.fetched("http://127.0.0.1:1/ada/music.git")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make another user's repository")
async def test_another_users_repository_can_be_used(world: GitWorld) -> None:
    music = world.make()
    for path in (music, *music.rglob("*")):
        os.chown(path, 4321, 4321, follow_symlinks=False)
    _, base = await world.fetched(music)
    assert base.branch == "main"


async def test_a_linked_worktree_has_its_own_branch(world: GitWorld) -> None:
    music = world.make()
    linked = world.root / "linked"
    world.git(music, "worktree", "add", "-q", "-b", "side", str(linked))
    tip = world.commit(linked, {"s": "1"})
    repository, base = await world.fetched(linked)
    assert (base.branch, base.commit) == ("side", tip)
    assert repository != world.repositories.identify(str(music))


async def test_a_shallow_clone_works_and_may_be_deepened_later(world: GitWorld) -> None:
    music = world.make()
    for number in range(4):
        world.commit(music, {"n": str(number)})
    shallow = world.root / "shallow"
    world.git(world.root, "clone", "-q", "--depth", "2", f"file://{music}", str(shallow))
    workspace = await world.opened(shallow)
    Path(workspace.path, "n").write_text("changed")
    change = await world.take(workspace)
    assert [file.path for file in change.files] == ["n"]
    world.git(shallow, "fetch", "-q", "--unshallow")
    repository, _ = await world.fetched(shallow)
    assert world.git(world.mirror(repository), "rev-list", "--count", "refs/remotes/target/main") == "5"


async def test_a_sha256_repository_works(world: GitWorld) -> None:
    music = world.root / "sha256"
    music.mkdir()
    world.git(music, "init", "-q", "-b", "main", "--object-format=sha256")
    world.commit(music, {"a": "1\n"})
    workspace = await world.opened(music)
    Path(workspace.path, "a").write_text("2\n")
    change = await world.take(workspace)
    assert len(change.commit) == 64 and [file.path for file in change.files] == ["a"]


async def test_two_refreshes_at_once_wait_for_each_other(world: GitWorld) -> None:
    music = world.make()
    repository = world.repositories.identify(str(music))
    other = GitWorld(world.root, world.sandboxes)
    async with anyio.create_task_group() as group:
        for one in (world, other, world, other):
            group.start_soon(one.repositories.refresh, repository, world.tell)
    assert (await world.repositories.base(repository, None)).commit == world.tip(music)


async def test_leftovers_of_a_killed_git_do_not_block(world: GitWorld) -> None:
    music = world.make()
    repository, _ = await world.fetched(music)
    mirror = world.mirror(repository)
    for name in ("packed-refs.lock", "shallow.lock", "config.lock", "refs/remotes/target/main.lock"):
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).touch()
    tip = world.commit(music, {"b": "1"})
    await world.repositories.refresh(repository, world.tell)
    assert (await world.repositories.base(repository, None)).commit == tip


async def test_a_half_made_mirror_is_made_again(world: GitWorld) -> None:
    repository = world.repositories.identify(str(world.make()))
    folder = world.mirror(repository).parent
    (folder / "mirror.new" / "objects").mkdir(parents=True)
    (folder / "base" / ".new-x").mkdir(parents=True)
    await world.repositories.refresh(repository, world.tell)
    assert (await world.repositories.base(repository, None)).branch == "main"


async def test_the_operators_configuration_counts_for_remotes_only(world: GitWorld) -> None:
    music = world.make()
    config = world.root / "person" / ".gitconfig"
    config.write_text(f'[url "{world.root}/"]\n\tinsteadOf = https://elsewhere.invalid/\n')
    repository, base = await world.fetched("https://elsewhere.invalid/music")
    assert base.commit == world.tip(music)
    config.write_text("[core]\n\thooksPath = /nonexistent\n[user]\n\tname = Wrong\n")
    tree = await world.repositories.tree(repository, base.commit)
    made = await world.repositories.commit_tree(repository, tree, base.commit, "m", NOON)
    assert world.git(world.mirror(repository), "log", "-1", "--format=%an", made) == "Honk"


async def test_progress_is_told(world: GitWorld) -> None:
    await world.fetched(world.make())
    steps = [event for event in world.told if isinstance(event, StepProgressed)]
    assert steps and "music" in steps[0].detail


# ── uncommitted ────────────────────────────────────────────────────────────────────────────────
async def test_uncommitted_changes_of_a_linked_worktree_are_its_own(world: GitWorld) -> None:
    music = world.make()
    world.git(music, "worktree", "add", "-q", "-b", "side", str(world.root / "linked"))
    (world.root / "linked" / "README.md").write_text("changed")
    count = world.repositories.uncommitted
    assert await count(world.repositories.identify(str(world.root / "linked"))) == 1
    assert await count(world.repositories.identify(str(music))) == 0


async def test_uncommitted_changes_are_counted_and_left_alone(world: GitWorld) -> None:
    music = world.make()
    repository = world.repositories.identify(str(music))
    assert await world.repositories.uncommitted(repository) == 0
    (music / "README.md").write_text("changed")
    (music / "new\nfile").write_text("new")
    (music / "src" / "play.py").unlink()
    assert await world.repositories.uncommitted(repository) == 3
    assert await world.repositories.uncommitted(world.repositories.identify("https://example.org/x")) == 0
    assert await world.repositories.uncommitted(world.repositories.identify(str(world.make_bare()))) == 0
    assert (music / "README.md").read_text() == "changed"


# ── reading ────────────────────────────────────────────────────────────────────────────────────
ODD = {
    "new\nline": "1\n",
    'quo"te': "2\n",
    "tab\t": "3\n",
    "ünï": "4\n",
    "*?[a]": "5\n",
    ":(top)x": "6\n",
    " -x": "7\n",
    os.fsdecode(b"latin\xe9"): "8\n",
}


async def test_odd_file_names_are_read_and_compared(world: GitWorld) -> None:
    music = world.make(files={"a": "1\n"})
    before = world.tip(music)
    after = world.commit(music, dict(ODD))
    repository, _ = await world.fetched(music)
    assert set(await world.repositories.files(repository, after)) == {"a", *ODD}
    for path, content in ODD.items():
        assert await world.repositories.read(repository, after, path) == content.encode()
    changes = await world.repositories.changes(repository, before, after)
    assert {change.path: (change.status, change.insertions) for change in changes} == dict.fromkeys(ODD, ("A", 1))
    for path in ODD:
        patch = await world.repositories.diff(repository, before, after, paths=(path,))
        assert len(PatchSet(patch)) == 1
    assert len(PatchSet(await world.repositories.diff(repository, before, after))) == len(ODD)


async def test_read_answers_none_for_what_is_no_regular_file_or_too_large(world: GitWorld) -> None:
    music = world.make(files={"a": "12345", "dir/b": "1"})
    (music / "link").symlink_to("a")
    tip = world.commit(music, {})
    repository, _ = await world.fetched(music)
    read = world.repositories.read
    assert await read(repository, tip, "a", limit=5) == b"12345"
    assert [await read(repository, tip, path) for path in ("dir", "dir/", "link", "none", "", "../a", "/a")] == [
        None
    ] * 7
    assert await read(repository, tip, "a", limit=4) is None


async def test_changes_of_every_kind(world: GitWorld) -> None:
    music = world.make(files={"mod": "1\n2\n", "gone": "1\n", "bin": b"\0\1", "mode": "x\n", "type": "x\n"})
    old = world.tip(music)
    (music / "mode").chmod(0o755)
    (music / "type").unlink()
    (music / "type").symlink_to("mod")
    new = world.commit(music, {"mod": "1\n3\n4\n", "gone": None, "bin": b"\0\2", "add": "1\n"})
    repository, _ = await world.fetched(music)
    found = {change.path: change for change in await world.repositories.changes(repository, old, new)}
    assert {path: change.status for path, change in found.items()} == {
        **{"mod": "M", "gone": "D", "bin": "M", "add": "A", "mode": "M", "type": "T"},
    }
    assert (found["mod"].insertions, found["mod"].deletions) == (2, 1)
    assert found["bin"].binary and not found["mod"].binary
    assert (found["mode"].old_mode, found["mode"].new_mode, found["gone"].new_mode) == ("100644", "100755", "000000")
    assert found["type"].new_mode == "120000"


async def test_a_diff_of_bytes_that_are_no_utf8(world: GitWorld) -> None:
    music = world.make(files={"a": b"caf\xe9\n"})
    old = world.tip(music)
    new = world.commit(music, {"a": b"caf\xe9s\n"})
    repository, _ = await world.fetched(music)
    patch = await world.repositories.diff(repository, old, new)
    assert "+caf\ufffds" in patch and patch.encode()


async def test_a_diff_of_very_many_paths(world: GitWorld) -> None:
    music = world.make(files={"a": "1\n"})
    old = world.tip(music)
    names = tuple(f"folder/{'long' * 10}-{number}.txt" for number in range(2500))
    new = world.commit(music, dict.fromkeys(names, "1\n"))
    repository, _ = await world.fetched(music)
    assert len(PatchSet(await world.repositories.diff(repository, old, new, paths=names))) == len(names)


# ── making ─────────────────────────────────────────────────────────────────────────────────────
async def test_the_same_commit_twice_is_one_commit(world: GitWorld) -> None:
    repository, base = await world.fetched(world.make())
    tree = await world.repositories.tree(repository, base.commit)
    make = world.repositories.commit_tree
    message = "Fix\n\nHonk-Task: t1\nRequested-by: Ada\n"
    one = await make(repository, tree, base.commit, message, NOON)
    assert one == await make(repository, tree, base.commit, message, NOON)
    assert one != await make(repository, tree, base.commit, message, NOON + timedelta(seconds=1))
    shown = world.git(world.mirror(repository), "log", "-1", "--format=%B%(trailers:key=Honk-Task,valueonly)", one)
    assert shown.splitlines()[0] == "Fix" and shown.endswith("t1")


async def test_a_tree_with_some_paths_of_another(world: GitWorld) -> None:
    music = world.make(files={"a": "old\n", "b": "old\n", "gone": "x\n", "d": "file\n"})
    base = world.tip(music)
    world.git(music, "rm", "-q", "d")
    source = world.commit(music, {"a": "new\n", "b": "new\n", "gone": None, "new\nname": "n\n", "d/below": "x\n"})
    repository, _ = await world.fetched(music)
    wanted = ("a", "gone", "new\nname", "d/below", "nowhere")
    tree = await world.repositories.with_paths(repository, base, source, wanted)
    listed = world.git(world.mirror(repository), "ls-tree", "-r", "-z", "--name-only", tree).split("\0")
    assert set(listed) - {""} == {"a", "b", "new\nname", "d/below"}
    show = world.git
    assert show(world.mirror(repository), "cat-file", "blob", f"{tree}:a") == "new"
    assert show(world.mirror(repository), "cat-file", "blob", f"{tree}:b") == "old"


async def test_names_that_are_no_objects_never_reach_git(world: GitWorld) -> None:
    repository, base = await world.fetched(world.make())
    for wrong in ("HEAD", "--output=x", "", base.commit[:12], f"{base.commit}\n"):
        with pytest.raises(Defect):
            await world.repositories.tree(repository, Sha(wrong))


async def test_a_checkout_is_byte_for_byte_and_knows_its_tags(world: GitWorld) -> None:
    music = world.make(files={".gitattributes": "* text=auto eol=crlf\n*.id ident\n", "a": "1\n", "b.id": "$Id$\n"})
    world.git(music, "tag", "-m", "one", "v1.0")
    world.git(music, "checkout", "-q", "-b", "side")
    world.commit(music, {"s": "1"})
    world.git(music, "tag", "side-tag")
    world.git(music, "checkout", "-q", "main")
    repository, base = await world.fetched(music)
    into = world.home / "checkouts" / "one"
    await world.repositories.checkout(repository, base, base.commit, into)
    assert (into / "a").read_bytes() == b"1\n" and (into / "b.id").read_bytes() == b"$Id$\n"
    packed = (into / ".git" / "packed-refs").read_text()
    assert "refs/tags/v1.0" in packed and "side-tag" not in packed
    assert (into / ".git" / "objects" / "info" / "alternates").read_text() == "/honk/base.git/objects\n"
    assert "url" not in (into / ".git" / "config").read_text()
    assert not list((world.home / "checkouts").glob(".new-*"))


async def test_whatever_a_sandbox_left_is_cleared_away(world: GitWorld) -> None:
    folder = world.home / "checkouts" / "v-1"
    folder.mkdir(parents=True)
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1500):  # deeper than Python's own way of removing a tree can go
        os.mkdir("d", dir_fd=here)
        deeper = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(here)
    kept = world.home / "kept"
    kept.write_text("x")
    (folder / "link").symlink_to(kept)
    (folder / "closed").mkdir(mode=0o000)
    await world.repositories.clear(folder)
    await world.repositories.clear(folder)
    assert not folder.exists() and kept.read_text() == "x"


# ── a base that has moved ──────────────────────────────────────────────────────────────────────
async def both(world: GitWorld, ours: str, theirs: str) -> tuple[Path, str, str]:
    """A repository whose branch and base have moved apart; both tips."""
    target = world.make()
    world.git(target, "checkout", "-qb", "honk/t1")
    (target / "README.md").write_text(ours)
    world.git(target, "commit", "-qam", "Ours")
    head = world.git(target, "rev-parse", "HEAD")
    world.git(target, "checkout", "-q", "main")
    (target / "README.md").write_text(theirs)
    (target / "new.txt").write_text("new\n")
    world.git(target, "add", "-A")
    world.git(target, "commit", "-qm", "Theirs")
    return target, head, world.git(target, "rev-parse", "HEAD")


async def test_a_base_is_merged_into_a_branch_in_the_mirror_alone(world: GitWorld) -> None:
    target, head, tip = await both(world, "ours\n", "theirs\n")
    repository = world.repositories.identify(str(target))
    await world.repositories.refresh(repository, world.tell)
    made = await world.repositories.merge(repository, Sha(head), Sha(tip), NOON)
    again = await world.repositories.merge(repository, Sha(head), Sha(tip), NOON)
    assert made == again and made.conflicts == ("README.md",)
    content = await world.repositories.read(repository, made.commit, "README.md")
    assert content is not None and b"<<<<<<<" in content and b"ours" in content and b"theirs" in content
    assert await world.repositories.read(repository, made.commit, "new.txt") == b"new\n"
    mirror = world.repositories.layout.mirror(repository)
    assert world.git(mirror, "log", "-1", "--format=%P", made.commit) == f"{head} {tip}"
    assert world.git(target, "rev-parse", "main", "honk/t1").split() == [tip, head]


async def test_subjects_are_those_of_the_latest_commits(world: GitWorld) -> None:
    target, _, tip = await both(world, "ours\n", "theirs\n")
    repository = world.repositories.identify(str(target))
    await world.repositories.refresh(repository, world.tell)
    first, *_ = await world.repositories.subjects(repository, Sha(tip))
    assert first == "Theirs"
    assert len(await world.repositories.subjects(repository, Sha(tip), 1)) == 1
