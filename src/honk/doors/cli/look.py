"""Commands that only look: tasks, show, follow, log, diff."""

from typing import Annotated

import typer

from honk.domain.event import ChangeTaken, TaskSettled
from honk.domain.repository import Sha
from honk.domain.task import BUSY, State, Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import follow as follow_task
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName, find
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage
from honk.steps.prepare import chosen_base
from honk.views import EXITS, as_json, card, elapsed


def add_looking_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    _add_tasks(cli, open_house)
    _add_show(cli, open_house)
    _add_log(cli, open_house)
    _add_diff(cli, open_house)


def _add_tasks(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk tasks --state proposed --state draft")
    def tasks(
        state: Annotated[list[State] | None, typer.Option(help="Only tasks in this state. May be repeated.")] = None,
        limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")] = 30,
        json: Json = False,
    ) -> None:
        """List tasks, newest first."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            ports = house.app.ports
            found = await ports.tasks.list(states=frozenset(state) if state else None, limit=limit)
            if json:
                for task in found:
                    out.data(as_json(await card(task, ports=ports)))
                return 0
            now = ports.clock()
            rows = [
                (
                    task.id,
                    str(task.state),
                    task.repository.name,
                    elapsed(task.created_at, now),
                    " ".join(task.instruction.split())[:80],
                )
                for task in found
            ]
            if not rows and out.terminal:
                out.line('no tasks yet. Begin with: honk run REPO "what should be different"')
            else:
                out.table(("task", "state", "repository", "age", "instruction"), rows)
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
            shown = await card(await find(house, task), ports=house.app.ports)
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
        start: Annotated[int, typer.Option("--from", min=0, help="Begin after the event with this number.")] = 0,
        json: Json = False,
    ) -> None:
        """Show what happens on a task until it settles."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            if found.state not in BUSY:
                settled = await _history(house, out, found, start)
                out.settled(await card(found, ports=house.app.ports))
                return EXITS[Outcome(settled.outcome)] if settled else 1
            settled = await follow_task(house, out, found, after=start, take_over=False)
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, kept="")


def _add_log(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk log fix-the-crash --json")
    def log(
        task: TaskName,
        start: Annotated[int, typer.Option("--from", min=0, help="Begin after the event with this number.")] = 0,
        json: Json = False,
    ) -> None:
        """Print the events of a task so far."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            for event in await house.app.ports.events.read(found.id, start):
                out.logged(event)
            return 0

        run(open_house, out, command)


def _add_diff(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk diff fix-the-crash | git apply --check")
    def diff(task: TaskName, json: Json = False) -> None:
        """Print what a task changed, as a unified diff against its base."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            base = await chosen_base(found, ports=house.app.ports)
            head = await _head(house, found)
            repositories = house.app.ports.repositories
            if not json and not out.terminal:
                out.bytes(await repositories.patch(found.repository, base.commit, head))
                return 0
            text = await repositories.diff(found.repository, base.commit, head)
            if json:
                out.data({"task": found.id, "base": base.commit, "head": head, "diff": text})
            else:
                out.raw(text)
            return 0

        run(open_house, out, command)


async def _head(house: House, task: Task) -> Sha:
    pull_request = await house.app.ports.records.pull_request(task.id)
    if pull_request is not None:
        return pull_request.head
    log = await house.app.ports.events.read(task.id)
    taken = [event.data.commit for event in log if isinstance(event.data, ChangeTaken)]
    if not taken:
        raise Usage(f"task {task.id} has changed nothing so far", f"honk follow {task.id}")
    return Sha(taken[-1])


async def _history(house: House, out: Output, task: Task, start: int) -> TaskSettled | None:
    settled = None
    for event in await house.app.ports.events.read(task.id, start):
        out.event(event)
        if isinstance(event.data, TaskSettled):
            settled = event.data
    return settled
