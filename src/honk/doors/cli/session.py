"""Runs one command: opens Honk, turns errors into words and exit codes, Ctrl-C into a clean stop."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable

import typer

from honk.doors.cli.house import House, Open
from honk.doors.cli.output import Output
from honk.errors import Defect, HonkError, Usage

#: Exit codes besides those of a turn's outcome.
USAGE, ERROR, INTERRUPTED = 2, 1, 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
#: seconds within which a second signal is the first one again
_SAME_SIGNAL = 0.3


#: seconds in which everything must be left properly; then it ends as after kill -9, which loses nothing either
_END_WITHIN = 30.0
_SERVED = "Unfinished work goes on with the next `honk serve` or `honk retry`."


class Interrupted(Exception):
    """Ctrl-C or SIGTERM arrived."""

    def __init__(self, signal: int) -> None:
        super().__init__(signal)
        self.signal = signal


def kept(house: House, task: str) -> str:
    """What becomes of the work on a task after Ctrl-C."""
    if house.server:
        return f"{house.server} goes on with it; `honk follow {task}` shows it again, `honk stop {task}` ends it."
    return f"The work so far is kept; `honk retry {task}` goes on where it was cut off."


def run(
    open_house: Open,
    out: Output,
    command: Callable[[House], Awaitable[int]],
    *,
    task: str = "",
    here: bool = False,
    serves: bool = False,
) -> None:
    """Runs the command in an opened house, and exits.

    `here` says that it makes sense only on the machine of HONK_HOME. After Ctrl-C it is said what
    becomes of the work on `task`. For one that `serves`, SIGTERM is the usual end, and no failure.
    """
    said = _SERVED if serves else ""

    async def opened() -> int:
        nonlocal said
        async with open_house(here=here) as house:
            said = kept(house, task) if task else said
            return await command(house)

    raise typer.Exit(guarded(opened, out, kept=lambda: said, serves=serves))


def guarded(
    work: Callable[[], Awaitable[int]],
    out: Output,
    *,
    kept: Callable[[], str] = str,
    serves: bool = False,
    end_within: float = _END_WITHIN,
) -> int:
    """The exit code of `work`; errors of Honk's own are said in words. `kept` is said after Ctrl-C.

    Ctrl-C cancels the work; what has not ended `end_within` seconds after it, or at a second Ctrl-C, ends as if killed.
    """
    try:
        return asyncio.run(_interruptible(work, end_within))
    except Interrupted as end:
        out.progress("")
        if words := kept():
            out.farewell(f"stopped. {words}")
        return 0 if serves and end.signal == signal.SIGTERM else INTERRUPTED
    except Defect as error:
        out.error(Defect(f"this is a defect of Honk: {error.message}", "please report it with the output of honk log"))
        return ERROR
    except HonkError as error:
        out.error(error)
        return USAGE if isinstance(error, Usage) else ERROR


async def _interruptible(work: Callable[[], Awaitable[int]], end_within: float) -> int:
    """Cancels the work on the first signal, so that every context is left properly; ends at once on the next."""
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work())
    asked: list[tuple[float, int]] = []

    def stop(number: int) -> None:
        if not asked:
            asked.append((loop.time(), number))
            task.cancel()
            loop.call_later(end_within, _end_at_once, "it did not end in time")
        # One Ctrl-C may come twice: from the terminal, and from a supervisor such as `timeout` that passes it on.
        elif loop.time() - asked[0][0] > _SAME_SIGNAL:
            _end_at_once("asked twice")

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if asked:
            raise Interrupted(asked[0][1]) from None
        raise
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _end_at_once(why: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"ended at once: {why}. What was cut off goes on at the next start.\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
