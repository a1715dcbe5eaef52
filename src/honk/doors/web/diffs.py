"""A unified diff, file by file and line by line, as much of it as a page can bear."""

from dataclasses import dataclass

#: lines and characters that a page shows of a diff
_LINES, _WIDTH = 3000, 2000
#: a file with more lines than this is folded away at first
_FOLDED = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffLine:
    #: "add", "del", "hunk", "meta" or ""
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class FileDiff:
    name: str
    lines: tuple[DiffLine, ...]
    added: int
    removed: int

    @property
    def folded(self) -> bool:
        """Whether it is long enough to be opened only by whoever wants it."""
        return len(self.lines) > _FOLDED


@dataclass(frozen=True, kw_only=True, slots=True)
class Diff:
    files: tuple[FileDiff, ...]
    #: lines that are left out at the end
    cut: int


def read_diff(text: str) -> Diff:
    """The files of a diff in git's form. Never fails: what cannot be read is shown as it is."""
    # Only "\n" ends a line: other separators are part of what was changed.
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    files: list[FileDiff] = []
    name, found, body = "", list[DiffLine](), False
    for line in lines[:_LINES]:
        if line.startswith("diff --git "):
            if found:
                files.append(_file(name, found))
            name, found, body = line.removeprefix("diff --git "), [], False
        body = body or line.startswith("@@")
        if not body and line.startswith(("+++ ", "--- ")) and line[4:] != "/dev/null":
            name = line[6:].rstrip("\t")
        found.append(DiffLine(kind=_kind(line, body=body), text=line[:_WIDTH] + ("…" if len(line) > _WIDTH else "")))
    if found:
        files.append(_file(name, found))
    return Diff(files=tuple(files), cut=max(len(lines) - _LINES, 0))


def _file(name: str, lines: list[DiffLine]) -> FileDiff:
    return FileDiff(
        name=name,
        lines=tuple(line for line in lines if line.kind != "meta" or not line.text.startswith(("diff ", "index "))),
        added=sum(line.kind == "add" for line in lines),
        removed=sum(line.kind == "del" for line in lines),
    )


def _kind(line: str, *, body: bool) -> str:
    if not body:
        return "meta"
    return {"+": "add", "-": "del", "@": "hunk", "\\": "meta"}.get(line[:1], "")
