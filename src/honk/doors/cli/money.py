"""Commands about money: budget."""

import typer

from honk.domain.codec import jsonable
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.service.governing import BudgetShown


def add_money_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    @cli.command(epilog="Example: honk budget --json")
    def budget(json: Json = False) -> None:
        """Show what was spent today (UTC) and what turns at work have reserved: in all, and for each person."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.budgets()
            if json:
                for one in found:
                    out.data(jsonable(one))
                return 0
            out.table(("budget", "limit", "spent", "reserved", "left"), [_row(one) for one in found])
            for held in found[0].held if found else ():
                spent = f"${held.spent_usd:.2f} spent so far"
                out.line(f"  {held.task}, turn {held.turn}: ${held.usd:.2f} reserved, {spent}")
            return 0

        run(open_house, out, command)


def _row(budget: BudgetShown) -> tuple[str, ...]:
    return (
        budget.person or "the day",
        _usd(budget.limit_usd),
        _usd(budget.spent_usd),
        _usd(budget.held_usd),
        _usd(budget.left_usd),
    )


def _usd(value: float | None) -> str:
    return "none" if value is None else f"${value:.2f}"
