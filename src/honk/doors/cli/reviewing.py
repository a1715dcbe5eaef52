"""Commands of a reviewer: review, approve, branch."""

from collections.abc import Iterator
from typing import Annotated

import typer

from honk.domain.codec import jsonable
from honk.domain.policy import Confirmation
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import NotNow
from honk.service import Review
from honk.views import Merging

#: width of the names before the values
_NAMES = 14
#: files that are shown before it is only said how many more there are
_FILES = 40


def add_reviewing_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_review(cli, open_house)
    _add_approve(cli, open_house)
    _add_branch(cli, open_house)


def _add_review(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk review fix-the-crash")
    def review(task: TaskName, json: Json = False) -> None:
        """Show what there is to know before a merge: commit, checks, files by risk, approvals, and what undo does."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            shown = await house.service.merging(task)
            if json:
                out.data(jsonable(shown))
                return 0
            for name, value in _rows(shown):
                out.line(f"{name:<{_NAMES}}{value}")
            return 0

        run(open_house, out, command)


def _add_approve(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk approve fix-the-crash --comment "tried it on the phone"')
    def approve(
        task: TaskName,
        head: Annotated[
            str, typer.Option(help="The commit that you looked at. Default: the one that is there now.", metavar="SHA")
        ] = "",
        comment: Annotated[str, typer.Option(help="What there is to say about it.", metavar="WORDS")] = "",
        json: Json = False,
    ) -> None:
        """Say that exactly one commit is good. It merges nothing; a later commit needs a new approval."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            looked_at = head or (await house.service.merging(found.id)).head
            if not looked_at:
                raise NotNow("there is no pull request to approve", f"honk show {found.id}")
            approved = await house.service.approve(found.id, Review(head=looked_at, text=comment))
            if json:
                out.data({"task": found.id, **jsonable(approved)})
            else:
                out.line(f"{found.id}: {approved.head[:12]} is approved by {', '.join(approved.by)}")
            return 0

        run(open_house, out, command)


def _add_branch(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk branch fix-the-crash | sh")
    def branch(task: TaskName, json: Json = False) -> None:
        """Print the commands that fetch a task's branch, to go on with it by hand."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.branch(task)
            if json:
                out.data(jsonable(found))
                return 0
            if found.note:
                out.line(f"# {found.note}")
            for one in found.commands:
                out.line(one)
            return 0

        run(open_house, out, command)


def _rows(shown: Merging) -> Iterator[tuple[str, str]]:
    yield "task", f"{shown.task} ({shown.state})"
    yield "asked by", shown.asked_by
    if shown.head:
        yield "would merge", f"{shown.head} of {shown.branch} into {shown.base}"
    yield "verdict", str(shown.answer) if shown.answer else "not verified"
    for one in shown.checks:
        yield "", f"{one.verifier}: {one.answer if one.counts else 'not run'}, {one.summary[:300]}"
    if shown.proof:
        yield "proof", f"red without the change, green with it: {', '.join(shown.proof)[:300]}"
    yield from (("not proven", line[:300]) for line in shown.not_proven)
    for number, file in enumerate(shown.files[:_FILES]):
        yield "" if number else "files", f"{file.path} +{file.insertions} -{file.deletions} ({file.why})"
    if len(shown.files) > _FILES:
        yield "", f"and {len(shown.files) - _FILES} more"
    yield "approved by", ", ".join(shown.approved_by) or "nobody"
    yield "deploys to", shown.deploying.environment or "nothing"
    if shown.deploying.waits:
        yield "then", shown.deploying.waits
    yield "undo", shown.deploying.undo
    for later in shown.deploying.then:
        how = "by itself once it was healthy there" if later.itself else "when somebody promotes it"
        yield f"then {later.environment}", f"{how}; undo there: {later.undo}"
    yield from (("needs", line) for line in _needs(shown))
    yield "you", f"{'may' if shown.allowed else 'may not'}: {shown.policy}"
    if shown.refusal:
        yield "not now", shown.refusal + (f" ({shown.remedy})" if shown.remedy else "")


def _needs(shown: Merging) -> Iterator[str]:
    if shown.needs_accept:
        yield "--accept-unsure, because not everything was proven"
    if shown.word:
        yield f"--typed {shown.word}"
    if shown.confirmation is Confirmation.SECOND:
        yield "the approval of somebody else who may merge"
