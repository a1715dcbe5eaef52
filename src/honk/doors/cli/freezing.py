"""Commands that close and open environments: freeze, thaw."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from honk.domain.codec import jsonable
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, seen_from
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage
from honk.service.freezing import FreezeShown, FreezeWanted

Repo = Annotated[str, typer.Argument(help="A local path or a git URL.", metavar="REPO")]
Environment = Annotated[str, typer.Option("--environment", "-e", help="Default: every environment.")]
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def add_freezing_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_freeze(cli, open_house)
    _add_thaw(cli, open_house)


def _add_freeze(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk freeze . --until 2026-12-27T08:00+01:00 "Christmas"')
    def freeze(
        repository: Repo,
        why: Annotated[str, typer.Argument(help="Why, for everybody who waits. Without: what is frozen.")] = "",
        environment: Environment = "",
        until: Annotated[
            str, typer.Option(help="A time such as 2026-12-27T08:00Z, or in 30m, 12h, 7d. Default: until thawed.")
        ] = "",
        json: Json = False,
    ) -> None:
        """Let nothing be deployed to a repository's environments: merges go on, and their deployments wait."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            where = await seen_from(house, repository)
            if not why:
                found = await house.service.freezes(where)
            else:
                wanted = FreezeWanted(
                    repository=where, why=why, environment=environment, until=coming(until, datetime.now(UTC))
                )
                found = (await house.service.freeze(wanted),)
            for one in found:
                out.data(jsonable(one)) if json else out.line(_line(one))
            if not found and not json:
                out.line("nothing is frozen")
            return 0

        run(open_house, out, command)


def _add_thaw(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk thaw . --environment production")
    def thaw(repository: Repo, environment: Environment = "", json: Json = False) -> None:
        """End a freeze; what waited for it is deployed by itself."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            gone = await house.service.thaw(await seen_from(house, repository), environment)
            out.data(jsonable(gone)) if json else out.line(f"thawed: {_line(gone)}")
            return 0

        run(open_house, out, command)


def coming(text: str, now: datetime) -> datetime | None:
    """A time to come, as a person types it; None for "". Raises Usage."""
    if not text:
        return None
    try:
        if re.fullmatch(r"\d{1,6}[mhd]", text):
            return now + timedelta(**{_UNITS[text[-1]]: int(text[:-1])})
        moment = datetime.fromisoformat(text)
        return moment if moment.tzinfo else moment.astimezone()
    except (ValueError, OverflowError, OSError):
        raise Usage(f"{text!r} is no time", "such as 2026-12-27T08:00Z, 30m, 12h or 7d") from None


def _line(freeze: FreezeShown) -> str:
    until = f"until {freeze.until:%Y-%m-%d %H:%M %Z}" if freeze.until else "until it is thawed"
    return f"{freeze.environment or 'every environment'} of {freeze.repository}, by {freeze.by} {until}: {freeze.why}"
