"""Commands about workers elsewhere: workers list, token, settle."""

from typing import Annotated

import typer

from honk.domain.codec import jsonable
from honk.domain.remote_job import labels_of
from honk.doors.cli.house import House, Open
from honk.doors.cli.labour import kinds_of
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.errors import Usage
from honk.service.working import JobSettled, JobShown, WorkerShown, WorkerTokenWanted


def add_workers_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""
    workers = typer.Typer(
        no_args_is_help=True,
        help="Workers on machines of their own, such as a Mac: who is there, and what waits for them.",
    )
    cli.add_typer(workers, name="workers")
    _add_list(workers, open_house)
    _add_token(workers, open_house)
    _add_settle(workers, open_house)


def _add_list(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("list", epilog="Example: honk workers list --json")
    def list_(json: Json = False) -> None:
        """List workers with when each was seen last, and the jobs that are not over."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.workers()
            if json:
                out.data(jsonable(found))
                return 0
            for worker in found.workers:
                out.line(_worker(worker))
            for job in found.jobs:
                out.line(_job(job))
            if not found.workers and not found.jobs:
                out.line("no worker has been here, and no job waits for one")
            return 0

        run(open_house, out, command)


def _add_token(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk workers token --name mac-1 --labels macos,xcode")
    def token(
        labels: Annotated[list[str], typer.Option(help="What its jobs may ask for, such as macos,xcode.")],
        kinds: Annotated[list[str], typer.Option(help="build; or sign, deploy, or both of these.")] = ["build"],  # noqa: B006
        name: Annotated[str, typer.Option(help="What uses it, such as mac-1.")] = "worker",
        days: Annotated[float | None, typer.Option(help="It expires after so many. Default: never.")] = None,
        json: Json = False,
    ) -> None:
        """Make an access token for `honk worker`, which opens nothing else. It is printed once."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            wanted = WorkerTokenWanted(
                name=name, labels=tuple(sorted(labels_of(labels))), kinds=tuple(sorted(kinds_of(kinds))), days=days
            )
            made = await house.service.create_worker_token(wanted)
            if json:
                out.data(jsonable(made))
            else:
                out.line(made.secret)
                what = f"{', '.join(wanted.kinds)} with {', '.join(wanted.labels)}"
                out.progress(f"token {made.token.id}, for {what}; it will not be shown again")
            return 0

        run(open_house, out, command)


def _add_settle(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk workers settle 3f2a9c1b7d40-1764230400 --live")
    def settle(
        job: Annotated[str, typer.Argument(help="As `honk workers list` shows it.")],
        live: Annotated[bool, typer.Option("--live", help="It is live.")] = False,
        failed: Annotated[bool, typer.Option("--failed", help="It is not.")] = False,
        json: Json = False,
    ) -> None:
        """Say what became of a deployment whose worker was cut off half-way."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            if live is failed:
                raise Usage("is it live, or is it not?", "look, and say --live or --failed")
            made = await house.service.settle_job(job, JobSettled(live=live))
            out.data(jsonable(made)) if json else out.line(_job(made))
            return 0

        run(open_house, out, command)


def _worker(worker: WorkerShown) -> str:
    what = f"{', '.join(worker.kinds)} with {', '.join(worker.labels)}"
    return f"{worker.name}: {what}; seen {worker.seen:%Y-%m-%d %H:%M} UTC, as {worker.user} on {worker.host}"


def _job(job: JobShown) -> str:
    who = f" by {job.worker}" if job.worker else ""
    reason = f": {job.reason}" if job.reason else ""
    return f"{job.kind} {job.id} of {job.task} ({job.commit[:12]}): {job.state}{who}{reason}"
