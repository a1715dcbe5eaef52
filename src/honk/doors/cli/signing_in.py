"""The command that lets a browser in: sign-in."""

from typing import Annotated

import typer

from honk.domain.access import Scope
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import NotNow


def add_signing_in_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    @cli.command("sign-in", epilog="Example: honk sign-in --scope read --scope steer")
    def sign_in(
        scope: Annotated[
            list[Scope] | None,
            typer.Option(help="What the browser may be used for. May be repeated. Default: everything that you may."),
        ] = None,
        json: Json = False,
    ) -> None:
        """Make a link that signs one browser in as you: good once, for ten minutes.

        Opening it shows a button; only pressing that signs in, so that a chat may look at the link without harm.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            link = await link_of(house, frozenset(scope or Scope))
            if json:
                out.data({"link": link})
            else:
                out.raw(f"{link}\n")
                out.progress("good once, for ten minutes; whoever has it first is you")
            return 0

        run(open_house, out, command, here=True)


async def link_of(house: House, scopes: frozenset[Scope] = frozenset(Scope)) -> str:
    """A link for whoever types. Raises NotNow while nobody serves the pages."""
    if house.app.ports.previews.page("/") is None:
        raise NotNow("nobody serves the pages of this Honk now", "begin with: honk serve")
    return house.app.ports.previews.page(await house.entering.link(house.person, scopes)) or ""
