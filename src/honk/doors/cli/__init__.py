"""The door for a terminal: `honk …`, in the conventions of gh, uv and docker."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from honk import __version__
from honk.doors.cli.catalogue import COMMANDS, GROUPS, Behind, Part, loading

__all__ = ["Behind", "Part", "command_line", "loading"]


def command_line(opened: Callable[[], Behind], more: Sequence[Part] = ()) -> typer.Typer:
    """The whole command line, and what else there is; `opened` is called by the first command that is loaded."""
    parts = {name: part for part in (*COMMANDS, *more, *GROUPS) for name in part.commands}

    class Loading(TyperGroup):
        """Knows the names; `honk --help` and a completed name should not wait until everything is loaded."""

        # the types are of a click that typer keeps to itself
        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            name, listed, rest = super().resolve_command(ctx, args)
            if name is None or listed is None:  # while a name is being completed
                return name, listed, rest
            with loading():
                return name, _loaded(parts[name], opened()).commands[name], rest

    cli = typer.Typer(
        name="honk",
        cls=Loading,
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
        version: Annotated[
            bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
        ] = False,
    ) -> None: ...

    for name, part in parts.items():
        cli.command(name, help=part.commands[name])(_listed)
    return cli


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"honk {__version__}")
        raise typer.Exit


def _loaded(part: Part, behind: Behind) -> TyperGroup:
    cli = typer.Typer(rich_markup_mode=None)
    part.add(cli, behind)
    return typer.main.get_group(cli)


def _listed() -> None:
    """Stands for a command until that is loaded."""
