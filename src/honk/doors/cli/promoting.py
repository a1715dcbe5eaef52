"""The command that takes a version to the next environment: promote."""

from typing import Annotated

import typer

from honk.domain.task import Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.service.promoting import PromotionWanted
from honk.views import EXITS


def add_promoting_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    @cli.command(epilog="Example: honk promote fix-the-crash --to production")
    def promote(
        task: TaskName,
        to: Annotated[
            str, typer.Option(help="The environment that you mean; where another is next, nothing is done.")
        ] = "",
        now: Annotated[
            bool, typer.Option("--now", help="Although a window or a freeze has it closed, and before others.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Take what is live and healthy of a task to the next environment: the same commit and artifact."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)

            async def begin() -> Task:
                await house.service.promote(found.id, PromotionWanted(environment=to, now=now))
                return found

            settled = await carry_through(house, out, begin, existing=found)
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, task=task)
