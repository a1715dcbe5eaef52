"""Commands that only look: tasks, show, follow, log, diff."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from honk.domain.codec import jsonable
from honk.domain.event import Event, TaskSettled
from honk.domain.task import BUSY, State, Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import follow as follow_task
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import From, Json, TaskName
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage
from honk.service import Query
from honk.views import EXITS, as_json, elapsed


def add_looking_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_tasks(cli, open_house)
    _add_repositories(cli, open_house)
    _add_show(cli, open_house)
    _add_log(cli, open_house)
    _add_diff(cli, open_house)


def _add_tasks(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk tasks --state proposed --state draft")
    def tasks(
        state: Annotated[list[State] | None, typer.Option(help="Only tasks in this state. May be repeated.")] = None,
        mine: Annotated[bool, typer.Option("--mine", help="Only those that you asked for.")] = False,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="At most so many.")] = 30,
        json: Json = False,
    ) -> None:
        """List tasks, newest first."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            query = Query(states=tuple(state or ()), limit=limit, mine=mine)
            found = (await house.service.tasks(query)).tasks
            if json:
                for task in found:
                    out.data(as_json(await house.service.card(task.id)))
                return 0
            now = datetime.now(UTC)
            rows = [
                (
                    task.id,
                    str(task.state),
                    task.repository.name,
                    elapsed(task.created_at, now),
                    " ".join(task.called.split())[:80],
                )
                for task in found
            ]
            if not rows and out.terminal:
                out.line('no tasks yet. Begin with: honk run REPO "what should be different"')
            else:
                out.table(("task", "state", "repository", "age", "instruction"), rows)
            return 0

        run(open_house, out, command)


def _add_repositories(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk repositories player")
    def repositories(
        search: Annotated[str, typer.Argument(help="Only those that have all of these words.", metavar="SEARCH")] = "",
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most so many.")] = 100,
        json: Json = False,
    ) -> None:
        """List the repositories that you may use: of honk.toml and of earlier tasks, most recently used first."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.repositories(search, limit)
            if json:
                for one in found:
                    out.data(jsonable(one))
                return 0
            now = datetime.now(UTC)
            rows = [
                (
                    one.name,
                    one.address,
                    ", ".join(one.aliases),
                    elapsed(one.used_at, now) if one.used_at else "never",
                    one.description,
                )
                for one in found
            ]
            out.table(("name", "address", "also called", "used", "description"), rows)
            return 0

        run(open_house, out, command)


def _add_show(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk show fix-the-crash --json")
    def show(
        task: TaskName,
        text: Annotated[bool, typer.Option("--text", help="Print the pull request's text instead.")] = False,
        json: Json = False,
    ) -> None:
        """Show a task: state, verdict, pull request, build, cost, and what can be done next."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            shown = await house.service.card(task)
            if not text:
                out.card(shown)
            elif shown.pull_request is None:
                raise Usage(f"task {shown.task.id} has no pull request", f"honk show {shown.task.id}")
            else:
                out.raw(f"# {shown.pull_request.title}\n\n{shown.pull_request.body}")
            return 0

        run(open_house, out, command)

    @cli.command(epilog="Example: honk follow fix-the-crash --json")
    def follow(
        task: TaskName,
        start: From = 0,
        json: Json = False,
    ) -> None:
        """Show what happens on a task until it settles."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            if found.state not in BUSY:
                settled = await _history(house, out, found, start)
                out.settled(await house.service.card(found.id))
                return EXITS[Outcome(settled.outcome)] if settled else 1
            settled = await follow_task(house, out, found, after=start, take_over=False)
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command)


def _add_log(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk log fix-the-crash --json")
    def log(
        task: TaskName,
        start: From = 0,
        json: Json = False,
    ) -> None:
        """Print the events of a task so far."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            for event in await _all(house, task, start):
                out.logged(event)
            return 0

        run(open_house, out, command)


def _add_diff(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk diff fix-the-crash | git apply --check")
    def diff(task: TaskName, json: Json = False) -> None:
        """Print what a task changed, as a unified diff against its base."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            if not json and not out.terminal:
                out.bytes(await house.service.patch(task))
                return 0
            found = await house.service.difference(task)
            if json:
                out.data(asdict(found))
            else:
                out.raw(found.diff)
            return 0

        run(open_house, out, command)


async def _all(house: House, task: str, start: int) -> tuple[Event, ...]:
    """Every event after that one."""
    found: tuple[Event, ...] = ()
    while page := await house.service.events(task, found[-1].seq if found else start):
        found += page
    return found


async def _history(house: House, out: Output, task: Task, start: int) -> TaskSettled | None:
    settled = None
    for event in await _all(house, task.id, start):
        out.event(event)
        if isinstance(event.data, TaskSettled):
            settled = event.data
    return settled
