"""The contract of `Repositories` where a person reads a difference, against real git."""

import os
from pathlib import Path

import pytest

from honk.adapters.git.comparing import parse_compared
from honk.domain.repository import Compared, FileChange, Sha
from honk.doors.web.diffs import read_diff
from honk.testing import fake_comparing
from honk.testing.fake_code import changes
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes

pytestmark = pytest.mark.anyio

LONG = "".join(f"line {number}\n" for number in range(40))
ODD = (
    "new\nline",
    'quo"te\\',
    "tab\t",
    "ünï",
    "*?[a]",
    ":(top)x",
    " -x",
    os.fsdecode(b"latin\xe9"),
    os.fsdecode(b"\xff"),
)


@pytest.fixture
def world(tmp_path: Path) -> GitWorld:
    return GitWorld(tmp_path, PlainSandboxes())


async def test_what_was_moved_is_one_file(world: GitWorld) -> None:
    music = world.make(files={"same": LONG, "nearly": LONG + "x\n", "gone": "1\n", "b": b"\0\1", "mode": "x\n"})
    old = world.tip(music)
    (music / "mode").chmod(0o755)
    moved = {"same": None, "to/same": LONG, "nearly": None, "to/nearly": LONG + "y\n"}
    new = world.commit(music, {**moved, "gone": None, "b": b"\0\2", "add": "2\n"})
    repository, _ = await world.fetched(music)
    compared = world.repositories.compared
    found = {one.change.path: one for one in await compared(repository, old, new)}
    assert {path: (one.was, one.change.status) for path, one in found.items()} == {
        **{"to/same": ("same", "M"), "to/nearly": ("nearly", "M"), "gone": ("", "D"), "add": ("", "A")},
        **{"b": ("", "M"), "mode": ("", "M")},
    }
    same, nearly = found["to/same"], found["to/nearly"]
    assert (same.change.insertions, nearly.change.insertions, nearly.change.deletions) == (0, 1, 1)
    assert same.old == same.new and nearly.old != nearly.new and same.before == "same"
    assert found["b"].change.binary and found["mode"].change.new_mode == "100755"
    assert set(found["add"].old) == set(found["gone"].new) == {"0"}
    (text,) = read_diff(await world.repositories.differences(repository, old, new, (nearly,)))
    assert (text.before, text.after) == ("nearly", "to/nearly")
    assert [line.sign for hunk in text.hunks for line in hunk.lines] == [" ", " ", " ", "-", "+"]
    (whole,) = read_diff(await world.repositories.differences(repository, old, new, (nearly,), context=1_000_000))
    assert len(whole.hunks[0].lines) == 42
    assert await compared(repository, old, old) == ()
    assert await world.repositories.differences(repository, old, new, ()) == ""


async def test_names_are_exact_whatever_they_hold(world: GitWorld) -> None:
    music = world.make(files={"a": "1\n"})
    old = world.tip(music)
    new = world.commit(music, {name: f"{number}\n" for number, name in enumerate(ODD)})
    repository, _ = await world.fetched(music)
    files = await world.repositories.compared(repository, old, new)
    assert {one.change.path for one in files} == set(ODD)
    diffs = read_diff(await world.repositories.differences(repository, old, new, files))
    assert {diff.after: diff.hunks[0].lines[0].text for diff in diffs} == {n: str(i) for i, n in enumerate(ODD)}


async def test_very_many_files_are_compared_in_bounded_commands(world: GitWorld) -> None:
    music = world.make(files={"a": "1\n"})
    old = world.tip(music)
    new = world.commit(music, dict.fromkeys((f"folder/{'long' * 10}-{number}.txt" for number in range(2500)), "1\n"))
    repository, _ = await world.fetched(music)
    files = await world.repositories.compared(repository, old, new)
    assert len(read_diff(await world.repositories.differences(repository, old, new, files))) == len(files) == 2500


def test_what_git_prints_is_understood() -> None:
    text = ":100644 100755 aa bb R090\0old\0new\0:100644 100644 cc dd M\0bin\0" + "1\t2\t\0old\0new\0-\t-\tbin\0"
    moved, binary = parse_compared(text)
    assert (moved.was, moved.change.path, moved.change.insertions, moved.change.deletions) == ("old", "new", 1, 2)
    assert binary.change.binary and (binary.old, binary.new) == (Sha("cc"), Sha("dd"))


def test_the_fake_compares_as_git_does() -> None:
    old = {"same": b"1\n", "a": b"1\n2\n", "gone": b"3\n", "b": b"\0", "ü": b"1"}
    new = {"moved": b"1\n", "a": b"1\n3\n", "add": b"4\n", "b": b"\0\0", "ü": b"2"}
    found = fake_comparing.compared(old, new, changes(old, new))
    assert {(one.was, one.change.path, one.change.status) for one in found} == {
        *(("same", "moved", "M"), ("", "a", "M"), ("", "gone", "D"), ("", "add", "A"), ("", "b", "M"), ("", "ü", "M")),
    }
    diffs = {one.after: one for one in read_diff(fake_comparing.differences(old, new, found, 3))}
    assert set(diffs) == {one.change.path for one in found}
    assert [line.ends for line in diffs["ü"].hunks[0].lines] == [False, False]
    assert diffs["moved"].hunks == () and isinstance(found[0], Compared) and isinstance(found[0].change, FileChange)
