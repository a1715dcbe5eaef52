"""What commands do their work with: a Honk in this process, or one behind a server."""

import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from honk.domain.text import Secret
from honk.doors.cli import Behind, loading
from honk.doors.cli.house import Diagnosis, House, only_there
from honk.settings import Settings
from honk.settings.ci import Built
from honk.settings.live import checked
from honk.settings.server import Server

if TYPE_CHECKING:
    from honk.doors.cli.github import GithubSetup
    from honk.doors.cli.keeping import Tell
    from honk.doors.cli.labour import Workbench
    from honk.doors.cli.slack import Standing


def _here() -> None:
    """Raises Usage where a server does the work: its files are on its machine."""
    if (server := Server.chosen()) is not None:
        raise only_there(server.url)


class _Doctor:
    """The doctor, called when needed: `honk --help` should not wait for a database and an agent's SDK to load."""

    async def diagnose(self) -> tuple[Diagnosis, ...]:
        if (server := Server.chosen()) is not None:
            from honk.doors.cli.remote import open_remote

            async with open_remote(server.url, server.token) as house:
                return await house.service.diagnose()
        from honk.wiring import Doctor

        return await Doctor().diagnose()

    def here(self) -> None:
        _here()

    def settings_path(self) -> Path:
        return Settings.locate()

    def check_policy(self, file: Path | None) -> str:
        return checked(file or Settings.locate())


class _Keeper:
    """Backup and restore, loaded when needed."""

    async def back_up(self, path: Path, tell: "Tell") -> int:
        _here()
        from honk.wiring.keeping import Keeper

        return await Keeper().back_up(path, tell)

    async def restore(self, path: Path, tell: "Tell") -> Mapping[str, object]:
        _here()
        from honk.wiring.keeping import Keeper

        return await Keeper().restore(path, tell)


class _SlackSetup:
    """What sets Slack up, loaded when needed."""

    def manifest(self, address: str) -> str:
        from honk.wiring.slack_setup import SlackSetup

        return SlackSetup.manifest(address)

    def standing(self, given: Mapping[str, str]) -> "Standing":
        _here()
        from honk.wiring.slack_setup import SlackSetup

        return SlackSetup(Settings.load()).standing(given)

    def check(self, user: str, given: Mapping[str, str]) -> AsyncIterator[Diagnosis]:
        from honk.wiring.slack_setup import SlackSetup

        return SlackSetup(Settings.load()).check(user, given)


def _github_setup() -> "GithubSetup":
    _here()
    from honk.wiring.github_setup import GithubSetup as Setup

    return Setup(Settings.load())


class _Elsewhere:
    """Implements honk.doors.cli.building.Elsewhere."""

    def __init__(self) -> None:
        self._built = Built.here()

    def open_at(self, server: str, token: Secret) -> AbstractAsyncContextManager[House]:
        chosen = Server.chosen(url=server, token=token)
        if chosen is None:
            return _open_house()
        from honk.doors.cli.remote import open_remote

        return open_remote(chosen.url, chosen.token)

    def commit(self) -> str:
        return self._built.commit

    def task(self) -> str:
        return self._built.task


def _workbench() -> "Workbench":
    from honk.wiring.workbench import workbench

    return workbench(Settings.load())


def _open_house(*, here: bool = False) -> AbstractAsyncContextManager[House]:
    if here:
        _here()
    if (server := Server.chosen()) is not None:
        from honk.doors.cli.remote import open_remote

        return open_remote(server.url, server.token)
    with loading():
        from honk.wiring import open_honk

    return open_honk(Settings.load())


def behind() -> Behind:
    """Nothing is opened yet, and the settings are read when a command needs them."""
    _quiet_log()
    return Behind(
        open_house=_open_house,
        caretaker=_Doctor(),
        keeper=_Keeper(),
        slack=_SlackSetup(),
        github=_github_setup,
        elsewhere=_Elsewhere,
        workbench=_workbench,
    )


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
