"""`honk serve`: the worker and the one server, until it is told to end."""

from typing import Annotated

import anyio
import typer

from honk.doors.cli.house import House, Open
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage


def add_serving_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    @cli.command(epilog="Example: honk serve --port 8000")
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on. Default: this machine only.")] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    ) -> None:
        """Do the work of other commands and doors here; serve API, pages, builds and live versions; until Ctrl-C."""
        out = Output()

        async def command(house: House) -> int:
            listen = house.listens
            with house.alone() as alone:
                if not alone:
                    raise Usage(f"another process works on {house.home} already", "stop it first, or use it as it is")
                wanted = (listen[0] if host is None else host, listen[1] if port is None else port)
                async with house.working(), house.serving(*wanted) as origin:
                    for task in await house.app.ports.tasks.list(limit=1000):
                        await house.app.resume(task)
                    out.line(f"serving {house.home} on {origin}; Ctrl-C ends it")
                    await anyio.sleep_forever()
            return 0

        run(open_house, out, command)
