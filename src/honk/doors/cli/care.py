"""Commands about Honk itself: init, doctor, gc."""

from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from honk.doors.cli.house import Caretaker, Diagnosis, House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded, run
from honk.errors import Usage


def add_care_commands(cli: typer.Typer, open_house: Open, caretaker: Caretaker) -> None:
    """Adds the commands of this module to the command line."""
    _add_init(cli, caretaker)
    _add_doctor(cli, caretaker)
    _add_gc(cli, open_house)


def _add_init(cli: typer.Typer, caretaker: Caretaker) -> None:
    @cli.command(epilog="Example: honk init && $EDITOR ~/.local/share/honk/honk.toml")
    def init(
        path: Annotated[
            Path | None, typer.Argument(help="Where to write it. Default: where Honk looks for it.")
        ] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    ) -> None:
        """Write a honk.toml in which every setting is explained and set to its default."""
        out = Output()

        async def write() -> int:
            caretaker.here()
            target = path or caretaker.settings_path()
            if target.exists() and not force:
                raise Usage(f"{target} exists already", "--force replaces it")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(resources.files("honk.doors.cli").joinpath("honk.toml").read_text(encoding="utf-8"))
            out.line(f"wrote {target}")
            if target != caretaker.settings_path():
                out.line(f"Honk reads it when HONK_CONFIG={target} is set")
            return 0

        raise typer.Exit(guarded(write, out))


def _add_doctor(cli: typer.Typer, caretaker: Caretaker) -> None:
    @cli.command(epilog="Example: honk doctor --json")
    def doctor(json: Json = False) -> None:
        """Try the sandbox's walls and everything else that can fail later, and say what is enforced."""
        out = Output(json_lines=json)

        async def look() -> int:
            found = await caretaker.diagnose()
            for one in found:
                if json:
                    out.data(asdict(one))
                else:
                    tell(out, one)
            return 0 if all(one.ok for one in found if one.required) else 1

        raise typer.Exit(guarded(look, out))


def tell(out: Output, one: Diagnosis) -> None:
    """One line for a person, and what to do where it is not well."""
    mark, style = ("ok  ", "green") if one.ok else (("FAIL", "red") if one.required else ("no  ", "yellow"))
    out.line(f"{mark} {one.name}" + (f": {one.detail}" if one.detail else ""), style)
    if one.remedy and not one.ok:
        out.line(f"     {one.remedy}")


def _add_gc(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk gc --days 3")
    def gc(
        days: Annotated[
            float, typer.Option(min=0, help="Also workspaces of stopped and failed tasks untouched for so long.")
        ] = 14.0,
        json: Json = False,
    ) -> None:
        """Remove workspaces and checkouts that are no longer needed. Branches, events and builds stay."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            with house.alone() as alone:
                if not alone:
                    raise Usage("another process works on this HONK_HOME", "stop it first, or let it go on")
                freed = await house.collect(days)
            if json:
                out.data({"freed_bytes": freed})
            else:
                out.line(f"freed {freed / 1e6:,.1f} MB")
            return 0

        run(open_house, out, command, here=True)
