"""The commands that let browsers in, and show them out: sign-in, sign-out."""

from typing import Annotated

import typer

from honk.domain.access import Scope
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import NotNow

Person = Annotated[
    str,
    typer.Option(help="Who: a key of [people], or an identity such as mail:eve@example.com. Default: you."),
]


def add_signing_in_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_sign_in(cli, open_house)
    _add_sign_out(cli, open_house)


def _add_sign_in(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("sign-in", epilog="Example: honk sign-in --scope read --scope steer")
    def sign_in(
        scope: Annotated[
            list[Scope] | None,
            typer.Option(help="What the browser may be used for. May be repeated. Default: everything that one may."),
        ] = None,
        person: Person = "",
        json: Json = False,
    ) -> None:
        """Make a link that signs one browser in: good once, for ten minutes.

        Opening it shows a button; only pressing that signs in, so that a chat may look at the link without harm.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            link = await link_of(house, frozenset(scope or Scope), person)
            if json:
                out.data({"link": link})
            else:
                out.raw(f"{link}\n")
                out.progress("good once, for ten minutes; whoever has it first is signed in")
            return 0

        run(open_house, out, command, here=True)


def _add_sign_out(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("sign-out", epilog="Example: honk sign-out --person mail:eve@example.com --passkeys")
    def sign_out(
        person: Person = "",
        passkeys: Annotated[bool, typer.Option("--passkeys", help="Remove their passkeys too.")] = False,
        json: Json = False,
    ) -> None:
        """Sign somebody out in every browser, at once.

        Access tokens are ended apart: `honk token revoke`. So is the right to come in again: [people] and [sign_in] of
        honk.toml.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            whom, visits, removed = await house.entering.sign_out(house.person, person, passkeys=passkeys)
            if json:
                out.data({"person": whom.name, "visits": visits, "passkeys": removed})
            else:
                more = f", {removed} passkeys removed" if passkeys else ""
                out.line(f"{whom.name}: {visits} visits ended{more}")
            return 0

        run(open_house, out, command, here=True)


async def link_of(house: House, scopes: frozenset[Scope] = frozenset(Scope), person: str = "") -> str:
    """A link for whoever types, or whom they name. Raises NotNow while nobody serves the pages."""
    if house.app.ports.previews.page("/") is None:
        raise NotNow("nobody serves the pages of this Honk now", "begin with: honk serve")
    whom = await house.entering.whose(house.person, person)
    return house.app.ports.previews.page(await house.entering.link(whom, scopes)) or ""
