"""The door for a terminal: `honk …`, in the conventions of gh, uv and docker."""

from typing import Annotated

import typer

from honk import __version__
from honk.doors.cli.care import add_care_commands
from honk.doors.cli.house import Caretaker, Open
from honk.doors.cli.linking import add_linking_commands
from honk.doors.cli.look import add_looking_commands
from honk.doors.cli.mending import add_mending_commands
from honk.doors.cli.money import add_money_commands
from honk.doors.cli.people import add_people_commands
from honk.doors.cli.reviewing import add_reviewing_commands
from honk.doors.cli.serving import add_serving_commands
from honk.doors.cli.steering import add_steering_commands
from honk.doors.cli.work import add_work_commands


def command_line(open_house: Open, caretaker: Caretaker) -> typer.Typer:
    """The whole command line; `open_house` is called by the commands that need an opened Honk."""
    cli = typer.Typer(
        name="honk",
        no_args_is_help=True,
        add_completion=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help=(
            "The background coding agent: from an instruction to a proven, merged and deployed change.\n\n"
            "Begin with `honk demo`, then `honk doctor`, then:\n\n"
            '    honk run . "fix the crash when a playlist is empty"'
        ),
    )

    @cli.callback(invoke_without_command=True)
    def main(
        context: typer.Context,
        version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
    ) -> None:
        if version:
            typer.echo(f"honk {__version__}")
            raise typer.Exit

    add_work_commands(cli, open_house)
    add_mending_commands(cli, open_house)
    add_steering_commands(cli, open_house)
    add_serving_commands(cli, open_house)
    add_looking_commands(cli, open_house)
    add_reviewing_commands(cli, open_house)
    add_people_commands(cli, open_house, caretaker)
    add_linking_commands(cli, open_house)
    add_money_commands(cli, open_house)
    add_care_commands(cli, open_house, caretaker)
    return cli
