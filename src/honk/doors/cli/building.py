"""Commands about builds that somebody else makes: upload one, and let a CI do it."""

import hashlib
import shlex
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Protocol

import anyio
import typer
from anyio.to_thread import run_sync

from honk.domain.codec import jsonable
from honk.domain.stamp import Stamp
from honk.domain.text import Secret
from honk.domain.upload import UploadState
from honk.doors.cli.house import House, Open
from honk.doors.cli.options import Json, TaskName
from honk.doors.cli.output import Output, printable
from honk.doors.cli.session import guarded, run
from honk.errors import NotNow, Retryable, Usage
from honk.service.uploads import BuildTokenWanted, StampWanted, UploadShown, UploadWanted

#: bytes of one request: what is lost at most where a proxy gathers a request before it passes it on
_REQUEST = 16 << 20
_PIECE = 256 << 10
#: seconds without progress after which it is given up, and between two tries
_PATIENCE, _PAUSE = 120.0, 1.0
#: seconds for which a complete upload is waited for
_PLACE = 120.0
_OVER = frozenset({UploadState.BUILT, UploadState.REFUSED})
StampedTask = Annotated[
    str,
    typer.Option(
        envvar="HONK_TASK",
        help="The task's id, or the beginning of it. Default: that of the token, or of the branch in a CI.",
    ),
]
StampedCommit = Annotated[
    str, typer.Option(help="Which commit it was built of. Default: the CI's, or git's HEAD here.", metavar="SHA")
]
Server = Annotated[str, typer.Option(help="The server. Default: HONK_URL, or this machine.")]
Token = Annotated[
    str, typer.Option(help="An access token. Default: HONK_TOKEN, which nobody sees in a list of processes.")
]


class Elsewhere(Protocol):
    """The server and the CI that a command is about."""

    def open_at(self, server: str, token: Secret) -> AbstractAsyncContextManager[House]:
        """The Honk at that address; of HONK_URL, or of this machine, for "". Raises Usage."""

    def commit(self) -> str:
        """What the CI has checked out that runs this; "" where none says so."""

    def task(self) -> str:
        """The task whose branch it has checked out; "" where it is none."""


def add_build_commands(cli: typer.Typer, open_house: Open, elsewhere: Callable[[], Elsewhere]) -> None:
    """Adds the commands of this module to the command line."""
    build = typer.Typer(no_args_is_help=True, help="Builds that somebody else makes, such as a CI with a Mac.")
    cli.add_typer(build, name="build")
    _add_upload(build, elsewhere)
    _add_stamp(build, elsewhere)
    _add_token(build, open_house)


def _add_upload(cli: typer.Typer, elsewhere: Callable[[], Elsewhere]) -> None:
    @cli.command(epilog="Example: honk build upload build/app.ipa --task fix-the-crash --commit 4f2a9c1")
    def upload(
        file: Annotated[Path, typer.Argument(help="An .apk, .aab or .ipa, or a zip or tar with index.html.")],
        task: StampedTask = "",
        commit: StampedCommit = "",
        server: Server = "",
        token: Token = "",
        json: Json = False,
    ) -> None:
        """Upload a build of a task's commit. Broken off, it goes on where it was when it is run again."""
        out = Output(json_lines=json)

        async def command() -> int:
            place = elsewhere()
            name, size, digest = file.name, *await _measured(file)
            async with place.open_at(server, Secret(token)) as house:
                wanted = UploadWanted(
                    task=task or place.task(),
                    commit=commit or place.commit() or await _head(),
                    name=name,
                    size=size,
                    digest=digest,
                )
                return _tell(out, await _carried(house, out, file, wanted))

        raise typer.Exit(guarded(command, out, kept=lambda: "What came is kept for a day: the same command goes on."))


def _add_stamp(cli: typer.Typer, elsewhere: Callable[[], Elsewhere]) -> None:
    @cli.command(epilog='Example: honk build stamp >> "$GITHUB_ENV"')
    def stamp(
        task: StampedTask = "",
        commit: StampedCommit = "",
        shell: Annotated[
            bool, typer.Option("--shell", help='For a shell: eval "$(honk build stamp --shell)".')
        ] = False,
        server: Server = "",
        token: Token = "",
        json: Json = False,
    ) -> None:
        """Print what a build of a task's commit is to carry, as variables; asked again, the same."""
        out = Output(json_lines=json)

        async def command() -> int:
            place = elsewhere()
            async with place.open_at(server, Secret(token)) as house:
                wanted = StampWanted(task=task or place.task(), commit=commit or place.commit() or await _head())
                found = await house.service.stamp_build(wanted)
            if json:
                out.data(jsonable(found))
                return 0
            carried = Stamp(
                number=found.number,
                version=found.version,
                id_suffix=found.id_suffix,
                name_suffix=found.name_suffix,
            )
            for name, value in carried.environment.items():
                out.raw(f"export {name}={shlex.quote(value)}\n" if shell else f"{name}={value}\n")
            return 0

        raise typer.Exit(guarded(command, out))


def _add_token(cli: typer.Typer, open_house: Open) -> None:
    @cli.command(epilog="Example: honk build token fix-the-crash --hours 2")
    def token(
        task: TaskName,
        hours: Annotated[float, typer.Option(help="It expires after so many; at most 168.")] = 24.0,
        json: Json = False,
    ) -> None:
        """Make an access token that can upload builds of this task, and nothing else. It is printed once."""
        out = Output(json_lines=json)

        async def command(house: House) -> int:
            found = await house.service.find(task)
            made = await house.service.create_build_token(found.id, BuildTokenWanted(hours=hours))
            if json:
                out.data(jsonable(made))
            else:
                out.line(made.secret)
                out.progress(f"token {made.token.id}, for builds of {found.id}, until {made.token.expires_at:%F %H:%M}")
            return 0

        run(open_house, out, command)


async def _carried(house: House, out: Output, file: Path, wanted: UploadWanted) -> UploadShown:
    with house.alone() as alone:
        async with house.working() if alone else nullcontext():
            now = await _sent(house, out, file, wanted)
            with out.waiting("it becomes a build"), anyio.move_on_after(_PLACE):
                while now.state not in _OVER:
                    await anyio.sleep(0.2)
                    now = await house.service.upload(now.id)
            return now


async def _sent(house: House, out: Output, file: Path, wanted: UploadWanted) -> UploadShown:
    """Everything is there in the end. What breaks off is gone on with; raises what breaks it off for too long."""
    now = await house.service.begin_upload(wanted)
    if now.received:
        out.progress(f"{now.received:,} of {now.size:,} bytes are there already")
    moved = anyio.current_time()
    with _progress(out, wanted) as show:
        while now.received < now.size or now.state is UploadState.RECEIVING:
            show(now.received)
            before = now.received
            try:
                now = await house.service.append(now.id, before, _pieces(file, before, show))
            except (Retryable, NotNow) as error:
                if anyio.current_time() - moved > _PATIENCE:
                    raise
                out.progress(f"broken off: {error.message}")
                await anyio.sleep(_PAUSE)
                now = await _looked_at(house, now)
            if now.received > before:
                moved = anyio.current_time()
        show(now.received)
    return now


@contextmanager
def _progress(out: Output, wanted: UploadWanted) -> Iterator[Callable[[int], None]]:
    """A bar on a terminal; told how many bytes have gone."""
    if not out.terminal:
        yield lambda _: None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task(printable(wanted.name), total=wanted.size)
        yield lambda done: bar.update(task, completed=done)


async def _looked_at(house: House, known: UploadShown) -> UploadShown:
    try:
        return await house.service.upload(known.id)
    except Retryable:
        return known


async def _pieces(file: Path, offset: int, show: Callable[[int], None]) -> AsyncIterator[bytes]:
    with file.open("rb") as source:
        source.seek(offset)
        end = offset + _REQUEST
        while offset < end and (piece := await run_sync(source.read, min(_PIECE, end - offset))):
            yield piece
            offset += len(piece)
            show(offset)


async def _measured(file: Path) -> tuple[int, str]:
    """Size and SHA-256. Raises Usage for what is no file."""

    def measured() -> tuple[int, str]:
        with file.open("rb") as source:
            return file.stat().st_size, hashlib.file_digest(source, "sha256").hexdigest()

    if file.is_dir():
        raise Usage(f"{file} is a folder", "give a file; of a web app, make an archive: tar -cf app.tar -C dist .")
    try:
        return await run_sync(measured)
    except OSError as exc:
        raise Usage(f"{file} cannot be read: {exc.strerror}", "check the path of the build") from exc


async def _head() -> str:
    """What git has checked out here. Raises Usage where that cannot be known."""
    try:
        with anyio.fail_after(5):
            done = await anyio.run_process(["git", "rev-parse", "HEAD"], check=False)
    except (OSError, TimeoutError):
        done = None
    if done is None or done.returncode:
        raise Usage("of which commit is this a build?", "name it: --commit SHA")
    return done.stdout.decode(errors="replace").strip()


def _tell(out: Output, now: UploadShown) -> int:
    if now.state is UploadState.REFUSED:
        reason, _, remedy = now.reason.partition("\n")
        raise Usage(reason, remedy)
    if out.json:
        out.data(jsonable(now))
    elif now.state is not UploadState.BUILT:
        out.line(f"{now.name} is there; it becomes a build of {now.task} as soon as a place for work is free")
    elif now.older:
        out.line(f"build {now.build} ({now.kind}) of {now.commit[:12]}: kept, but a newer commit has a build already")
    else:
        out.line(f"build {now.build} ({now.kind}) of {now.commit[:12]}, in task {now.task}")
    if now.url and not out.json:
        out.line(now.url)
    for sentence in now.missed if not out.json else ():
        out.line(sentence, "yellow")
    return 0
