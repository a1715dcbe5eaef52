"""Commands about versions in environments: promote, deployed."""

from enum import StrEnum
from typing import Annotated

import typer

from honk.domain.task import Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.service.promoting import Ended, PromotionWanted
from honk.views import EXITS


def add_promoting_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_promote(cli, open_house)
    _add_deployed(cli, open_house)


def _add_promote(cli: typer.Typer, open_house: Open) -> None:
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


class HowEnded(StrEnum):
    """What a person saw at the target."""

    LIVE = "live"
    FAILED = "failed"


def _add_deployed(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk deployed fix-the-crash live")
    def deployed(
        task: TaskName,
        how: Annotated[HowEnded, typer.Argument(help="What you saw at the target.")],
        json: Json = False,
    ) -> None:
        """Say how a deployment by webhook ended, of which its target cannot be asked."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            await house.service.deployed(found.id, Ended(live=how is HowEnded.LIVE))
            out.data({"task": found.id}) if json else out.line(f"{found.id}: noted")
            return 0

        run(open_house, out, command, task=task)
