"""The fix as a model would make it: reads, edits and new files, in Claude Code's own tools."""

from pathlib import Path

from sources import TrialUnusable, git
from unidiff.patch import PatchedFile, PatchSet

from honk.testing.scripted_model import Call, Say, Scenario

#: the fixed place of the workspace inside every sandbox
_WORKSPACE = "/workspace"
_NO_MORE = Say("I have nothing more to change: this is all that I would do.")
#: the client's own words around the error of a tool
_TOOL_FAILED = "<tool_use_error>"


def scenario(name: str, truth: Path, branch: str) -> Scenario:
    """Replays the difference between `main` and that branch, asks for verification, and ends."""
    patch = PatchSet(git(truth, "diff", "--no-ext-diff", "--no-renames", f"main..{branch}") + "\n")
    steps = [Say("I look at the files first.", calls=reads)] if (reads := _reads(patch)) else []
    for file in patch:
        if file.is_added_file:
            calls: tuple[Call, ...] = (_write(truth, branch, file.path),)
        else:
            calls = _edits(file, _text(truth, f"main:{file.path}"))
        steps.append(Say(f"I change {file.path}.", calls=calls, refuses=(_TOOL_FAILED,)))
    steps.append(Say("Now I verify it.", calls=(Call("mcp__honk__verify"),), refuses=(_TOOL_FAILED,)))
    steps.append(Say(f"Done: {', '.join(file.path for file in patch)}.", refuses=(_TOOL_FAILED,)))
    return Scenario(name, steps, after=_NO_MORE)


def _text(truth: Path, name: str) -> str:
    """A file at a commit, to the last newline."""
    return git(truth, "cat-file", "blob", name) + "\n"


def _reads(patch: PatchSet) -> tuple[Call, ...]:
    """The part of every file that will be changed: whole files may be longer than the tool allows."""
    calls = []
    for file in patch:
        if not file.is_added_file:
            first = max(1, file[0].source_start - 40)
            limit = file[-1].source_start + file[-1].source_length + 40 - first
            calls.append(Call("Read", {"file_path": f"{_WORKSPACE}/{file.path}", "offset": first, "limit": limit}))
    return tuple(calls)


def _write(truth: Path, branch: str, path: str) -> Call:
    return Call("Write", {"file_path": f"{_WORKSPACE}/{path}", "content": _text(truth, f"{branch}:{path}")})


def _edits(file: PatchedFile, content: str) -> tuple[Call, ...]:
    """One edit a hunk, each with as many lines above it as make it the only one of its kind."""
    lines = content.splitlines(keepends=True)
    #: (first line, line after the last, what stands there afterwards)
    spans: list[tuple[int, int, str]] = []
    for hunk in file:
        start = hunk.source_start - 1
        end, new = start + hunk.source_length, "".join(line.value for line in hunk.target_lines())
        while content.count("".join(lines[start:end])) != 1:
            if start == 0:
                raise TrialUnusable(
                    f"{file.path}: the hunk at line {hunk.source_start} is not the only one of its kind"
                )
            if spans and spans[-1][1] == start:
                # No room is left above: one edit with the hunk before.
                start, _, before = spans.pop()
                new = before + new
            else:
                start -= 1
                new = lines[start] + new
        spans.append((start, end, new))
    return tuple(
        Call(
            "Edit",
            {"file_path": f"{_WORKSPACE}/{file.path}", "old_string": "".join(lines[start:end]), "new_string": new},
        )
        for start, end, new in spans
    )
