"""Runs one command: opens Honk, turns errors into words and exit codes, Ctrl-C into a clean stop."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import typer

from honk.doors.cli.house import House, Open
from honk.doors.cli.output import Output
from honk.errors import Defect, HonkError, Usage

#: Exit codes besides those of a turn's outcome.
USAGE, ERROR, INTERRUPTED = 2, 1, 130
#: seconds within which a second signal is the first one again
_SAME_SIGNAL = 0.3


class Interrupted(Exception):
    """Ctrl-C or SIGTERM arrived."""


def kept(house: House, task: str) -> str:
    """What becomes of the work on a task after Ctrl-C."""
    if house.server:
        return f"{house.server} goes on with it; `honk follow {task}` shows it again, `honk stop {task}` ends it."
    return f"The work so far is kept; `honk retry {task}` goes on where it was cut off."


def run(open_house: Open, out: Output, command: Callable[[House], Awaitable[int]], *, task: str = "") -> None:
    """Runs the command in an opened house, and exits. What becomes of the work on `task` is said after Ctrl-C."""
    farewell = ""

    async def opened() -> int:
        nonlocal farewell
        async with open_house() as house:
            farewell = kept(house, task) if task else ""
            return await command(house)

    raise typer.Exit(guarded(opened, out, kept=lambda: farewell))


def guarded(work: Callable[[], Awaitable[int]], out: Output, *, kept: Callable[[], str] = str) -> int:
    """The exit code of `work`; errors of Honk's own are said in words. `kept` is said after Ctrl-C."""
    try:
        return asyncio.run(_interruptible(work))
    except Interrupted:
        out.progress("")
        if words := kept():
            out.farewell(f"stopped. {words}")
        return INTERRUPTED
    except Defect as error:
        out.error(Defect(f"this is a defect of Honk: {error.message}", "please report it with the output of honk log"))
        return ERROR
    except HonkError as error:
        out.error(error)
        return USAGE if isinstance(error, Usage) else ERROR


async def _interruptible(work: Callable[[], Awaitable[int]]) -> int:
    """Cancels the work on the first signal, so that every context is left properly."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work())
    asked: list[float] = []

    def stop() -> None:
        # One Ctrl-C may come twice: from the terminal, and from a supervisor such as `timeout` that passes it on.
        if not asked or loop.time() - asked[-1] > _SAME_SIGNAL:
            task.cancel()
        asked.append(loop.time())

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    try:
        return await task
    except asyncio.CancelledError:
        if asked:
            raise Interrupted from None
        raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.remove_signal_handler(number)
