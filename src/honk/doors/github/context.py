"""What was said before, for the agent: of an issue or pull request, and of the lines that a remark is about."""

from collections.abc import Sequence

from honk.domain.discussion import Issue, Remark
from honk.domain.repository import Repository
from honk.domain.task import TaskId
from honk.doors.github.backstage import DOOR, Backstage
from honk.doors.github.words import shown
from honk.ports import Discussions

#: remarks that are read
_REMARKS = 60
#: characters of one, and of the issue's own text
_LONG = 20_000
#: the lines of a hunk that stand directly above what is meant
_HUNK = 30


class Context:
    """Everything in it is untrusted: it goes to the agent fenced, beside the words that ask."""

    def __init__(self, backstage: Backstage, discussions: Discussions) -> None:
        self._preferences = backstage.chats.preferences
        self._discussions = discussions

    async def whole(self, repository: Repository, issue: Issue, *, but: str = "") -> str:
        """The issue and what was said about it, without the remark that asks."""
        kind = "Pull request" if issue.pull_request else "Issue"
        parts = [
            f"{kind} #{issue.number} by {issue.author.login}: {issue.title}\n\n{shown(issue.text)[:_LONG]}".strip()
        ]
        said = await self._discussions.remarks(repository, issue.number, limit=_REMARKS)
        return "\n\n".join([*parts, *_said(said, but)])

    async def since(self, repository: Repository, task: TaskId, number: int, *, but: Remark | None) -> str:
        """What was said there by others since the task was given something last."""
        subject, name = f"{DOOR}/given/{task}", str(number)
        kept = (await self._preferences.read(subject)).get(name, "")
        said = await self._discussions.remarks(repository, number, limit=_REMARKS)
        fresh = [one for one in said if one.at.isoformat() > kept and (but is None or one.at <= but.at)]
        return "\n\n".join(_said(fresh, but.id if but else ""))

    async def given(self, task: TaskId, number: int, upto: Remark) -> None:
        """The task knows everything that was said there up to that remark."""
        await self._preferences.write(f"{DOOR}/given/{task}", {str(number): upto.at.isoformat()})


def _said(remarks: Sequence[Remark], but: str) -> list[str]:
    return [
        f"{one.author.login} wrote{where(one)}:\n{shown(one.text)[:_LONG]}"
        for one in remarks
        if one.id != but and not one.author.own
    ]


def where(remark: Remark) -> str:
    """The lines that it is about, in words; "" for the whole."""
    if not remark.path:
        return ""
    if remark.line is None:
        return f" on {remark.path}"
    first = f"{remark.start_line}-" if remark.start_line and remark.start_line != remark.line else ""
    return f" on {remark.path}:{first}{remark.line}"


def about(remark: Remark) -> str:
    """The lines that it is about, and the piece of the diff above it."""
    if not remark.path:
        return ""
    hunk = "\n".join(remark.hunk.split("\n")[-_HUNK:])
    return f"This was said{where(remark)}." + (f" The diff there:\n\n{hunk}" if hunk else "")
