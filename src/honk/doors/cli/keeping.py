"""`honk backup` and `honk restore`: what an operator keeps of a Honk, and makes it again from."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Protocol

import typer

from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json
from honk.doors.cli.output import Output
from honk.doors.cli.session import guarded, run
from honk.errors import Usage

#: told what is being done, the bytes so far, and the bytes in all (0: not known)
Tell = Callable[[str, int, int], None]


class Keeper(Protocol):
    """What works on the files of HONK_HOME and on the database themselves, whoever else is at work there."""

    async def back_up(self, path: Path, tell: Tell) -> int:
        """Writes the backup; returns its size."""

    async def restore(self, path: Path, tell: Tell) -> Mapping[str, object]:
        """Makes a Honk of the backup; returns its manifest."""


def add_keeping_commands(cli: typer.Typer, keeper: Keeper) -> None:
    """Adds `backup` and `restore`."""

    @cli.command(epilog="Example: honk backup /mnt/backups/honk-friday.tar.gz")
    def backup(
        file: Annotated[Path, typer.Argument(help="The new file; it is a .tar.gz.", show_default=False)],
        json: Json = False,
    ) -> None:
        """Write everything that cannot be made again into one file, while the work goes on. Secrets are not in it."""
        out = Output(json_lines=json)

        async def command() -> int:
            size = await keeper.back_up(file, _telling(out))
            if json:
                out.data({"file": str(file), "bytes": size})
            else:
                out.line(f"{file}: {size / 1e6:,.1f} MB, read back and whole")
            return 0

        raise typer.Exit(guarded(command, out))

    @cli.command(epilog="Example: HONK_HOME=/srv/honk honk restore honk-friday.tar.gz")
    def restore(
        file: Annotated[Path, typer.Argument(help="What `honk backup` wrote.", show_default=False)],
        json: Json = False,
    ) -> None:
        """Make the Honk of a backup again, in an empty HONK_HOME and, where one is set, an empty database."""
        out = Output(json_lines=json)

        async def command() -> int:
            manifest = await keeper.restore(file, _telling(out))
            if json:
                out.data(dict(manifest))
            else:
                out.line(f"restored the backup of {manifest['at']}, made by Honk {manifest['release']}")
                out.line("what was at work goes on with honk serve, or honk retry TASK")
            return 0

        raise typer.Exit(guarded(command, out))


def add_forgetting(cli: typer.Typer, open_house: Open) -> None:
    """Adds `forget`."""

    @cli.command(epilog="Example: honk forget fix-the-crash-3f2a1b --yes")
    def forget(
        task: Annotated[str, typer.Argument(help="The beginning of a task's id, or `last`.", show_default=False)],
        yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
        json: Json = False,
    ) -> None:
        """Delete a task's transcript, workspace, builds, logs and pictures for good. Its events and commits stay."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            if not yes and not (out.terminal and typer.confirm(f"delete what {found.id} left, for good?")):
                raise Usage("nothing was deleted", "--yes does not ask")
            freed = await house.service.forget(found.id)
            if json:
                out.data({"task": found.id, "freed_bytes": freed})
            else:
                out.line(f"deleted: {freed / 1e6:,.1f} MB of artifacts, transcript and workspace of {found.id}")
            return 0

        run(open_house, out, command)


def _telling(out: Output) -> Tell:
    """A line for each tenth, or for each GiB where the whole is not known."""
    told: set[tuple[str, int]] = set()

    def tell(doing: str, done: int, total: int) -> None:
        part = done * 10 // total if total else done >> 30
        if (doing, part) not in told:
            told.add((doing, part))
            out.progress(f"{doing}: {done / 1e6:,.0f}" + (f" of {total / 1e6:,.0f} MB" if total else " MB"))

    return tell
