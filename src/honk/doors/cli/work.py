"""Commands that begin work: run, reply, retry, merge, undo, stop, serve."""

import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from honk.domain.event import TaskSettled
from honk.domain.limits import Limits
from honk.domain.pull_request import MergeMethod
from honk.domain.task import Options, State, Task
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import ImageFiles, Json, TaskName, find, images, with_defaults
from honk.doors.cli.output import Output
from honk.doors.cli.session import INTERRUPTED, run
from honk.views import EXITS

_KEPT = "The work so far is kept; `honk retry {}` goes on where it was cut off."


def add_work_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    _add_run(cli, open_house)
    _add_reply(cli, open_house)
    _add_retry(cli, open_house)
    _add_landing(cli, open_house)
    _add_stop(cli, open_house)
    _add_serve(cli, open_house)


def _add_run(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("run", epilog='Example: honk run . "fix the crash when a playlist is empty" --max-usd 2')
    def run_(  # noqa: PLR0913 - one parameter an option
        repository: Annotated[str, typer.Argument(help="A local path or a git URL.", metavar="REPO")],
        instruction: Annotated[
            str,
            typer.Argument(
                help='What should be different afterwards; "-" reads it from standard input.', metavar="INSTRUCTION"
            ),
        ],
        base: Annotated[
            str | None, typer.Option(help="Branch to start from. Default: the repository's own.", metavar="BRANCH")
        ] = None,
        agent: Annotated[
            str,
            typer.Option(
                help='"claude", or "command": the instruction is a shell command that makes the change.',
                metavar="claude|command",
            ),
        ] = "claude",
        model: Annotated[str | None, typer.Option(help="Model for this task.", metavar="NAME")] = None,
        max_usd: Annotated[
            float | None, typer.Option(min=0, help="Most that the model may cost, estimated.", metavar="USD")
        ] = None,
        max_calls: Annotated[int | None, typer.Option(min=0, help="Most calls of the model.", metavar="N")] = None,
        timeout: Annotated[
            float | None, typer.Option(min=1, help="Seconds that the agent may work a turn.", metavar="SECONDS")
        ] = None,
        image: ImageFiles = None,
        verify: Annotated[
            list[str] | None,
            typer.Option(help="Command that verifies, instead of the detected ones. May be repeated.", metavar="CMD"),
        ] = None,
        merge: Annotated[bool, typer.Option("--merge", help="Merge and deploy when the verdict is pass.")] = False,
        new: Annotated[bool, typer.Option("--new", help="Begin anew even if the same request was cut off.")] = False,
        json: Json = False,
    ) -> None:
        """Change a repository: from an instruction to a verified pull request.

        Asked again after a crash or Ctrl-C, the same request goes on where it was.
        Exits with 0 pass, 3 refused or a limit, 4 unsure or a question, 1 nothing to show, 2 wrong usage.
        """
        limits = Limits(usd=max_usd, calls=max_calls, seconds=timeout)
        asked = Options(base=base, agent=agent, model=model, limits=limits, verify=tuple(verify or ()), merge=merge)
        _Request(repository=repository, instruction=instruction, options=asked, files=image, new=new).carry_out(
            open_house, Output(json_lines=json)
        )


@dataclass(kw_only=True)
class _Request:
    """What was typed after `honk run`."""

    repository: str
    instruction: str
    options: Options
    files: list[Path] | None
    new: bool
    begun: Task | None = None

    def carry_out(self, open_house: Open, out: Output) -> None:
        """Runs to the end, and exits."""

        async def command(house: House) -> int:
            return _exit(await carry_through(house, out, partial(self._begin, house, out)))

        try:
            run(open_house, out, command)
        except typer.Exit as exit:
            if exit.exit_code == INTERRUPTED and self.begun:
                out.farewell(_KEPT.format(self.begun.id))
            raise

    async def _begin(self, house: House, out: Output) -> Task:
        """The task: the one that was cut off and is asked for again, or a new one."""
        text = typer.get_text_stream("stdin").read() if self.instruction == "-" else self.instruction
        options = with_defaults(house, self.options)
        app = house.app
        pictures = await images(house, self.files)
        begun = partial(app.unfinished_twin, house.person, self.repository, text, options, images=pictures)
        twin = None if self.new else await begun()
        if twin is not None:
            out.line(f"task {twin.id} was cut off; going on with it (--new begins anew)", "yellow")
            await app.resume(twin)
            self.begun = twin
            return twin
        self.begun = await app.submit(house.person, self.repository, text, options, images=pictures)
        return self.begun


def _add_reply(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk reply fix-the-crash "make the empty state friendlier"')
    def reply(
        task: TaskName,
        words: Annotated[str, typer.Argument(help="What should be different now.")],
        image: ImageFiles = None,
        json: Json = False,
    ) -> None:
        """Go on with a task: a new turn in the same workspace, session and pull request."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            pictures = await images(house, image)
            message = uuid.uuid4().hex

            async def begin() -> Task:
                if await house.app.reply(house.person, found, words, images=pictures, id=message) is None:
                    out.line("queued: it is the next turn, after the one at work")
                return found

            return _exit(await carry_through(house, out, begin, existing=found, message=message))

        run(open_house, out, command, kept=_KEPT.format(task))


def _add_retry(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk retry fix-the-crash")
    def retry(task: TaskName, json: Json = False) -> None:
        """Go on where a crash or Ctrl-C cut a task off, or send the agent to work on it again."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)

            async def begin() -> Task:
                return await house.app.retry(house.person, found)

            return _exit(await carry_through(house, out, begin, existing=found))

        run(open_house, out, command, kept=_KEPT.format(task))


def _add_landing(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk merge fix-the-crash --squash")
    def merge(
        task: TaskName,
        squash: Annotated[bool, typer.Option("--squash", help="All of the pull request as one commit.")] = False,
        accept_unsure: Annotated[
            bool, typer.Option("--accept-unsure", help="Merge although not everything was proven.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Merge exactly the commit that was verified, and deploy it where the repository says how."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            method = MergeMethod.SQUASH if squash else house.defaults.merge

            async def begin() -> Task:
                await house.app.merge(house.person, found, method=method, accept_unsure=accept_unsure)
                return found

            settled = await carry_through(house, out, begin, existing=found)
            return _exit(settled)

        run(open_house, out, command, kept=_KEPT.format(task))

    @cli.command(epilog="Example: honk undo fix-the-crash")
    def undo(task: TaskName, json: Json = False) -> None:
        """Deploy again what was live before this task."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)

            async def begin() -> Task:
                await house.app.undo(house.person, found)
                return found

            settled = await carry_through(house, out, begin, existing=found)
            return _exit(settled)

        run(open_house, out, command, kept=_KEPT.format(task))


def _add_stop(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk stop fix-the-crash")
    def stop(task: TaskName, json: Json = False) -> None:
        """Stop the work on a task, whichever process does it. What was done is kept."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await find(house, task)
            with house.alone() as alone:
                stopped = await house.app.stop(house.person, found, working=not alone)
            with anyio.move_on_after(10):
                while stopped.state not in {State.STOPPED}:
                    await anyio.sleep(0.1)
                    stopped = await house.app.ports.tasks.get(found.id)
                    if await house.app.ports.tasks.stop_asked(found.id) is None:
                        break
            if json:
                out.data({"task": stopped.id, "state": str(stopped.state)})
            else:
                out.line(f"{stopped.id}: {stopped.state}. The work is kept; `honk retry {stopped.id}` goes on.")
            return 0 if stopped.state is State.STOPPED else 1

        run(open_house, out, command)


def _add_serve(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk serve --port 8000")
    def serve(
        host: Annotated[str | None, typer.Option(help="Address to listen on. Default: this machine only.")] = None,
        port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    ) -> None:
        """Run the work of other commands here, and show builds and live versions, until Ctrl-C."""
        out = Output()

        async def command(house: House) -> int:
            listen = house.defaults.host if host is None else host
            with house.alone() as alone:
                if not alone:
                    out.line("another process works on this HONK_HOME already; stop it first", "red")
                    return 1
                wanted = house.defaults.port if port is None else port
                async with house.working(), house.serving(listen, wanted) as origin:
                    for task in await house.app.ports.tasks.list(limit=1000):
                        await house.app.resume(task)
                    out.line(f"serving {house.home} on {origin}; Ctrl-C ends it")
                    await anyio.sleep_forever()
            return 0

        run(open_house, out, command, kept="Unfinished work goes on with the next `honk serve` or `honk retry`.")


def _exit(settled: TaskSettled) -> int:
    return EXITS[Outcome(settled.outcome)]
