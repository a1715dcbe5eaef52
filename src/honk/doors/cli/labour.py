"""`honk worker`: this machine asks a server for jobs, and does them."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from honk.domain.remote_job import JobKind, labels_of, together
from honk.domain.text import Secret
from honk.doors.cli.labouring import Desk, Labour
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded
from honk.errors import Usage
from honk.ports import Executor, Signer, Workshop
from honk.service.working import WorkWanted

if TYPE_CHECKING:
    from honk.doors.cli.building import Elsewhere

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class Workbench(Protocol):
    """What this machine works with."""

    #: HONK_HOME of this machine
    @property
    def home(self) -> Path: ...

    @property
    def host(self) -> str:
        """What this machine is called."""

    @property
    def user(self) -> str:
        """As whom this process runs."""

    @property
    def pause(self) -> float:
        """Seconds between two questions for work."""

    @property
    def signs(self) -> bool:
        """Whether it has keys to sign with."""

    @property
    def workshop(self) -> Workshop: ...

    @property
    def signer(self) -> Signer: ...

    @property
    def executor(self) -> Executor: ...

    def alone(self, name: str) -> Path:
        """A folder of its own for the worker of that name. Raises Usage where another process has it."""


def add_worker_command(
    cli: typer.Typer, elsewhere: "Callable[[], Elsewhere]", workbench: Callable[[], Workbench]
) -> None:
    """Adds the command of this module to the command line."""

    @cli.command(epilog="Example: honk worker --labels macos,xcode --server https://honk.example.com")
    def worker(
        labels: Annotated[list[str], typer.Option(help="What this machine is, such as macos,xcode.")],
        kinds: Annotated[list[str], typer.Option(help="build; or sign, deploy, or both of these.")] = ["build"],  # noqa: B006
        server: Annotated[str, typer.Option(help="The server. Default: HONK_URL.")] = "",
        token: Annotated[
            str, typer.Option(help="A worker's token. Default: HONK_TOKEN, which nobody sees in a list of processes.")
        ] = "",
        name: Annotated[str, typer.Option(help="What it is called. Default: this machine's name.")] = "",
        once: Annotated[bool, typer.Option(help="End as soon as nothing waits.")] = False,
    ) -> None:
        """Compile, sign or deploy on this machine for a server elsewhere, which is asked for jobs. No port is opened.

        Killed in the middle it goes on when it is started again; a deployment is never repeated blindly.
        """
        out = Output()

        async def command() -> int:
            bench = workbench()
            called = name or re.sub(r"[^A-Za-z0-9._-]", "-", bench.host)[:64]
            if _NAME.fullmatch(called) is None:
                raise Usage(f"{called!r} is no name for a worker", "letters, digits, '.', '_' and '-'")
            wanted = WorkWanted(
                name=called,
                labels=tuple(sorted(labels_of(labels))),
                kinds=tuple(sorted(kinds_of(kinds))),
                host=bench.host,
                user=bench.user,
            )
            await _fit(bench, frozenset(wanted.kinds))
            from honk.doors.cli.remote import Remote

            async with elsewhere().open_at(server, Secret(token)) as house:
                if not isinstance(house.service, Remote):
                    raise Usage("for which server?", "name it: --server https://honk.example.com, or HONK_URL")
                doing = Labour(house.service, bench, Desk(bench.alone(called)), wanted, out)
                out.line(f"{called}: {', '.join(wanted.kinds)} with {', '.join(wanted.labels)} for {house.server}")
                await doing.work(once=once)
            return 0

        raise typer.Exit(guarded(command, out, kept=lambda: "What it was at goes on when it is started again."))


def kinds_of(named: list[str]) -> frozenset[JobKind]:
    """The kinds that somebody names, with commas or one by one. Raises Usage."""
    words = {one.strip() for part in named for one in part.split(",") if one.strip()}
    if words - set(JobKind):
        raise Usage(f"{', '.join(sorted(words - set(JobKind)))} is no kind of job", f"one of: {', '.join(JobKind)}")
    return together(frozenset(JobKind(one) for one in words))


async def _fit(bench: Workbench, kinds: frozenset[JobKind]) -> None:
    """Raises Usage or SandboxUnusable where this machine cannot do that, or should not."""
    if JobKind.BUILD in kinds:
        if bench.signs:
            raise Usage(
                "this honk.toml has keys in [worker.signing], and what an agent wrote never runs beside them",
                "compile as another user of the machine, with a HONK_HOME of its own",
            )
        await bench.workshop.ready()
    if JobKind.SIGN in kinds and not bench.signs:
        raise Usage("there is nothing to sign with", "say with what, below [worker.signing] in honk.toml")
