"""The `honk` command."""

import logging
import sys
from contextlib import AbstractAsyncContextManager

import structlog

from honk.demo import add_demo
from honk.doors.cli import command_line
from honk.doors.cli.house import House
from honk.settings import Settings
from honk.wiring import Doctor, open_honk


def main() -> None:
    """Reads the settings when a command needs them, and runs the command line."""

    def open_house() -> AbstractAsyncContextManager[House]:
        return open_honk(Settings.load())

    _quiet_log()
    cli = command_line(open_house, Doctor())
    add_demo(cli)
    cli()


def _quiet_log() -> None:
    """Operators' warnings go to stderr, with tracebacks that show no values: one could be a secret."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    main()
