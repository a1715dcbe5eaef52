"""Commands about words on their way and about who works: interrupt, go, messages, edit, withdraw, hand-over."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from honk.domain.codec import jsonable
from honk.domain.message import Handling
from honk.domain.task import Task
from honk.domain.text import one_line
from honk.domain.turn import Outcome
from honk.doors.cli.following import carry_through
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Files, ImageFiles, Json, TaskName, files, images
from honk.doors.cli.output import Output
from honk.doors.cli.session import run
from honk.service import Go, HandOver, Reply
from honk.views import EXITS

MessageName = Annotated[str, typer.Argument(help="The message's id, or the beginning of it.", metavar="MESSAGE")]


def add_steering_commands(cli: typer.Typer, open_house: Open) -> None:
    """Adds the commands of this module to the command line."""

    _add_interrupt(cli, open_house)
    _add_go(cli, open_house)
    _add_messages(cli, open_house)
    _add_changes(cli, open_house)
    _add_hand_over(cli, open_house)


def _add_interrupt(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk interrupt fix-the-crash "not that file: player.py"')
    def interrupt(
        task: TaskName,
        words: Annotated[str, typer.Argument(help="What the agent should do instead.")],
        image: ImageFiles = None,
        file: Files = None,
        json: Json = False,
    ) -> None:
        """Cut short what the agent does now; it goes on with these words, in the same session and turn."""
        say(open_house, task, Spoken(words, image, file), Handling.INTERRUPT, Output(json_lines=json))


def _add_go(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk go fix-the-crash")
    def go(task: TaskName, json: Json = False) -> None:
        """Have the plan carried out that waits. `honk reply` changes it, `honk stop` cancels it."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            message = ""

            async def begin() -> Task:
                nonlocal message
                message = (await house.service.approve_plan(found.id, Go(), id=uuid.uuid4().hex)).message
                return found

            settled = await carry_through(house, out, begin, existing=found, message=lambda: message)
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, task=task)


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words as they were typed, with the files named beside them."""

    words: str
    images: list[Path] | None = None
    files: list[Path] | None = None


def say(open_house: Open, task: str, spoken: Spoken, handling: Handling, out: Output) -> None:
    """Says words to a task, and shows what comes of them."""

    async def command(house: House) -> int:
        found = await house.service.find(task)
        said = Reply(
            text=spoken.words,
            images=await images(house, spoken.images),
            files=await files(house, spoken.files),
            handling=handling,
        )
        message = ""

        async def begin() -> Task:
            nonlocal message
            received = await house.service.reply(found.id, said, id=uuid.uuid4().hex)
            message = received.message
            if received.turn is None:
                out.line(_BEHIND[handling])
            return found

        settled = await carry_through(house, out, begin, existing=found, message=lambda: message)
        return EXITS[Outcome(settled.outcome)]

    run(open_house, out, command, task=task)


_BEHIND = {
    Handling.STEER: "said to the agent at work, at its next step; if it has ended by then, it is the next turn",
    Handling.INTERRUPT: "what the agent does is cut short for it; if it has ended by then, it is the next turn",
    Handling.QUEUED: "queued: it is the next turn, after the one at work",
}


def _add_messages(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk messages fix-the-crash")
    def messages(task: TaskName, json: Json = False) -> None:
        """List the messages that no turn and no agent has had yet, oldest first."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            waiting = await house.service.messages(task)
            if json:
                for one in waiting:
                    out.data(jsonable(one))
            elif not waiting:
                out.line("no message waits")
            else:
                rows = [
                    (one.message.id, "on its way" if one.handed else str(one.handling), one_line(one.message.text))
                    for one in waiting
                ]
                out.table(("message", "handling", "words"), rows)
            return 0

        run(open_house, out, command)


def _add_changes(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog='Example: honk edit fix-the-crash 3f2a "in blue, not in red"')
    def edit(
        task: TaskName,
        message: MessageName,
        words: Annotated[str, typer.Argument(help="What it should say.")],
        json: Json = False,
    ) -> None:
        """Give a message that still waits other words."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            edited = await house.service.edit(task, message, words)
            if json:
                out.data(jsonable(edited))
            else:
                out.line(f"{edited.id} says now: {one_line(edited.text)}")
            return 0

        run(open_house, out, command)

    @cli.command(epilog="Example: honk withdraw fix-the-crash 3f2a")
    def withdraw(task: TaskName, message: MessageName, json: Json = False) -> None:
        """Take back a message that still waits: nobody works on it."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            gone = await house.service.withdraw(task, message)
            if json:
                out.data(jsonable(gone))
            else:
                out.line(f"{gone.id} is withdrawn: {one_line(gone.text)}")
            return 0

        run(open_house, out, command)


def _add_hand_over(cli: typer.Typer, open_house: Open) -> None:
    @cli.command("hand-over", epilog='Example: honk hand-over fix-the-crash --model claude-opus-5-5 "finish it"')
    def hand_over(
        task: TaskName,
        words: Annotated[str, typer.Argument(help="What comes next. Default: to go on.")] = "",
        agent: Annotated[str, typer.Option(help="Who goes on. Default: the same.", metavar="claude|command")] = "",
        model: Annotated[str | None, typer.Option(help="With which model. Default: its own.", metavar="NAME")] = None,
        json: Json = False,
    ) -> None:
        """Let another agent or model go on with a task: same workspace, same pull request.

        The agent at work is ended first; what it did is kept, and the next one is told the story so far.
        """
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            wanted = HandOver(agent=agent, model=model, text=words)
            message, begun = "", True

            async def begin() -> Task:
                nonlocal message, begun
                said = await house.service.hand_over(found.id, wanted, id=uuid.uuid4().hex)
                message, begun = said.message, said.turn is not None
                return found

            settled = await carry_through(house, out, begin, existing=found, message=lambda: message)
            if not begun and settled.outcome == Outcome.STOPPED:
                out.line(f"the agent before has ended, the next one goes on: honk follow {found.id}")
                return 0
            return EXITS[Outcome(settled.outcome)]

        run(open_house, out, command, task=task)
