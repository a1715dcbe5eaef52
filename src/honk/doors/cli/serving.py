"""`honk serve`: the worker and the one server, until it is told to end."""

from typing import Annotated

import anyio
import typer

from honk.doors.cli.house import House, Open
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.doors.cli.signing_in import link_of
from honk.errors import Usage


def add_serving_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    @cli.command(epilog="Example: honk serve --port 8000")
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on. Default: this machine only.")] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    ) -> None:
        """Do the work of other commands and doors here; serve API, pages, builds and live versions.

        Ctrl-C or SIGTERM ends it: followers are told to come back, work is cut off where it can go on.
        A second one ends it at once.
        """
        out = Output()

        async def command(house: House) -> int:
            listen = house.listens
            with house.alone() as alone:
                if not alone:
                    raise Usage(
                        f"another process works on {house.home} already",
                        "a server: use it, or stop it first. A command such as `honk run`: wait until it has ended",
                    )
                wanted = (listen[0] if host is None else host, listen[1] if port is None else port)
                async with house.serving(*wanted) as origin, house.working(), house.spares():
                    await _resume(house, out)
                    await _greet(house, out, origin)
                    try:
                        await anyio.sleep_forever()
                    finally:
                        out.line(
                            "ending: followers are told to come back, work under way is cut off where it can go on"
                        )
                        house.close_doors()
            return 0

        run(open_house, out, command, here=True, serves=True)


async def _resume(house: House, out: Output) -> None:
    """What a crash, or the end of the last server, cut off goes on."""
    for task in await house.resume():
        out.line(f"goes on: {task.id} ({task.state})")


async def _greet(house: House, out: Output, origin: str) -> None:
    out.line(f"serving {house.home} on {origin}; Ctrl-C ends it")
    out.line(f"pages {origin}/   API {origin}/api/v1/openapi.json", "dim")
    if out.terminal:  # a journal keeps what is printed, and is read by others
        out.raw(f"to sign in, once and within ten minutes: {await link_of(house)}\n")
    out.line("to sign in: honk sign-in   for HONK_TOKEN: honk token create --name laptop --scope read …", "dim")
