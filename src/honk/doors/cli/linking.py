"""Commands about users of chats who act as a person: links, unlink."""

from typing import Annotated

import typer

from honk.domain.person import Identity
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage


def add_linking_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_links(cli, open_house)
    _add_unlink(cli, open_house)


def _add_links(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk links --json")
    def links(json: Json = False) -> None:
        """List users of chats who have linked themselves with a person: yours, or all for who may administer Honk.

        Whom honk.toml names in [people] needs no link, and is not in the list.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.linking.all(house.person)
            if json:
                for link, person in found:
                    out.data({"identity": str(link.identity), "person": person.name, "at": link.at.isoformat()})
            else:
                rows = [(str(link.identity), person.name, f"{link.at:%Y-%m-%d %H:%M}") for link, person in found]
                out.table(("user", "acts as", "since"), rows)
            return 0

        run(open_house, out, command, here=True)


def _add_unlink(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk unlink slack:U123")
    def unlink(
        user: Annotated[str, typer.Argument(help="As `honk links` shows it, such as slack:U123.")],
        json: Json = False,
    ) -> None:
        """End a link: from now on that user of the chat may ask, and no more. Tasks stay whose they are."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            try:
                identity = Identity.parse(user)
            except ValueError as exc:
                raise Usage(str(exc), "`honk links` shows who is linked") from exc
            person = await house.linking.remove(house.person, identity)
            if json:
                out.data({"identity": str(identity), "person": person.name})
            else:
                out.line(f"{identity} does not act as {person.name} any more")
            return 0

        run(open_house, out, command, here=True)
