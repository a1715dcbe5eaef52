"""The hidden marks by which Honk finds its own words again, and a text's limits at GitHub."""

import re

from honk.domain.task import TaskId
from honk.domain.text import one_line, plain

#: https://docs.github.com/en/rest/issues/comments: "Body is too long (maximum is 65536 characters)"
LIMIT = 65_536
_CUT = "\n\n*(cut here: GitHub takes no more than 65,536 characters)*"
#: In the title where the repository has no drafts; people may take it away, too.
NO_DRAFT = "[draft] "


def task_mark(task: TaskId) -> str:
    """Stands in the text of the task's pull request."""
    return f"<!-- honk-task: {_within(task)} -->"


def footer(task: TaskId, *, asked: str = "", because: str = "") -> str:
    """What Honk itself puts below the text. `asked` is a name, `because` why it is not that person who opened it."""
    lines = [task_mark(task)]
    if asked:
        lines.append(f"Requested-by: {plain(one_line(asked))}")
    if because:
        lines.append(f"Opened by Honk, because {one_line(because)}.")
    return "\n\n" + "\n".join(lines)


def footer_in(body: str, task: TaskId) -> str:
    """Honk's own lines in a text of that task, or ""."""
    found = _footer(task).search(body)
    return "\n\n" + found[0].strip("\n") if found else ""


def _footer(task: TaskId) -> re.Pattern[str]:
    return re.compile(rf"\n*{re.escape(task_mark(task))}(?:\n(?:Requested-by: |Opened by Honk, because )[^\n]*)*")


def with_footer(body: str, task: TaskId, below: str) -> str:
    """The text with these lines, once; what does not fit is cut off above them."""
    there = footer_in(body, task)
    if there and len(body) <= LIMIT:
        return body
    above = _footer(task).sub("", body, count=1).rstrip()
    room = LIMIT - len(below)
    if len(above) > room:
        above = above[: room - len(_CUT)].rstrip() + _CUT
    return above + below


def same(one: str, other: str) -> bool:
    """GitHub's pages send line breaks as CR LF; that alone is no difference."""
    return one.replace("\r\n", "\n").rstrip() == other.replace("\r\n", "\n").rstrip()


def _within(name: str) -> str:
    """A name as it may stand within an HTML comment."""
    return one_line(name).replace("--", "-~").replace("<", "(").replace(">", ")")[:200]
