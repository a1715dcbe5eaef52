"""Deleted, skipped or weakened tests are named, and block unless the instruction asked for them (promise 6).

A revert takes tests back with the change that they came with, and is unsure. Two looks: at the files
(here), and at what ran (`no_longer_run`), which also sees what a changed configuration or fixture leaves
out. A snapshot that was only added to is fine; one whose lines were changed is unsure, because nobody can
tell a new truth from a lost one; a deleted one blocks.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from honk.checks import paths, weakened_javascript, weakened_python
from honk.checks.instruction import Instruction
from honk.checks.judging import named
from honk.checks.tally import Tally
from honk.checks.tree import Tree
from honk.domain.repository import FileChange
from honk.domain.verdict import Answer, Finding, Kind

NAME = "weakened tests"


@dataclass
class Weakened:
    """Sentences about what was taken away, and names of tests that only moved."""

    blocking: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    #: the new name by the old one, of test functions that were moved or renamed
    moved: dict[str, str] = field(default_factory=dict)


async def look(base: Tree, change: Tree, files: Iterable[FileChange]) -> Weakened:
    found = Weakened()
    tests = [one for one in files if paths.is_test(one.path)]
    await _python(base, change, [one.path for one in tests if one.path.endswith(".py")], found)
    for one in tests:
        shown = paths.shown(one.path)
        if paths.is_snapshot(one.path):
            if one.status == "D":
                found.blocking.append(f"{shown}: the snapshot is deleted")
            elif one.status != "A" and one.deletions:
                found.doubtful.append(f"{shown}: {one.deletions} lines of the snapshot were replaced or removed")
        elif paths.is_javascript(one.path) and one.status != "A":
            await _javascript(base, change, one.path, found)
        elif one.status == "D" and paths.is_test_file(one.path) and not one.path.endswith(".py"):
            found.blocking.append(f"{shown}: the test file is deleted")
    return found


async def _python(base: Tree, change: Tree, changed: list[str], found: Weakened) -> None:
    old: dict[str, weakened_python.TestModule] = {}
    new: dict[str, weakened_python.TestModule] = {}
    for path in changed:
        for tree, modules in ((base, old), (change, new)):
            module = weakened_python.read_module(await tree.text(path) or "")
            if module is not None and path in tree:
                modules[path] = module
    gone, moved = weakened_python.removed(old, new)
    found.moved |= moved
    by_file: dict[str, list[str]] = {}
    for path, name in gone:
        by_file.setdefault(path, []).append(name)
    for path, names in by_file.items():
        what = "the test file is deleted, with " if path not in change else ""
        found.blocking.append(f"{paths.shown(path)}: {what}{named(names)}" + ("" if what else " removed"))
    for path in old.keys() & new.keys():
        found.blocking += weakened_python.weaker(paths.shown(path), old[path], new[path])


async def _javascript(base: Tree, change: Tree, path: str, found: Weakened) -> None:
    before = await base.text(path)
    if before is None:
        return
    old = weakened_javascript.read_text(before)
    after = await change.text(path)
    if after is None:
        if old.titles or paths.is_test_file(path):
            found.blocking.append(f"{paths.shown(path)}: the test file is deleted")
        return
    found.blocking += weakened_javascript.weaker(paths.shown(path), old, weakened_javascript.read_text(after))


def no_longer_run(base: Tally, change: Tally, moved: Mapping[str, str]) -> list[str]:
    """Tests that passed on the base and on the change did not run, by what the runner said."""
    if base.passed is None or change.passed is None or change.failed is None:
        return []
    before = {_function(name) for name in base.passed}
    now = {_function(name) for name in (*change.passed, *change.failed)}
    # A module that could not be collected is red by itself; its tests are not missing for another reason.
    broken = {name for name in change.failed if "::" not in name}
    fresh = {_last(name) for name in now - {_function(name) for name in (*base.passed, *(base.failed or ()))}}
    # A moved test is excused only by its new self, seen to run.
    missing = [
        name
        for name in sorted(before - now)
        if moved.get(_last(name), _last(name)) not in fresh and name.split("::")[0] not in broken
    ]
    # A title is free text: that of a renamed JavaScript test cannot be told from a removed one's, but their number can.
    return missing if len(now) < len(before) else [name for name in missing if " " not in name]


def _function(name: str) -> str:
    """Without the parameters of one case and without the number of a repeated name."""
    return re.sub(r" #\d+$", "", re.sub(r"\[.*\]$", "", name, flags=re.DOTALL))


def _last(name: str) -> str:
    return re.split(r"::| > ", name)[-1] if "::" in name or " " in name else name.rpartition(".")[2]


def finding(found: Weakened, missing: list[str], instruction: Instruction) -> Finding | None:
    """None when nothing was taken away."""
    blocking = list(found.blocking)
    if missing:
        blocking.append(f"no longer run: {named(missing)}")
    if not blocking and not found.doubtful:
        return None
    words = "; ".join([*blocking, *found.doubtful][:20])
    if instruction.asks_to_weaken_tests:
        return Finding(verifier=NAME, kind=Kind.RULE, answer=Answer.PASS, summary=f"as the instruction asks: {words}")
    if instruction.reverts:
        said = f"taken back with what they belong to: {words}"
        return Finding(verifier=NAME, kind=Kind.RULE, answer=Answer.UNSURE, summary=said)
    answer = Answer.FAIL if blocking else Answer.UNSURE
    return Finding(verifier=NAME, kind=Kind.RULE, answer=answer, summary=words)
