"""Commands about what has moved on: bring a task's branch up to date, take a merged change back."""

import uuid
from functools import partial

import typer

from honk.domain.task import Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.views import EXITS


def add_mending_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_update(cli, open_house)
    _add_revert(cli, open_house)


def _add_update(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk update fix-the-crash")
    def update(task: TaskName, json: Json = False) -> None:
        """Merge the base branch, which has moved, into a task's branch; the agent settles what conflicts."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            message = ""

            async def begin() -> Task:
                nonlocal message
                message = (await house.service.update(found.id, id=uuid.uuid4().hex)).message
                return found

            settled = await carry_through(house, out, begin, existing=found, message=lambda: message)
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, task=task)


def _add_revert(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk revert fix-the-crash")
    def revert(task: TaskName, json: Json = False) -> None:
        """Take a merged change back: a new task and pull request, made by git and verified like any other."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            settled = await carry_through(house, out, partial(_reverted, house, out, found))
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, task=task)


async def _reverted(house: House, out: Output, found: Task) -> Task:
    accepted = await house.service.revert(found.id, id=uuid.uuid4().hex)
    out.line(f"task {accepted.task.id} reverts {found.id}")
    return accepted.task
