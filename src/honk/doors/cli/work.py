"""Commands that begin work: run, reply, retry, merge, undo, stop."""

import uuid
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import typer

from honk.domain.event import TaskSettled
from honk.domain.message import Handling
from honk.domain.pull_request import MergeMethod
from honk.domain.task import BUSY, State, Task
from honk.domain.turn import Outcome, Point
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import (
    AgentName,
    Files,
    ImageFiles,
    Json,
    MaxCalls,
    MaxUsd,
    Plan,
    TaskName,
    Timeout,
    VerifyCommands,
    files,
    images,
    seen_from,
)
from honk.doors.cli.output import Output
from honk.doors.cli.session import INTERRUPTED, kept, run
from honk.doors.cli.steering import Spoken, say
from honk.service import Approval, LimitsWanted, NewTask
from honk.views import EXITS


def add_work_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    _add_run(cli, open_house)
    _add_reply(cli, open_house)
    _add_retry(cli, open_house)
    _add_merge(cli, open_house)
    _add_undo(cli, open_house)
    _add_stop(cli, open_house)


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
        agent: AgentName = "claude",
        model: Annotated[str | None, typer.Option(help="Model for this task.", metavar="NAME")] = None,
        max_usd: MaxUsd = None,
        max_calls: MaxCalls = None,
        timeout: Timeout = None,
        image: ImageFiles = None,
        file: Files = None,
        verify: VerifyCommands = None,
        plan: Plan = None,
        build: Annotated[bool, typer.Option("--build/--no-build", help="Make the app's new version.")] = True,
        merge: Annotated[bool, typer.Option("--merge", help="Merge and deploy when the verdict is pass.")] = False,
        new: Annotated[bool, typer.Option("--new", help="Begin anew even if the same request was cut off.")] = False,
        json: Json = False,
    ) -> None:
        """Change a repository: from an instruction to a verified pull request.

        Asked again after a crash or Ctrl-C, the same request goes on where it was.
        Exits with 0 pass, 3 refused or a limit, 4 unsure or a question, 1 nothing to show, 2 wrong usage.
        """
        wanted = NewTask(
            repository=repository,
            instruction=instruction,
            base=base,
            agent=agent,
            model=model,
            limits=LimitsWanted(usd=max_usd, calls=max_calls, seconds=timeout),
            verify=tuple(verify or ()),
            merge=merge,
            plan=plan,
            build=build,
            resume=not new,
        )
        _Request(wanted=wanted, images=image, files=file).carry_out(open_house, Output(json_lines=json))


@dataclass(kw_only=True)
class _Request:
    """What was typed after `honk run`."""

    wanted: NewTask
    images: list[Path] | None
    files: list[Path] | None
    kept: str = ""

    def carry_out(self, open_house: Open, out: Output) -> None:
        """Runs to the end, and exits."""

        async def command(house: House) -> int:
            return _exit(await carry_through(house, out, partial(self._begin, house, out)))

        try:
            run(open_house, out, command)
        except typer.Exit as exit:
            if exit.exit_code == INTERRUPTED and self.kept:
                out.farewell(self.kept)
            raise

    async def _begin(self, house: House, out: Output) -> Task:
        """The task: the one that was cut off and is asked for again, or a new one."""
        words = self.wanted.instruction
        wanted = replace(
            self.wanted,
            repository=await seen_from(house, self.wanted.repository),
            instruction=typer.get_text_stream("stdin").read() if words == "-" else words,
            images=await images(house, self.images),
            files=await files(house, self.files),
        )
        accepted = await house.service.submit(wanted, id=uuid.uuid4().hex)
        if accepted.resumed:
            out.line(f"task {accepted.task.id} was cut off; going on with it (--new begins anew)", "yellow")
        self.kept = kept(house, accepted.task.id)
        return accepted.task


def _add_reply(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk reply fix-the-crash "make the empty state friendlier"')
    def reply(  # noqa: PLR0913 - one parameter an option
        task: TaskName,
        words: Annotated[str, typer.Argument(help="What should be different now.")],
        image: ImageFiles = None,
        file: Files = None,
        queue: Annotated[bool, typer.Option("--queue", help="Leave the agent at work alone: the next turn.")] = False,
        interrupt: Annotated[bool, typer.Option("--interrupt", help="Cut short what the agent does now.")] = False,
        json: Json = False,
    ) -> None:
        """Go on with a task: said to the agent at work, or a new turn in the same session and pull request."""
        out = Output(json_lines=json)
        if queue and interrupt:
            raise typer.BadParameter("--queue and --interrupt exclude each other")
        handling = Handling.INTERRUPT if interrupt else Handling.QUEUED if queue else Handling.STEER
        say(open_house, task, Spoken(words, image, file), handling, out)


def _add_retry(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk retry fix-the-crash")
    def retry(
        task: TaskName,
        point: Annotated[
            str | None,
            typer.Option("--from", help="The step from which it is done again.", metavar="|".join(Point)),
        ] = None,
        json: Json = False,
    ) -> None:
        """Go on where a crash or Ctrl-C cut a task off, or do it again.

        With --from, the steps before that point stand as they were; without, the agent works on the same words again.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)

            async def begin() -> Task:
                return await house.service.retry(found.id, point=point)

            return _exit(await carry_through(house, out, begin, existing=found))

        run(open_house, out, command, task=task)


def _add_merge(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk merge fix-the-crash --squash")
    def merge(  # noqa: PLR0913 - one parameter an option
        task: TaskName,
        squash: Annotated[bool, typer.Option("--squash", help="All of the pull request as one commit.")] = False,
        accept_unsure: Annotated[
            bool, typer.Option("--accept-unsure", help="Merge although not everything was proven.")
        ] = False,
        typed: Annotated[
            str, typer.Option(help="The beginning of the commit, where the policy asks for it.", metavar="SHA")
        ] = "",
        head: Annotated[
            str, typer.Option(help="The commit that you looked at: at another one, nothing is done.", metavar="SHA")
        ] = "",
        now: Annotated[
            bool, typer.Option("--now", help="Deploy although a window or a freeze has it closed, and before others.")
        ] = False,
        json: Json = False,
    ) -> None:
        """Merge exactly the commit that was verified, and deploy it where the repository says how.

        Of a task that is merged and waits to be deployed, --now deploys it at once.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            approval = Approval(
                method=MergeMethod.SQUASH if squash else None,
                accept_unsure=accept_unsure,
                typed=typed or await _typed(house, found, out),
                head=head,
                now=now,
            )

            async def begin() -> Task:
                await house.service.merge(found.id, approval)
                return found

            settled = await carry_through(house, out, begin, existing=found)
            return _exit(settled)

        run(open_house, out, command, task=task)


def _add_undo(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk undo fix-the-crash")
    def undo(task: TaskName, json: Json = False) -> None:
        """Deploy again what was live before this task."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)

            async def begin() -> Task:
                await house.service.undo(found.id)
                return found

            settled = await carry_through(house, out, begin, existing=found)
            return _exit(settled)

        run(open_house, out, command, task=task)


async def _typed(house: House, task: Task, out: Output) -> str:
    """What a person types at the question, where the policy asks for it and somebody is there to answer."""
    word = (await house.service.card(task.id)).to_type if out.terminal else ""
    return str(typer.prompt(f"type {word} to merge it", default="", show_default=False)) if word else ""


def _add_stop(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk stop fix-the-crash")
    def stop(task: TaskName, json: Json = False) -> None:
        """Stop the work on a task, whichever process does it. What was done is kept."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            stopped = await house.service.stop(found.id)
            with anyio.move_on_after(10):
                while stopped.state in BUSY:
                    await anyio.sleep(0.1)
                    stopped = await house.service.find(found.id)
            if json:
                out.data({"task": stopped.id, "state": str(stopped.state)})
            else:
                point = " --from deploy" if stopped.state is State.MERGED else ""
                out.line(f"{stopped.id}: {stopped.state}. The work is kept; `honk retry {stopped.id}{point}` goes on.")
            return 0 if stopped.state in {State.STOPPED, State.MERGED} else 1

        run(open_house, out, command)


def _exit(settled: TaskSettled) -> int:
    return EXITS[Outcome(settled.outcome)]
